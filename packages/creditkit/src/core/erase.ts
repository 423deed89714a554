import { parseId, parseParameters } from "./argument.ts";
import type { Engine } from "./engine.ts";
import { CreditsError } from "./errors.ts";
import { isRefusal, type Refusal, refusalError } from "./request.ts";
import type { UserParams } from "./wallet.ts";

export interface EraseResult {
  /** `erased:…`: under which the books go on. Nothing but chance connects it to the user. */
  pseudonym: string;
  /** Credits that were left and were given up. */
  forfeitedAmount: number;
  /** Present when the user had been erased before: this is the first answer again. */
  replayed?: true;
}

/**
 * Forgets a user who leaves: gives up what is left in the wallet, closes it, puts a pseudonym in the place of the user's id in all tables
 * of the ledger, and erases descriptions, metadata, idempotency keys and receipts. Amounts, types, instants and the ids of purchases stay,
 * so that the books still add up and a late refund still finds its purchase. Cannot be undone. Repeatable.
 *
 * Not on a cluster (`sharded`): its rows cannot move to another user's shard.
 * @throws `SUBSCRIPTION_ACTIVE` while a plan still renews: cancel it first, or its provider goes on charging. `INVALID_ARGUMENT` (`field`).
 */
export async function eraseUser(engine: Engine, params: UserParams): Promise<EraseResult> {
  const userId = parseId("userId", parseParameters(params).userId);
  if (engine.sharded)
    throw new CreditsError("NOT_SUPPORTED", "A user cannot be erased on a sharded database");
  // The same in every attempt: an attempt whose answer got lost is recognised as this call's own (rule 29).
  const pseudonym = `erased:${crypto.randomUUID()}`;
  const answer = await engine.call<Refusal | { pseudonym: string; forfeited: number; replayed: boolean }>(
    "select credits.erase_user($1::text, $2::text, $3::text::timestamptz)::text as answer",
    () => [userId, pseudonym, engine.now()],
  );
  if (isRefusal(answer)) throw refusalError(engine, answer);
  return {
    pseudonym: answer.pseudonym,
    forfeitedAmount: engine.credits(answer.forfeited),
    ...(answer.replayed ? { replayed: true as const } : {}),
  };
}
