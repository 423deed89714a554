import { CreditsError, invalidArgument } from "./errors.ts";

/** A JSON object of a provider: nothing in it is known before it was looked at. */
export type Json = Record<string, unknown>;

export function invalidWebhook(why: string): CreditsError {
  return new CreditsError("INVALID_WEBHOOK", `Invalid webhook: ${why}`);
}

export function optionalRecord(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** @throws `INVALID_WEBHOOK`, as the others here. */
export function record(value: unknown, name: string): Json {
  return present(optionalRecord(value), name);
}

export function optionalText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function text(value: unknown, name: string): string {
  return present(optionalText(value), name);
}

/** An id, or the object that has it, where a provider expands it. */
export function idOf(value: unknown): string | undefined {
  return optionalText(value) ?? optionalText(optionalRecord(value)?.id);
}

/** Money in the smallest unit of its currency. */
export function amount(value: unknown, name: string): number {
  return present(Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined, name);
}

function present<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw invalidWebhook(`no ${name}`);
  return value;
}

/** @throws `INVALID_ARGUMENT` (`field`). */
export function requireUrl(field: string, value: unknown): void {
  if (typeof value === "string" && /^https?:\/\//.test(value) && URL.canParse(value)) return;
  throw invalidArgument(field, "an absolute http or https URL");
}
