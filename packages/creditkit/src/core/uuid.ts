import { parseId } from "./argument.ts";
import { CreditsError } from "./errors.ts";

const uuidForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a text is a uuid as the ledger writes them, so that the database can compare it with one. */
export function isUuid(text: string): boolean {
  return uuidForm.test(text);
}

/**
 * The id of something that the ledger named.
 * @throws `INVALID_ARGUMENT`, `NOT_FOUND` for what it cannot have named (`field`).
 */
export function parseUuid(field: string, value: unknown): string {
  const id = parseId(field, value);
  if (isUuid(id)) return id;
  throw new CreditsError("NOT_FOUND", `There is no such ${field}`, { field });
}

/** A uuid of version 7 (RFC 9562): 48 bits of Unix milliseconds, then random bits. Nothing is ordered by it. */
export function uuidV7(): string {
  // The runtime keeps random bits for uuids at hand: ten times as fast as asking for bytes and writing them out.
  const random = crypto.randomUUID();
  const milliseconds = Date.now().toString(16).padStart(12, "0");
  return `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-7${random.slice(15)}`;
}
