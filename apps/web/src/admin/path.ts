/** The page of one user, whatever the id is made of. */
export function userPath(userId: string): string {
  return `/admin/users/${encodeURIComponent(userId)}`;
}
