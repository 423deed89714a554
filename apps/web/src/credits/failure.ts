import "server-only";
import { CreditsError } from "creditkit";

/** All that a browser learns about an error that is not the ledger's own (rule 33). */
export const unknownFailure = "Something went wrong. Please try again.";

/** The sentence that a caller may see. Anything but the ledger's own words is logged and kept from the caller. */
export function failureMessage(error: unknown, doing: string): string {
  if (CreditsError.is(error)) return error.message;
  console.error(`[Credits] ${doing} failed: ${describeFailure(error)}`);
  return unknownFailure;
}

/** What may be logged about an error: drivers put SQL and values into their messages. */
export function describeFailure(error: unknown): string {
  if (CreditsError.is(error)) return `${error.code}: ${error.message}`;
  if (!(error instanceof Error)) return "a thrown value that is not an Error";
  const code = "code" in error && typeof error.code === "string" ? ` ${error.code}` : "";
  const cause = error.cause instanceof Error ? ` caused by ${describeFailure(error.cause)}` : "";
  return `${error.name}${code}${cause}`;
}
