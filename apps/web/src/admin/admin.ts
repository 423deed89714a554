import "server-only";
import { notFound, redirect } from "next/navigation";
import { isId } from "@/admin/users";
import { getSignedIn, type SignedIn } from "@/auth/session";
import { field, readForm } from "@/security/form";

/** The admin who asks for a page. Whoever is none learns nothing of it: to them it does not exist. */
export async function requireAdmin(): Promise<SignedIn> {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  if (!signedIn.isAdmin) notFound();
  return signedIn;
}

interface AdminForm {
  admin: SignedIn;
  form: FormData;
  origin: string;
}

/** An admin's form from this app's own page, or the response to anything else. */
export async function readAdminForm(request: Request): Promise<AdminForm | Response> {
  const read = await readForm(request);
  if (read instanceof Response) return read;
  if (!read.signedIn.isAdmin) return new Response(null, { status: 404 });
  return { admin: read.signedIn, form: read.form, origin: read.origin };
}

/** The same of a form about one user. */
export async function readUserForm(request: Request): Promise<(AdminForm & { userId: string }) | Response> {
  const read = await readAdminForm(request);
  if (read instanceof Response) return read;
  const userId = field(read.form, "userId");
  return isId(userId) ? { ...read, userId } : new Response("Whose credits?", { status: 400 });
}

/** That an admin looked at a user's books, as the queries of the contract log it (rule 31). */
export function logRead(admin: SignedIn, userId: string): void {
  // Quoted, so that an id with a line break cannot forge a line of its own.
  console.info(
    `[Credits] admin ${admin.userId} reads the credits of user ${JSON.stringify(userId.slice(0, 255))}`,
  );
}
