import "server-only";
import { headers } from "next/headers";
import { cache } from "react";
import { getAuth } from "@/auth/server";

export interface SignedIn {
  userId: string;
  name: string;
  email: string;
  createdAt: Date;
  isAdmin: boolean;
}

/** Who sent the current request; null when nobody is signed in. Looked up once for all parts of a page. */
export const getSignedIn = cache(async (): Promise<SignedIn | null> => {
  // The headers first: reading them marks the page as dynamic before anything opens the database.
  const requestHeaders = await headers();
  const session = await (await getAuth()).api.getSession({ headers: requestHeaders });
  if (!session) return null;
  const { id, name, email, role, createdAt } = session.user;
  return {
    userId: id,
    name,
    email,
    createdAt: new Date(createdAt),
    isAdmin: role?.split(",").includes("admin") ?? false,
  };
});
