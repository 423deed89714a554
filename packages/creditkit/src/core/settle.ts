import { type Metadata, parseDescription, parseId, parseMetadata, parseParameters } from "./argument.ts";
import { type ConsumptionAnswer, type ConsumptionLog, consumptionLogOf, emitConsumed } from "./consume.ts";
import type { Engine } from "./engine.ts";
import { isRefusal, type Refusal, refusalError } from "./request.ts";
import { isUuid, uuidV7 } from "./uuid.ts";

export interface SettleParams {
  userId: string;
  holdId: string;
  /** What the work cost, in credits; 0 releases the hold. */
  amount: number;
  /** Up to 1 000 characters. */
  description?: string;
  /** A plain JSON object up to 16 KiB and depth 8. Omitted: the hold's. */
  metadata?: Metadata;
}

export interface SettleResult {
  /** The consumption; empty where nothing was charged. */
  transactionId: string;
  /** Credits charged. */
  consumedAmount: number;
  /** Credits that the work cost beyond what could be charged. */
  shortfall: number;
  /** Available credits right after the settlement. */
  newBalance: number;
  /** What was taken from which batch. */
  consumptionLog: ConsumptionLog;
  /** `hold`, or `balance` where the hold had timed out and the grace period let a direct spend take its place. */
  settledFrom: "hold" | "balance";
  /** Present when the hold had been settled for this amount before: this is the first answer again. */
  replayed?: true;
}

export interface ReleaseParams {
  userId: string;
  holdId: string;
}

export interface ReleaseResult {
  released: true;
  /** Credits that are free again. */
  releasedAmount: number;
  /** Available credits right after the release. */
  newBalance: number;
  /** Present when the hold had been released before: this is the first answer again. */
  replayed?: true;
}

/**
 * Charges what the work cost and frees the rest of the hold. More than was held is charged by the hold's `overage`. After the
 * timeout, within `limitations.holdGraceSeconds` (default 0), it is charged from the balance instead. Settling twice for
 * one amount answers the first time's result.
 * @throws `HOLD_NOT_FOUND`, `HOLD_SETTLED` for another amount, `HOLD_RELEASED`, `HOLD_EXPIRED`, `INSUFFICIENT_CREDITS` (`required`,
 * `available`) under `reject`, `USER_BALANCE_NOT_FOUND`, `WALLET_FROZEN` for a late one, `INVALID_AMOUNT`, `INVALID_ARGUMENT`
 * (`field`), `CREDITS_DISABLED`.
 */
export function settle(engine: Engine, params: SettleParams): Promise<SettleResult> {
  return settleWithin(engine, params, engine.config.limitations.holdGraceSeconds);
}

/** As `settle`, with a grace period of the caller's own. */
export async function settleWithin(
  engine: Engine,
  params: SettleParams,
  graceSeconds: number,
): Promise<SettleResult> {
  engine.requireEnabled();
  const fields = parseParameters(params);
  const userId = parseId("userId", fields.userId);
  const answer = await end(engine, userId, {
    hold_id: parseHoldId(fields.holdId),
    amount: engine.unitsOrZero(fields.amount),
    description: parseDescription(fields.description),
    metadata: parseMetadata(fields.metadata),
    grace_seconds: graceSeconds,
  });
  const result: SettleResult = {
    transactionId: answer.id ?? "",
    consumedAmount: engine.credits(answer.amount),
    shortfall: engine.credits(answer.asked - answer.amount),
    newBalance: engine.credits(answer.available),
    consumptionLog: consumptionLogOf(engine, answer),
    settledFrom: answer.from,
    ...(answer.replayed ? { replayed: true as const } : {}),
  };
  if (answer.id !== null && !answer.replayed)
    emitConsumed(engine, { userId, service: answer.service }, { ...answer, id: answer.id });
  return result;
}

/**
 * Frees what a hold had set aside: nothing is charged. Releasing twice answers the first time's result.
 * @throws `HOLD_NOT_FOUND`, `HOLD_SETTLED`, `HOLD_EXPIRED`, `USER_BALANCE_NOT_FOUND`, `INVALID_ARGUMENT` (`field`),
 * `CREDITS_DISABLED`.
 */
export async function release(engine: Engine, params: ReleaseParams): Promise<ReleaseResult> {
  engine.requireEnabled();
  const fields = parseParameters(params);
  const userId = parseId("userId", fields.userId);
  const answer = await end(engine, userId, {
    hold_id: parseHoldId(fields.holdId),
    amount: 0,
    grace_seconds: 0,
  });
  return {
    released: true,
    releasedAmount: engine.credits(answer.released),
    newBalance: engine.credits(answer.available),
    ...(answer.replayed ? { replayed: true as const } : {}),
  };
}

/** The ledger makes holds' ids: what is none names no hold, which the ledger says in its order of checks. */
function parseHoldId(value: unknown): string | null {
  const holdId = parseId("holdId", value);
  return isUuid(holdId) ? holdId : null;
}

interface EndRequest {
  hold_id: string | null;
  amount: number;
  grace_seconds: number;
  description?: string | undefined;
  metadata?: Metadata | undefined;
}

interface EndAnswer extends Omit<ConsumptionAnswer, "id"> {
  id: string | null;
  service: string;
  asked: number;
  released: number;
  from: "hold" | "balance";
}

async function end(engine: Engine, userId: string, request: EndRequest): Promise<EndAnswer> {
  // The same id in every attempt: an attempt whose answer got lost is recognised as this call's own (rule 29).
  const settlement = JSON.stringify({ ...request, id: uuidV7() });
  const answer = await engine.call<Refusal | EndAnswer>(
    "select answer::text from credits.settle($1::text, $2::text::jsonb, $3::timestamptz) as answer",
    () => [userId, settlement, engine.now()],
  );
  if (isRefusal(answer)) throw refusalError(engine, answer);
  return answer;
}
