import "server-only";
import { CreditsError } from "creditkit";
import { failureMessage } from "@/credits/failure";
import { redirectTo } from "@/security/form";

/** Back to where a form came from, with what was done; sent again by reloading, nothing happens. */
export function done(origin: string, path: string, what: string): Response {
  return redirectTo(origin, `${path}?${new URLSearchParams({ done: what })}`);
}

/** Back, with why nothing was done and what had been typed. */
export function refused(
  origin: string,
  path: string,
  error: unknown,
  typed: Readonly<Record<string, string>> = {},
): Response {
  if (!CreditsError.is(error)) failureMessage(error, "an admin's action");
  const facts = CreditsError.is(error)
    ? { problem: error.code, ...(error.available !== undefined && { available: String(error.available) }) }
    : { problem: typeof error === "string" ? error : "UNKNOWN" };
  return redirectTo(origin, `${path}?${new URLSearchParams({ ...typed, ...facts })}`);
}

export function userPath(userId: string): string {
  return `/admin/users/${encodeURIComponent(userId)}`;
}
