import { parseDescription, parseId, parseOptionalId, parseParameters } from "./argument.ts";
import type { Engine } from "./engine.ts";
import type { Committed } from "./event.ts";
import { isRefusal, type Refusal, refusalError } from "./request.ts";
import { isUuid, uuidV7 } from "./uuid.ts";

export interface ReverseParams {
  userId: string;
  /** The spend to give back: a `consume`, `consumeForService` or `settle`. */
  transactionId: string;
  /** Credits to give back. Omitted: all that is not given back yet, once. */
  amount?: number;
  /** Makes the reversal repeatable. Without one, each call with an amount gives back another part. */
  idempotencyKey?: string;
  /** Up to 1 000 characters. */
  description?: string;
}

export interface ReverseResult {
  transactionId: string;
  /** Credits given back, what expired meanwhile included. */
  reversedAmount: number;
  /** Available credits right after the reversal. */
  newBalance: number;
  /** Present when it had been given back before under this key: this is the first answer again. */
  replayed?: true;
}

/**
 * Gives a spend back, whole or in parts that together never exceed it, into the very batches it came from, with their expiry
 * unchanged. What belongs to a batch that has expired meanwhile is gone.
 * @throws `TRANSACTION_NOT_FOUND`, `NOT_REVERSIBLE` (`available`: what can still be given back) for what is no spend or is given back
 * already, `IDEMPOTENCY_CONFLICT` (`field`), `USER_BALANCE_NOT_FOUND`, `BALANCE_OVERFLOW`, `INVALID_AMOUNT`, `INVALID_ARGUMENT`
 * (`field`), `CREDITS_DISABLED`.
 */
export async function reverse(engine: Engine, params: ReverseParams): Promise<ReverseResult> {
  engine.requireEnabled();
  const fields = parseParameters(params);
  const userId = parseId("userId", fields.userId);
  const transactionId = parseId("transactionId", fields.transactionId);
  const key = parseOptionalId("idempotencyKey", fields.idempotencyKey);
  const description = parseDescription(fields.description);
  const amount = fields.amount === undefined ? undefined : engine.units(fields.amount);
  const request = {
    id: uuidV7(),
    // The ledger makes transactions' ids: what is none names no transaction.
    transaction_id: isUuid(transactionId) ? transactionId : null,
    amount,
    // The whole is one thing, whoever asks again; parts are as many as there are calls, unless a key says otherwise.
    key:
      key === undefined && amount !== undefined
        ? undefined
        : `reversal:${transactionId.toLowerCase()}:${key ?? ""}`,
    description,
  };
  const answer = await engine.call<Refusal | ReversalAnswer>(
    "select answer::text from credits.reverse($1::text, $2::text::jsonb, $3::timestamptz) as answer",
    (attempt) => [userId, JSON.stringify({ ...request, retried: attempt > 0 }), engine.now()],
  );
  if (isRefusal(answer)) throw refusalError(engine, answer);
  const result: ReverseResult = {
    transactionId: answer.id,
    reversedAmount: engine.credits(answer.amount),
    newBalance: engine.credits(answer.available),
    ...(answer.replayed ? { replayed: true as const } : {}),
  };
  if (!answer.replayed) {
    engine.events?.emit(
      {
        type: "credits.reversed",
        userId,
        transactionId: answer.id,
        amount: result.reversedAmount,
        reversedTransactionId: transactionId,
        newBalance: result.newBalance,
      },
      answer,
    );
  }
  return result;
}

interface ReversalAnswer extends Committed {
  amount: number;
  replayed: boolean;
}
