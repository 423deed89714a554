import {
  type Metadata,
  parseDescription,
  parseId,
  parseMetadata,
  parseOptionalId,
  parseParameters,
} from "./argument.ts";
import { type ConsumptionLog, consumptionLogOf } from "./consume.ts";
import type { Engine } from "./engine.ts";
import type { Committed } from "./event.ts";
import { isRefusal, type Refusal, refusalError } from "./request.ts";
import { uuidV7 } from "./uuid.ts";

export interface DeductParams {
  userId: string;
  /** Credits, positive. */
  amount: number;
  /** Up to 1 000 characters: the user reads it in the history. */
  description?: string;
  metadata?: Metadata;
  /** Makes the deduction repeatable. */
  idempotencyKey?: string;
}

export interface DeductResult {
  transactionId: string;
  deductedAmount: number;
  /** Available credits right after the deduction. */
  newBalance: number;
  consumptionLog: ConsumptionLog;
  /** Present when it had been deducted before under this key: this is the first answer again. */
  replayed?: true;
}

/**
 * Takes credits by hand, all or nothing and in drain order: the counterpart of a grant of type `adjustment`. Works on a frozen wallet.
 * @throws `INSUFFICIENT_CREDITS` (`required`, `available`), `USER_BALANCE_NOT_FOUND`, `IDEMPOTENCY_CONFLICT` (`field`),
 * `INVALID_AMOUNT`, `INVALID_ARGUMENT` (`field`), `CREDITS_DISABLED`.
 */
export async function deduct(engine: Engine, params: DeductParams): Promise<DeductResult> {
  engine.requireEnabled();
  const fields = parseParameters(params);
  const userId = parseId("userId", fields.userId);
  const key = parseOptionalId("idempotencyKey", fields.idempotencyKey);
  const request = {
    id: uuidV7(),
    amount: engine.units(fields.amount),
    description: parseDescription(fields.description),
    metadata: parseMetadata(fields.metadata),
    key: key === undefined ? undefined : `key:${key}`,
  };
  const answer = await engine.call<Refusal | DeductionAnswer>(
    "select answer::text from credits.deduct($1::text, $2::text::jsonb, $3::timestamptz) as answer",
    (attempt) => [userId, JSON.stringify({ ...request, retried: attempt > 0 }), engine.now()],
  );
  if (isRefusal(answer)) throw refusalError(engine, answer);
  const result: DeductResult = {
    transactionId: answer.id,
    deductedAmount: engine.credits(answer.amount),
    newBalance: engine.credits(answer.available),
    consumptionLog: consumptionLogOf(engine, answer),
    ...(answer.replayed ? { replayed: true as const } : {}),
  };
  if (!answer.replayed) {
    engine.events?.emit(
      {
        type: "credits.deducted",
        userId,
        transactionId: answer.id,
        amount: result.deductedAmount,
        newBalance: result.newBalance,
      },
      answer,
    );
  }
  return result;
}

interface DeductionAnswer extends Committed {
  amount: number;
  batch_ids: string[];
  batch_amounts: number[];
  batch_remainders: number[];
  replayed: boolean;
}
