import "server-only";
import { inArray } from "drizzle-orm";
import { user } from "@/auth/schema";
import { getDatabase } from "@/database/server";
import { readEnvironment } from "@/env";

/**
 * Makes the accounts of `ADMIN_EMAILS` admins. Only accounts that exist at this start: nobody proves to own an
 * address at sign-up, so the operator signs up first, names the account, and starts again.
 *
 * @returns the listed addresses that have no account
 */
export async function promoteAdmins(): Promise<string[]> {
  const emails = readEnvironment().ADMIN_EMAILS ?? [];
  if (emails.length === 0) return [];
  const { drizzle } = await getDatabase();
  const promoted = await drizzle
    .update(user)
    .set({ role: "admin" })
    .where(inArray(user.email, emails))
    .returning({ email: user.email });
  return emails.filter((email) => !promoted.some((account) => account.email === email));
}
