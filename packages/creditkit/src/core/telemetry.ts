import type { FailureKind } from "./database.ts";
import { CreditsError } from "./errors.ts";
import type { Operation } from "./request.ts";

/**
 * What the engine tells of its work, for traces and metrics: names, counts and codes. It never learns of ids, keys,
 * amounts, descriptions, metadata or the values of a statement. `creditkit/opentelemetry` makes one.
 */
export interface Telemetry {
  /** Runs an operation that the host called; the name is the method's. */
  operation<Result>(name: string, work: () => Promise<Result>): Promise<Result>;
  /** Who asks, as the telemetry wants to remember it while the request waits for its statement. */
  caller(): unknown;
  /** Runs the statement that does the requests of one or more callers. */
  statement<Result>(
    operation: Operation,
    callers: readonly unknown[],
    work: () => Promise<Result>,
  ): Promise<Result>;
  /** Something that failed is done again. */
  retry(reason: FailureKind): void;
}

type AsyncFunctions<Functions> = { [Name in keyof Functions]: (...parameters: never[]) => Promise<unknown> };

/** The same operations, each run by the telemetry; without one, themselves. */
export function observed<Operations extends AsyncFunctions<Operations>>(
  operations: Operations,
  telemetry: Telemetry | undefined,
): Operations {
  if (telemetry === undefined) return operations;
  const entries = Object.entries<(...parameters: never[]) => Promise<unknown>>(operations);
  return Object.fromEntries(
    entries.map(([name, operation]) => [
      name,
      (...parameters: never[]) => telemetry.operation(name, () => operation(...parameters)),
    ]),
  ) as Operations;
}

/** How an operation ended: `ok`, `replayed`, or what `failureOutcome` says. */
export function outcomeOf(result: unknown): "ok" | "replayed" {
  return typeof result === "object" && result !== null && "replayed" in result ? "replayed" : "ok";
}

/** The code of a `CreditsError`; `error` for what Creditkit does not explain. */
export function failureOutcome(error: unknown): string {
  return CreditsError.is(error) ? error.code : "error";
}
