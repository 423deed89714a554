import "server-only";
import { CreditsError } from "creditkit";
import { failureMessage } from "@/credits/failure";
import { field, redirectTo } from "@/security/form";

type Facts = Readonly<Record<string, string>>;

/** Of one field that is handed back: beyond it, an address would be longer than servers take. */
const typedLengthMax = 600;

/** Back to where a form came from, with what was done; sent again by reloading, nothing happens. */
export function done(origin: string, path: string, what: string, facts: Facts = {}): Response {
  return redirectTo(origin, `${path}?${new URLSearchParams({ ...facts, done: what })}`);
}

/** Back, with why nothing was done and what had been typed. */
export function refused(origin: string, path: string, error: unknown, typed: Facts = {}): Response {
  if (!CreditsError.is(error)) failureMessage(error, "an admin's action");
  return back(origin, path, {
    ...typed,
    problem: CreditsError.is(error) ? error.code : "UNKNOWN",
    ...(CreditsError.is(error) && error.available !== undefined && { available: String(error.available) }),
  });
}

/** Back, with what is wrong in the form itself. */
export function malformed(origin: string, path: string, problem: string | undefined, typed: Facts): Response {
  return back(origin, path, { ...typed, problem: problem ?? "UNKNOWN" });
}

/** What was typed into a form, for the page that shows it again. */
export function typedIn(form: FormData, names: readonly string[]): Facts {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = field(form, name).slice(0, typedLengthMax);
      return value === "" ? [] : [[name, value]];
    }),
  );
}

function back(origin: string, path: string, facts: Facts): Response {
  return redirectTo(origin, `${path}?${new URLSearchParams(facts)}`);
}
