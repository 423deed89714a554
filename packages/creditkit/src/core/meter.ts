import {
  parseDescription,
  parseId,
  parseMetadata,
  parseOptionalId,
  parseOverage,
  parseParameters,
  parseService,
  parseTtlSeconds,
} from "./argument.ts";
import { graceSecondsMax } from "./config.ts";
import { consume, priceOf } from "./consume.ts";
import type { Engine } from "./engine.ts";
import { CreditsError, invalidArgument } from "./errors.ts";
import { type HoldParams, hold } from "./hold.ts";
import { errorFields } from "./logger.ts";
import { release, type SettleResult, settleWithin } from "./settle.ts";
import { getInfo } from "./wallet.ts";

/** Attempts that a settlement gets in the background after the call that should have done it, and the wait before the first. */
const backgroundSettlementsMax = 8;
const backgroundWaitMs = 1_000;

export interface MeterParams extends Omit<HoldParams, "amount"> {
  /** Credits to hold while the work runs. Omitted: the service's configured price, else 1. */
  estimate?: number;
  /** Of the settlement; up to 1 000 characters. */
  description?: string;
}

/** What running work says of its cost. */
export interface Meter {
  /** Empty for a service that is free: nothing is held. */
  readonly holdId: string;
  /** Credits held. */
  readonly held: number;
  /** Credits charged so far. */
  readonly charged: number;
  /**
   * Adds to what the work has cost.
   * @throws `INVALID_AMOUNT` unless it is 0 or a positive whole multiple of the ledger's smallest unit, and the sum is at most
   * what one call may move; what was charged before stays charged.
   */
  charge(amount: number): void;
}

export interface MeterResult<Value> {
  /** What the work returned. */
  value: Value;
  /** Null: the ledger did not settle. It is logged; a database that is away is asked again in the background. */
  settlement: SettleResult | null;
}

/**
 * Holds credits, does work, and settles what it charged: for whatever has its price only afterwards. Work that never charges
 * costs the estimate. Work that throws is released when it had charged nothing, and settled when it had. A process that
 * dies leaves a hold that times out. What the work returned is never lost because settling failed.
 *
 * An `idempotencyKey` lets the work run once: again under the same key, it is not run.
 * @throws as `hold`, before any work; `IDEMPOTENCY_CONFLICT` (`idempotencyKey`) when the key's work has begun before;
 * `UNKNOWN_SERVICE`; what the work throws.
 * @example
 * const { value, settlement } = await credits.meter({ userId: "ada", service: "video", estimate: 50 }, async (meter) => {
 *   const video = await render();
 *   meter.charge(video.seconds * 2);
 *   return video;
 * });
 */
export async function meter<Value>(
  engine: Engine,
  params: MeterParams,
  work: (meter: Meter) => Promise<Value>,
): Promise<MeterResult<Value>> {
  engine.requireEnabled();
  if (typeof work !== "function") throw invalidArgument("work", "a function");
  const { estimate, description: text, ...held } = parseParameters(params) as MeterParams;
  const userId = parseId("userId", held.userId);
  // What the settlement would refuse is refused before the work: afterwards, it would be given away.
  const description = parseDescription(text);
  const amount = estimate === undefined ? priceOf(engine, parseService(held.service)) : estimate;
  const running = new RunningMeter(engine);
  if (amount === 0 && estimate === undefined) return meterFree(engine, params, running, work);

  const { holdId, replayed } = await hold(engine, { ...held, amount });
  if (replayed) {
    // It may still be running, here or elsewhere: to let it run once more would give it away.
    throw new CreditsError("IDEMPOTENCY_CONFLICT", "The work under this key has begun before", {
      field: "idempotencyKey",
    });
  }
  running.begin(holdId, amount);
  const end = (units: number) =>
    settleAfterwards(engine, { userId, holdId, description, held: amount }, units);
  let value: Value;
  try {
    value = await work(running);
  } catch (error) {
    if (running.units === undefined) await releaseAfterwards(engine, { userId, holdId });
    else await end(running.units);
    throw error;
  }
  return { value, settlement: await end(running.units ?? engine.units(amount)) };
}

class RunningMeter implements Meter {
  holdId = "";
  held = 0;
  /** Undefined until the work charges: then it costs the estimate. */
  units: number | undefined;

  constructor(private readonly engine: Engine) {}

  get charged(): number {
    return this.engine.credits(this.units ?? 0);
  }

  begin(holdId: string, held: number): void {
    this.holdId = holdId;
    this.held = held;
  }

  charge(amount: number): void {
    const units = (this.units ?? 0) + this.engine.unitsOrZero(amount);
    // All of it is settled in one call, which has a bound: said now, while the work can still stop.
    if (units > 0) this.engine.units(this.engine.credits(units));
    this.units = units;
  }
}

/** Work of a free service: nothing is held, and what it charges all the same is spent afterwards. */
async function meterFree<Value>(
  engine: Engine,
  params: MeterParams,
  running: RunningMeter,
  work: (meter: Meter) => Promise<Value>,
): Promise<MeterResult<Value>> {
  parseOptionalId("idempotencyKey", params.idempotencyKey);
  parseMetadata(params.metadata);
  parseTtlSeconds(params.ttlSeconds);
  parseOverage(params.overage);
  const end = async (): Promise<SettleResult | null> => {
    try {
      return await spendFree(engine, params, running.units ?? 0);
    } catch (error) {
      // Not asked again later: without a hold, only a key would tell that it had been spent.
      engine.logger?.error({ ...errorFields(error) }, "Metered work could not be settled");
      return null;
    }
  };
  let value: Value;
  try {
    value = await work(running);
  } catch (error) {
    if (running.units !== undefined) await end();
    throw error;
  }
  return { value, settlement: await end() };
}

async function spendFree(engine: Engine, params: MeterParams, units: number): Promise<SettleResult> {
  const { userId, service, idempotencyKey, description, metadata } = params;
  const none = { transactionId: "", consumedAmount: 0, shortfall: 0, consumptionLog: [] };
  if (units === 0) {
    const { availableCredits } = await getInfo(engine, { userId });
    return { ...none, newBalance: availableCredits, settledFrom: "balance" };
  }
  const amount = engine.credits(units);
  const spend = await consume(engine, {
    userId,
    amount,
    service,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata }),
  });
  return { ...none, ...spend, consumedAmount: amount, settledFrom: "balance" };
}

interface Held {
  userId: string;
  holdId: string;
  /** Credits. */
  held: number;
  description: string | undefined;
}

/** Settles what is done and cannot be undone: a failure is logged and, where the database was away, tried again later. */
async function settleAfterwards(engine: Engine, work: Held, units: number): Promise<SettleResult | null> {
  const { userId, holdId, held, description } = work;
  const attempt = (amount: number) =>
    settleWithin(
      engine,
      { userId, holdId, amount, ...(description === undefined ? {} : { description }) },
      // Whoever did the work knows that it was done: the hold's timeout is for those who cannot tell any more.
      graceSecondsMax,
    );
  try {
    return await attempt(engine.credits(units));
  } catch (error) {
    if (isRefused(error, "INSUFFICIENT_CREDITS") && units > engine.units(held)) {
      // Overage `reject`: the work is done all the same, so it costs what was held.
      engine.logger?.warn(
        { ...errorFields(error) },
        "Metered work cost more than was held, which is charged",
      );
      return settleAfterwards(engine, work, engine.units(held));
    }
    engine.logger?.error({ ...errorFields(error) }, "Metered work could not be settled");
    if (!CreditsError.is(error) || error.code === "DATABASE_UNAVAILABLE")
      void settleInBackground(engine, () => attempt(engine.credits(units)));
    return null;
  }
}

function isRefused(error: unknown, code: CreditsError["code"]): boolean {
  return CreditsError.is(error) && error.code === code;
}

/** Asks again under the hold's id, which acts once, until the ledger answers. The process may end meanwhile: the hold times out. */
async function settleInBackground(engine: Engine, attempt: () => Promise<SettleResult>): Promise<void> {
  for (let retry = 1; retry <= backgroundSettlementsMax; retry++) {
    await pause(backgroundWaitMs * 2 ** (retry - 1));
    try {
      await attempt();
      engine.logger?.info({ retry }, "Metered work was settled late");
      return;
    } catch (error) {
      engine.logger?.error({ retry, ...errorFields(error) }, "Metered work could not be settled");
      if (CreditsError.is(error) && error.code !== "DATABASE_UNAVAILABLE") return;
    }
  }
}

async function releaseAfterwards(engine: Engine, params: { userId: string; holdId: string }): Promise<void> {
  try {
    await release(engine, params);
  } catch (error) {
    // The work's own error is what the caller has to hear; the hold times out.
    engine.logger?.error({ ...errorFields(error) }, "A hold could not be released");
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds * (0.5 + Math.random()));
    // A process that has nothing else to do may end. Where timers are numbers, nothing keeps it alive.
    if (typeof timer === "object") timer.unref();
  });
}
