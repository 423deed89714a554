import {
  type Metadata,
  parseDescription,
  parseId,
  parseMetadata,
  parseOptionalId,
  parseParameters,
  parseService,
} from "./argument.ts";
import { findServicePrice } from "./config.ts";
import type { Engine } from "./engine.ts";
import { CreditsError } from "./errors.ts";
import type { Committed } from "./event.ts";
import { type LedgerRequest, submit } from "./request.ts";
import { uuidV7 } from "./uuid.ts";
import { getInfo } from "./wallet.ts";

export interface ConsumeParams {
  userId: string;
  /** Credits, positive. */
  amount: number;
  /** What is paid for, e.g. `google:chat`. */
  service: string;
  /** Up to 1 000 characters. */
  description?: string;
  /** A plain JSON object up to 16 KiB and depth 8. */
  metadata?: Metadata;
  /** Makes the spend repeatable: the same key spends once, however often it is sent. */
  idempotencyKey?: string;
}

/** As `ConsumeParams`; without an amount the service's configured price is charged. */
export interface ConsumeForServiceParams extends Omit<ConsumeParams, "amount"> {
  amount?: number;
}

/** What a spend took from which batch, in drain order. Credits. */
export type ConsumptionLog = Array<{ batchId: string; consumed: number; batchRemaining: number }>;

export interface ConsumeResult {
  transactionId: string;
  consumptionLog: ConsumptionLog;
  /** Available credits right after the spend. */
  newBalance: number;
  /** Present when the key had been used before: this is the first answer again. */
  replayed?: true;
}

export interface ConsumeForServiceResult extends ConsumeResult {
  consumedAmount: number;
}

/**
 * Spends credits, soonest-to-expire first, all or nothing.
 * @throws `INSUFFICIENT_CREDITS` (`required`, `available`), `USER_BALANCE_NOT_FOUND` for a user who never had a grant,
 * `WALLET_FROZEN`, `IDEMPOTENCY_CONFLICT` (`field`), `INVALID_AMOUNT`, `INVALID_ARGUMENT` (`field`), `CREDITS_DISABLED`.
 */
export async function consume(engine: Engine, params: ConsumeParams): Promise<ConsumeResult> {
  engine.requireEnabled();
  const { amount, ...spend } = parseSpend(params);
  const units = engine.units(amount);
  const { consumedAmount: _, ...result } = await spendUnits(engine, {
    ...spend,
    amount: units,
    amount_given: true,
  });
  return result;
}

/**
 * Spends what a service costs: the configured price, or 1 when it has none. A price of 0 succeeds and leaves no row.
 * @throws as `consume`, and `UNKNOWN_SERVICE` under `strictServices`.
 */
export async function consumeForService(
  engine: Engine,
  params: ConsumeForServiceParams,
): Promise<ConsumeForServiceResult> {
  engine.requireEnabled();
  const { amount, ...spend } = parseSpend(params);
  if (amount !== undefined)
    return spendUnits(engine, { ...spend, amount: engine.units(amount), amount_given: true });
  const price = priceOf(engine, spend.service);
  // With a key, the ledger looks whether it was charged while the service had a price (rules 9, 14).
  if (price === 0 && spend.key === undefined) {
    const { availableCredits } = await getInfo(engine, { userId: spend.user_id });
    return { transactionId: "", consumedAmount: 0, consumptionLog: [], newBalance: availableCredits };
  }
  return spendUnits(engine, { ...spend, amount: engine.configuredUnits(price), amount_given: false });
}

/**
 * What one use of a service costs, in credits: 1 when it has no price.
 * @throws `UNKNOWN_SERVICE` under `strictServices`.
 */
export function priceOf(engine: Engine, service: string): number {
  const price = findServicePrice(engine.config, service);
  if (price === undefined && engine.config.strictServices) {
    throw new CreditsError("UNKNOWN_SERVICE", `Unknown service: ${service}`, { field: "service" });
  }
  return price ?? 1;
}

function parseSpend(params: ConsumeForServiceParams) {
  const fields = parseParameters(params);
  const spend = {
    user_id: parseId("userId", fields.userId),
    service: parseService(fields.service),
    description: parseDescription(fields.description),
    metadata: parseMetadata(fields.metadata),
    key: parseOptionalId("idempotencyKey", fields.idempotencyKey),
  };
  return { ...spend, amount: fields.amount };
}

/** What the schema's functions answer about a spend. Units. */
export interface ConsumptionAnswer extends Committed {
  amount: number;
  batch_ids: string[];
  batch_amounts: number[];
  batch_remainders: number[];
  replayed: boolean;
}

async function spendUnits(
  engine: Engine,
  spend: LedgerRequest & { service: string },
): Promise<ConsumeForServiceResult> {
  const answer = await submit<ConsumptionAnswer>(engine, "consume", { ...spend, id: uuidV7() });
  const result: ConsumeForServiceResult = {
    transactionId: answer.id,
    consumedAmount: engine.credits(answer.amount),
    newBalance: engine.credits(answer.available),
    consumptionLog: consumptionLogOf(engine, answer),
    ...(answer.replayed ? { replayed: true as const } : {}),
  };
  // A replay was told of the first time; a service that has become free leaves no row.
  if (!answer.replayed && answer.amount > 0)
    emitConsumed(engine, { userId: spend.user_id, service: spend.service }, answer);
  return result;
}

export function consumptionLogOf(
  engine: Engine,
  answer: Pick<ConsumptionAnswer, "batch_ids" | "batch_amounts" | "batch_remainders">,
): ConsumptionLog {
  return answer.batch_ids.map((batchId, index) => ({
    batchId,
    consumed: engine.credits(answer.batch_amounts[index] ?? 0),
    batchRemaining: engine.credits(answer.batch_remainders[index] ?? 0),
  }));
}

/** Tells the host of a spend that is committed. */
export function emitConsumed(
  engine: Engine,
  { userId, service }: { userId: string; service: string },
  answer: Committed & { amount: number },
): void {
  engine.events?.emit(
    {
      type: "credits.consumed",
      userId,
      transactionId: answer.id,
      amount: engine.credits(answer.amount),
      service,
      newBalance: engine.credits(answer.available),
    },
    answer,
  );
}
