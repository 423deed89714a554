import { CreditsError } from "creditkit";
import { cookies } from "next/headers";
import { deleteAccount } from "@/auth/delete-account";
import { failureMessage } from "@/credits/failure";
import { field, readForm, redirectTo } from "@/security/form";

/** Deletes the account of the session, whose owner typed its address. */
export async function POST(request: Request): Promise<Response> {
  const read = await readForm(request);
  if (read instanceof Response) return read;
  const { signedIn, form, origin } = read;
  const problem = (code: string) => redirectTo(origin, `/app/settings?problem=${code}`);
  if (field(form, "email").trim().toLowerCase() !== signedIn.email.toLowerCase()) return problem("EMAIL");
  try {
    await deleteAccount(signedIn.userId);
  } catch (error) {
    if (CreditsError.is(error)) return problem(error.code);
    failureMessage(error, "deleting an account");
    return problem("UNKNOWN");
  }
  const jar = await cookies();
  for (const { name } of jar.getAll()) if (name.includes("better-auth")) jar.delete(name);
  return redirectTo(origin, "/?deleted");
}
