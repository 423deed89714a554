import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CreditsConfig } from "../src/core/config.ts";
import type { ConsumeResult } from "../src/core/consume.ts";
import type { Credits } from "../src/core/credits.ts";
import { CreditsError } from "../src/core/errors.ts";
import type { GrantResult } from "../src/core/grant.ts";
import type { SubscriptionParams } from "../src/core/subscription.ts";
import { type Ledger, newUser, openPgliteLedger, openPostgresLedger, startOfTime } from "./ledger.ts";
import * as model from "./model.ts";

/** Small numbers, so that limits, replays, conflicts and drained batches all happen within a few steps. */
const config = {
  registration: { enabled: true, amount: 20, validityDays: 30 },
  limitations: { maxUserBalance: 400 },
  subscription: {
    free: { id: "free", enabled: true, monthlyGrant: 10, validityDays: 45 },
    basic: { id: "basic", enabled: true, monthlyGrant: 100, validityDays: 30 },
    pro: { id: "pro", enabled: true, monthlyGrant: 150, validityDays: 62 },
    off: { id: "off", enabled: false, monthlyGrant: 70, validityDays: 30 },
  },
  packages: {
    lite: {
      id: "lite",
      credits: 100,
      bonus: 10,
      validityDays: 90,
      priceId: "price_lite",
      amount: 9.99,
      currency: "USD",
    },
    keep: { id: "keep", credits: 250, bonus: 0, priceId: "price_keep", amount: 29.99, currency: "USD" },
  },
  consumption: { chat: 2, image: 35, ping: 0 },
} satisfies CreditsConfig;

const rules: model.Rules = {
  registration: config.registration,
  balanceMax: config.limitations.maxUserBalance,
  plans: config.subscription,
  packages: {
    price_lite: { id: "lite", amount: 110, validityDays: 90 },
    price_keep: { id: "keep", amount: 250 },
  },
  prices: config.consumption,
};

// ---- The two sides ----

interface Model {
  books: model.Books;
  clock: number;
}

/** The ledger, and which of its ids is which transaction and batch of the model. */
class Real {
  private readonly idOf = new Map<string, string>();
  private readonly nameOf = new Map<string, string>();

  constructor(
    readonly ledger: Ledger,
    readonly credits: Credits,
    /** Users and purchase ids are new ones in every run. */
    private readonly run: string,
  ) {}

  id(name: string): string {
    return `${this.run} ${name}`;
  }

  /** The id that a name of the model must have: what it had before, else the one seen now, if nothing else has it. */
  expectedId(kind: "transaction" | "batch", userId: string, sequence: number, seen: unknown): string {
    const name = `${kind} ${sequence} of ${userId}`;
    const known = this.idOf.get(name);
    if (known !== undefined) return known;
    if (typeof seen !== "string" || seen === "") return `an id for ${name}`;
    const owner = this.nameOf.get(seen);
    if (owner !== undefined) return `not ${owner}, but ${name}`;
    this.idOf.set(name, seen);
    this.nameOf.set(seen, name);
    return seen;
  }
}

interface Refused {
  refusal: { code: string; field?: string; required?: number; available?: number; limit?: number };
}

async function attempt<Answer>(work: Promise<Answer>): Promise<{ answer: Answer } | Refused> {
  try {
    return { answer: await work };
  } catch (error) {
    if (!CreditsError.is(error)) throw error;
    const { code, field, required, available, limit } = error;
    const facts = Object.entries({ field, required, available, limit }).filter(
      ([, fact]) => fact !== undefined,
    );
    return { refusal: { code, ...Object.fromEntries(facts) } };
  }
}

/** Both refused alike, or both answered; then the model has moved on. Returns what to compare. */
async function settle<Expected, Answer>(
  state: Model,
  expected: model.Step<Expected>,
  work: Promise<Answer>,
): Promise<{ expected: Expected; answer: Answer } | undefined> {
  const actual = await attempt(work);
  if ("refusal" in expected) {
    const { fields, ...refusal } = expected.refusal;
    expect(actual).toMatchObject({ refusal });
    if (fields !== undefined && "refusal" in actual) expect(fields).toContain(actual.refusal.field);
    return undefined;
  }
  if ("refusal" in actual) throw new Error(`Refused, but the rules allow it: ${JSON.stringify(actual)}`);
  state.books = expected.books;
  return { expected: expected.answer, answer: actual.answer };
}

// ---- Steps ----

class Step<Input> implements fc.AsyncCommand<Model, Real> {
  constructor(
    private readonly name: string,
    private readonly input: Input,
    private readonly act: (state: Model, real: Real, input: Input) => Promise<void>,
  ) {}

  check(): boolean {
    return true;
  }

  async run(state: Model, real: Real): Promise<void> {
    await this.act(state, real, this.input);
    expect(await real.credits.audit()).toEqual({ ok: true, violations: [] });
    for (const user of users) await compareAccount(state, real, user);
  }

  toString(): string {
    return `${this.name}(${JSON.stringify(this.input)})`;
  }
}

const users = ["ada", "bob", "eve"];
const user = fc.constantFrom(...users);
const purchaseId = fc.constantFrom("p1", "p2", "p3");
const packageId = fc.constantFrom("lite", "keep");
const idempotencyKey = fc.constantFrom("k1", "k2", "k3");
const amount = fc.constantFrom(5, 40, 120);
const grantPeriod = fc.constantFrom("2025-12", "2026-01", "2026-02", "2026-03");
const planId = fc.constantFrom("free", "basic", "pro");
const description = fc.constantFrom("one", "two");

/** A step by name: how its input is made, and what it does on both sides. */
function step<Input>(
  name: string,
  input: fc.Arbitrary<Input>,
  act: (state: Model, real: Real, input: Input) => Promise<void>,
): fc.Arbitrary<fc.AsyncCommand<Model, Real>> {
  return input.map((value) => new Step(name, value, act));
}

function compareGrant(real: Real, userId: string, answer: GrantResult, posted: model.Posted): void {
  const { transaction, replayed } = posted;
  const { sequence, period, expiresAt } = transaction;
  expect(answer).toEqual({
    transactionId: real.expectedId("transaction", userId, sequence, answer.transactionId),
    batchId: real.expectedId("batch", userId, sequence, answer.batchId),
    amount: transaction.amount,
    ...(expiresAt === null ? {} : { expirationDate: new Date(expiresAt) }),
    ...(period === null ? {} : { grantPeriod: period }),
    ...(replayed ? { replayed: true } : {}),
  });
}

type GrantInput = Omit<model.GrantRequest, "periodStart" | "priceId">;

const limitedGrant = {
  userId: user,
  amount,
  validityDays: fc.constantFrom(1, 3, 30),
  priority: fc.constantFrom(-1, 0, 1),
  description,
  force: fc.boolean(),
};
const anyType = fc.constantFrom("purchase", "adjustment", "monthly_grant", "registration_bonus");
const required: { requiredKeys: ("userId" | "amount" | "type")[] } = {
  requiredKeys: ["userId", "amount", "type"],
};

const grantInput: fc.Arbitrary<GrantInput> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ ...limitedGrant, type: fc.constantFrom("purchase", "adjustment") }, required),
  },
  { weight: 2, arbitrary: fc.record({ ...limitedGrant, type: anyType, idempotencyKey }, required) },
  {
    weight: 2,
    arbitrary: fc.record(
      { ...limitedGrant, amount: fc.constantFrom(40, 110), type: anyType, purchaseId, packageId },
      required,
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record(
      { ...limitedGrant, type: fc.constant("monthly_grant"), sourcePlan: planId, grantPeriod },
      { requiredKeys: ["userId", "amount", "type", "sourcePlan", "grantPeriod"] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      { ...limitedGrant, type: anyType, sourcePlan: planId, grantPeriod, purchaseId, idempotencyKey },
      required,
    ),
  },
);

const grantStep = step("grant", grantInput, async (state, real, input) => {
  const params = {
    ...input,
    userId: real.id(input.userId),
    ...(input.purchaseId === undefined ? {} : { purchaseId: real.id(input.purchaseId) }),
  } as Parameters<Credits["grant"]>[0];
  const result = await settle(
    state,
    model.grant(rules, state.books, state.clock, input),
    real.credits.grant(params),
  );
  if (result !== undefined) compareGrant(real, input.userId, result.answer, result.expected);
});

const registrationStep = step("grantRegistrationBonus", user, async (state, real, userId) => {
  const result = await settle(
    state,
    model.grantRegistrationBonus(rules, state.books, state.clock, userId),
    real.credits.grantRegistrationBonus(real.id(userId)),
  );
  if (result !== undefined) compareGrant(real, userId, result.answer, result.expected);
});

const subscriptionGrant = fc.record(
  { userId: user, amount, planId, validityDays: fc.constantFrom(1, 30), grantPeriod, purchaseId },
  { requiredKeys: ["userId", "amount", "planId", "validityDays"] },
);

const grantSubscriptionStep = step("grantSubscription", subscriptionGrant, async (state, real, input) => {
  const { purchaseId, ...rest } = input;
  const result = await settle(
    state,
    model.grantSubscription(rules, state.books, state.clock, input as model.GrantSubscriptionRequest),
    real.credits.grantSubscription({
      ...(rest as Omit<model.GrantSubscriptionRequest, "purchaseId">),
      userId: real.id(input.userId),
      ...(purchaseId === undefined ? {} : { purchaseId: real.id(purchaseId) }),
    }),
  );
  if (result !== undefined) compareGrant(real, input.userId, result.answer, result.expected);
});

const purchase = fc.record({
  userId: user,
  priceId: fc.constantFrom("price_lite", "price_keep", "price_lite", "price_unknown"),
  purchaseId,
});

const grantPurchasedStep = step("grantPurchased", purchase, async (state, real, input) => {
  const result = await settle(
    state,
    model.grantPurchased(rules, state.books, state.clock, input),
    real.credits.grantPurchased({
      ...input,
      userId: real.id(input.userId),
      purchaseId: real.id(input.purchaseId),
    }),
  );
  if (result !== undefined) compareGrant(real, input.userId, result.answer, result.expected);
});

function compareSpend(real: Real, userId: string, answer: ConsumeResult, posted: model.Posted): object {
  const { transaction, replayed } = posted;
  return {
    transactionId: real.expectedId("transaction", userId, transaction.sequence, answer.transactionId),
    newBalance: transaction.available,
    consumptionLog: transaction.allocations.map(({ batch, taken, remaining }, index) => ({
      batchId: real.expectedId("batch", userId, batch, answer.consumptionLog[index]?.batchId),
      consumed: taken,
      batchRemaining: remaining,
    })),
    ...(replayed ? { replayed: true } : {}),
  };
}

const spend = fc.record(
  {
    userId: user,
    amount: fc.constantFrom(1, 8, 30, 90, 300),
    service: fc.constantFrom("chat", "image"),
    idempotencyKey,
    description,
  },
  { requiredKeys: ["userId", "amount", "service"] },
);

const consumeStep = step("consume", spend, async (state, real, input) => {
  const result = await settle(
    state,
    model.consume(state.books, state.clock, input as model.ConsumeRequest),
    real.credits.consume({ ...input, userId: real.id(input.userId) } as Parameters<Credits["consume"]>[0]),
  );
  if (result === undefined) return;
  expect(result.answer).toEqual(compareSpend(real, input.userId, result.answer, result.expected));
});

const charge = fc.record(
  {
    userId: user,
    amount: fc.constantFrom(1, 8, 2),
    service: fc.constantFrom("chat", "image", "unheard of", "__proto__", "constructor"),
    idempotencyKey,
  },
  { requiredKeys: ["userId", "service"] },
);

const consumeForServiceStep = step("consumeForService", charge, async (state, real, input) => {
  const price = Object.hasOwn(rules.prices, input.service) ? rules.prices[input.service] : undefined;
  const request = {
    ...input,
    amount: input.amount ?? price ?? 1,
    amountGiven: input.amount !== undefined,
  } as model.ConsumeRequest;
  const params = { ...input, userId: real.id(input.userId) } as Parameters<Credits["consumeForService"]>[0];
  const result = await settle(
    state,
    model.consume(state.books, state.clock, request),
    real.credits.consumeForService(params),
  );
  if (result === undefined) return;
  expect(result.answer).toEqual({
    ...compareSpend(real, input.userId, result.answer, result.expected),
    consumedAmount: result.expected.transaction.amount,
  });
});

const freeServiceStep = step("consumeForService at no charge", user, async (state, real, userId) => {
  const account = model.accountOf(state.books, userId);
  expect(await real.credits.consumeForService({ userId: real.id(userId), service: "ping" })).toEqual({
    transactionId: "",
    consumedAmount: 0,
    consumptionLog: [],
    newBalance: model.available(account.wallet, model.instant(account, state.clock)),
  });
});

const freezeStep = step("freeze", user, async (state, real, userId) => {
  await settle(
    state,
    model.setFrozen(state.books, userId, true),
    real.credits.freeze({ userId: real.id(userId) }),
  );
});

const unfreezeStep = step("unfreeze", user, async (state, real, userId) => {
  await settle(
    state,
    model.setFrozen(state.books, userId, false),
    real.credits.unfreeze({ userId: real.id(userId) }),
  );
});

const at = (text: string) => Date.parse(text);

/** A subscription keeps its anchor: it is picked by the subscription's id. */
const anchors: Readonly<Record<string, number>> = {
  s1: at("2025-10-31T23:59:59.999Z"),
  s2: at("2026-01-10T08:00:00.000Z"),
  s3: at("2026-02-01T00:00:00.000Z"),
};

const subscription = fc.record({
  userId: user,
  id: fc.constantFrom(...Object.keys(anchors)),
  planId: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom("basic", "pro") },
    { weight: 1, arbitrary: fc.constantFrom("off", "unheard of") },
  ),
  status: fc.oneof(
    { weight: 4, arbitrary: fc.constant("active" as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        "trialing",
        "past_due",
        "canceled",
        "unpaid",
        "incomplete",
        "incomplete_expired",
        "paused",
      ),
    },
  ),
  interval: fc.constantFrom("month", "year"),
  /** Days from the step's clock. */
  paidDays: fc.constantFrom(-40, 0, 10, 60, 365),
});

const upsertStep = step("upsertSubscription", subscription, async (state, real, input) => {
  const { userId, paidDays, id, ...rest } = input;
  const anchor = anchors[id] ?? Number.NaN;
  const paidUntil = state.clock + paidDays * model.dayMs;
  await settle(
    state,
    model.upsertSubscription(rules, state.books, state.clock, userId, { ...rest, id, anchor, paidUntil }),
    real.credits.upsertSubscription({
      ...rest,
      userId: real.id(userId),
      subscriptionId: id,
      anchor: new Date(anchor),
      currentPeriodEnd: new Date(paidUntil),
    } as SubscriptionParams),
  );
});

const dailyGrantStep = step("processDailyGrant", fc.constant(null), async (state, real) => {
  const { books, granted, counts } = model.processDailyGrant(rules, state.books, state.clock);
  const { results, ...actualCounts } = await real.credits.processDailyGrant();
  state.books = books;
  expect(actualCounts).toEqual(counts);
  for (const name of users) await compareHistory(state, real, name);
  const byUser = (rows: readonly { userId: string; transactionId?: string }[]) =>
    [...rows].sort((one, other) =>
      `${one.userId} ${one.transactionId}` < `${other.userId} ${other.transactionId}` ? -1 : 1,
    );
  const expected = granted.map(({ userId, transaction }) => ({
    userId: real.id(userId),
    success: true,
    transactionId: real.expectedId("transaction", userId, transaction.sequence, undefined),
    amount: transaction.amount,
    grantPeriod: transaction.period,
  }));
  expect(byUser(results)).toEqual(byUser(expected));
});

const expireStep = step("processExpired", fc.constant(null), async (state, real) => {
  const { books, booked } = model.processExpired(state.books, state.clock);
  expect(await real.credits.processExpired()).toEqual({
    processedBatches: booked.length,
    processedUsers: new Set(booked.map(({ userId }) => userId)).size,
    totalExpiredAmount: booked.reduce((total, { transaction }) => total + transaction.amount, 0),
  });
  state.books = books;
});

// ---- The clock ----

type Move =
  | { by: number }
  /** To a batch's end or a period's start of the model, the nth from now, and some milliseconds. */
  | { to: "expiry" | "period"; nth: number; offset: number };

const offset = fc.constantFrom(-1, 0, 1);
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ by: fc.constantFrom(0, 1, 1_000, 3_600_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({ by: fc.integer({ min: 1, max: 40 }).map((days) => days * model.dayMs) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ by: fc.constantFrom(-1, -3_600_000, -2 * model.dayMs, -40 * model.dayMs) }),
  },
  { weight: 4, arbitrary: fc.record({ to: fc.constant("expiry" as const), nth: fc.nat(2), offset }) },
  { weight: 3, arbitrary: fc.record({ to: fc.constant("period" as const), nth: fc.nat(2), offset }) },
);

function landmarks(state: Model, to: "expiry" | "period"): number[] {
  const accounts = Object.values(state.books.accounts);
  const instants =
    to === "expiry"
      ? accounts.flatMap(({ wallet }) => (wallet?.batches ?? []).map((batch) => batch.expiresAt ?? 0))
      : [
          ...accounts.flatMap(({ subscriptions }) => subscriptions.map(({ anchor }) => anchor)),
          model.monthStart(state.clock),
        ].flatMap((anchor) => {
          const index = model.periodIndex(anchor, state.clock);
          return [0, 1, 2].map((next) => model.periodStart(anchor, index + next));
        });
  return [...new Set(instants)]
    .filter((instant) => instant > state.clock - 1)
    .sort((one, other) => one - other);
}

const clockStep = step("clock", move, async (state, real, input) => {
  if ("by" in input) state.clock += input.by;
  else state.clock = (landmarks(state, input.to)[input.nth] ?? state.clock + model.dayMs) + input.offset;
  real.ledger.clock.set(new Date(state.clock));
});

// ---- Queries ----

function signed({ type, amount }: model.Transaction): number {
  return type === "consumption" || type === "expiration" ? -amount : amount;
}

async function comparePage(state: Model, real: Real, userId: string, pageIndex: number, pageSize: number) {
  const rows = [...(model.accountOf(state.books, userId).wallet?.transactions ?? [])].reverse();
  const page = await real.credits.getTransactions({ userId: real.id(userId), pageIndex, pageSize });
  const expected = rows.slice(pageIndex * pageSize, (pageIndex + 1) * pageSize);
  expect(page).toEqual({
    items: expected.map((row, index) => ({
      id: real.expectedId("transaction", userId, row.sequence, page.items[index]?.id),
      type: row.type,
      amount: signed(row),
      description: row.description,
      status: "completed",
      sourcePlan: row.sourcePlan,
      createdAt: new Date(row.at),
    })),
    total: rows.length,
    pageIndex,
    pageSize,
    pageCount: Math.ceil(rows.length / pageSize),
  });
}

async function compareHistory(state: Model, real: Real, userId: string): Promise<void> {
  await comparePage(state, real, userId, 0, 100);
}

const pageStep = step(
  "getTransactions",
  fc.record({ userId: user, pageIndex: fc.nat(3), pageSize: fc.constantFrom(1, 3, 10) }),
  (state, real, { userId, pageIndex, pageSize }) => comparePage(state, real, userId, pageIndex, pageSize),
);

/** What a user has: every batch, and the answers about now. */
async function compareAccount(state: Model, real: Real, userId: string): Promise<void> {
  const account = model.accountOf(state.books, userId);
  const { wallet } = account;
  const at = model.instant(account, state.clock);
  const actual = await real.credits.getWallet({ userId: real.id(userId) });
  const open = [...(wallet?.batches ?? [])].sort(model.drainOrder).filter(({ remaining }) => remaining > 0);
  expect(actual).toEqual(
    wallet && {
      userId: real.id(userId),
      status: wallet.frozen ? "frozen" : "active",
      transactionCount: wallet.transactions.length,
      createdAt: new Date(wallet.createdAt),
      batches: open.map((batch, index) => ({
        id: real.expectedId("batch", userId, batch.sequence, actual?.batches[index]?.id),
        priority: batch.priority,
        amount: batch.amount,
        remaining: batch.remaining,
        grantedAt: new Date(batch.grantedAt),
        expiresAt: batch.expiresAt === null ? null : new Date(batch.expiresAt),
        expired: !model.isValid(batch, at),
      })),
    },
  );
  const expiring = model.nextExpiring(wallet, at);
  const { nextGrantInfo, ...info } = await real.credits.getInfo({ userId: real.id(userId) });
  expect(info).toEqual({
    availableCredits: model.available(wallet, at),
    nextExpiringBatch: expiring && { amount: expiring.amount, expiresAt: new Date(expiring.expiresAt) },
  });
  const next = model.nextGrants(rules, account, at);
  expect(next.length === 0 ? [null] : next).toContainEqual(
    nextGrantInfo && {
      planId: nextGrantInfo.planName,
      start: nextGrantInfo.grantDate.getTime(),
      isEntitled: true,
    },
  );
  expect(nextGrantInfo?.amount).toBe(
    nextGrantInfo ? rules.plans[nextGrantInfo.planName]?.monthlyGrant : undefined,
  );
}

// ---- The property ----

const steps = [
  grantStep,
  grantStep,
  grantStep,
  registrationStep,
  grantSubscriptionStep,
  grantPurchasedStep,
  consumeStep,
  consumeStep,
  consumeForServiceStep,
  freeServiceStep,
  freezeStep,
  unfreezeStep,
  upsertStep,
  upsertStep,
  dailyGrantStep,
  dailyGrantStep,
  expireStep,
  clockStep,
  clockStep,
  clockStep,
  pageStep,
];

const seed = Number(process.env.FC_SEED ?? Date.now() % 2 ** 31);

describe.each([
  ["PGlite", openPgliteLedger, Number(process.env.FC_RUNS ?? 60)],
  ["PostgreSQL", openPostgresLedger, Math.ceil(Number(process.env.FC_RUNS ?? 60) / 4)],
] as const)("the ledger and the model of its rules on %s", (engine, open, numRuns) => {
  let ledger: Ledger | undefined;
  beforeAll(async () => {
    ledger = await open();
  });
  afterAll(async () => {
    await ledger?.close();
  });

  it(`agree after every step of ${numRuns} random histories`, { timeout: 3_600_000 }, async () => {
    console.info(`model on ${engine}: FC_SEED=${seed} FC_RUNS=${numRuns}`);
    await fc.assert(
      fc.asyncProperty(fc.commands(steps, { maxCommands: 60, size: "max" }), async (commands) => {
        const real = await freshRun(ledger);
        const state: Model = { books: model.emptyBooks, clock: at(startOfTime) };
        await fc.asyncModelRun(() => ({ model: state, real }), commands);
        for (const userId of users) await compareHistory(state, real, userId);
      }),
      { seed, numRuns },
    );
  });
});

/** Empty books for users nobody had: whole-table jobs then see this run alone. */
async function freshRun(ledger: Ledger | undefined): Promise<Real> {
  if (ledger === undefined) throw new Error("The ledger is not open");
  // Replica mode passes by the trigger that keeps history.
  await ledger.sql(`do $$ begin
    set local session_replication_role = replica;
    truncate credits.wallet, credits.batch, credits.transaction, credits.purchase, credits.subscription;
  end $$`);
  ledger.clock.set(startOfTime);
  return new Real(ledger, ledger.with(config), newUser());
}
