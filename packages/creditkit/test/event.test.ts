import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, it } from "vitest";
import { createTestCredits } from "../src/adapters/testing.ts";
import type { CreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import type { Database } from "../src/core/database.ts";
import type { CreditsEvent, EventHandler } from "../src/core/event.ts";
import type { LogFields } from "../src/core/logger.ts";
import { describeLedger, emptyBooks, type Ledger, losingAnswers, newUser } from "./ledger.ts";

/** A credits system on the ledger's books that hears its events. */
function hearing(
  ledger: Ledger,
  {
    database = ledger.database,
    lowBalance,
    handler,
    groupCommit = true,
  }: { database?: Database; lowBalance?: number; handler?: EventHandler; groupCommit?: boolean } = {},
) {
  const { config } = ledger.credits;
  const limits = lowBalance === undefined ? {} : { lowBalance };
  const events: CreditsEvent[] = [];
  const errors: [LogFields, string][] = [];
  const ignore = () => {};
  const credits = createCredits({
    database,
    config: { ...config, limitations: { ...config.limitations, ...limits } } as CreditsConfig,
    clock: ledger.clock.now,
    groupCommit,
    onEvent: (event) => {
      events.push(event);
      return handler?.(event);
    },
    logger: { debug: ignore, info: ignore, warn: ignore, error: (...line) => errors.push(line) },
  });
  return { credits, events, errors };
}

const ofType = (events: CreditsEvent[], type: CreditsEvent["type"]) =>
  events.filter((event) => event.type === type);
const settled = (work: Promise<unknown>) => work.catch(() => undefined);

describeLedger("onEvent", (ledger) => {
  const funded = async (amount: number, validityDays?: number) => {
    const userId = newUser();
    const validity = validityDays === undefined ? {} : { validityDays };
    await ledger().credits.grant({ userId, amount, type: "purchase", ...validity });
    return userId;
  };
  /** The ids of a user's transactions, oldest first. */
  const historyOf = async (userId: string) =>
    (
      await ledger().sql<{ id: string }>(
        "select id from credits.transaction where user_id = $1 order by sequence",
        [userId],
      )
    ).map(({ id }) => id);

  it("tells of each grant, whatever granted it", async () => {
    const { credits, events } = hearing(ledger());
    const userId = newUser();
    const bonus = await credits.grantRegistrationBonus(userId);
    const sale = await credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId: userId });
    const monthly = await credits.grantSubscription({
      userId,
      amount: 5,
      planId: "pro",
      validityDays: 30,
      grantPeriod: "2026-01",
    });
    const gift = await credits.grant({ userId, amount: 3, type: "adjustment", description: "sorry" });
    const common = { type: "credits.granted", userId };
    expect(events).toEqual([
      {
        ...common,
        transactionId: bonus.transactionId,
        transactionType: "registration_bonus",
        amount: 20,
        newBalance: 20,
        batchId: bonus.batchId,
        expirationDate: bonus.expirationDate,
      },
      {
        ...common,
        transactionId: sale.transactionId,
        transactionType: "purchase",
        amount: 110,
        newBalance: 130,
        batchId: sale.batchId,
        expirationDate: sale.expirationDate,
        purchaseId: userId,
      },
      {
        ...common,
        transactionId: monthly.transactionId,
        transactionType: "monthly_grant",
        amount: 5,
        newBalance: 135,
        batchId: monthly.batchId,
        expirationDate: monthly.expirationDate,
        grantPeriod: "2026-01",
      },
      {
        ...common,
        transactionId: gift.transactionId,
        transactionType: "adjustment",
        amount: 3,
        newBalance: 138,
        batchId: gift.batchId,
      },
    ]);
  });

  it("tells of each spend, and not of one that costs nothing", async () => {
    const config = { ...ledger().credits.config, consumption: { chat: 2, free: 0 } };
    const events: CreditsEvent[] = [];
    const credits = createCredits({
      database: ledger().database,
      config,
      clock: ledger().clock.now,
      onEvent: (event) => void events.push(event),
    });
    const userId = await funded(10);
    const priced = await credits.consumeForService({ userId, service: "chat" });
    await credits.consumeForService({ userId, service: "free" });
    await credits.consumeForService({ userId, service: "free", idempotencyKey: "k" });
    const given = await credits.consume({ userId, amount: 5, service: "free", metadata: { model: "x" } });
    const common = { type: "credits.consumed", userId };
    expect(events).toEqual([
      { ...common, transactionId: priced.transactionId, amount: 2, service: "chat", newBalance: 8 },
      { ...common, transactionId: given.transactionId, amount: 5, service: "free", newBalance: 3 },
    ]);
  });

  it("tells of what a group commits, in the order of the books, and of none of its refusals", async () => {
    const [userId, poor] = [await funded(10), await funded(1)];
    const { credits, events } = hearing(ledger());
    const spend = (of: string, amount: number, idempotencyKey?: string) =>
      settled(
        credits.consume({
          userId: of,
          amount,
          service: "chat",
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        }),
      );
    await Promise.all([
      spend(userId, 1),
      spend(userId, 2, "k"),
      spend(poor, 2),
      spend(userId, 2, "k"),
      spend(userId, 3, "k"),
      spend(userId, 50),
      spend(newUser(), 1),
      credits.grant({ userId, amount: 5, type: "purchase" }),
      spend(userId, 12),
      spend(userId, 1),
      spend(poor, 1),
    ]);
    const of = (one: string) => events.filter((event) => event.userId === one);
    expect(of(userId).map(({ type }) => type.slice("credits.".length))).toEqual([
      "consumed",
      "consumed",
      "granted",
      "consumed",
    ]);
    expect(of(userId).map((event) => event.transactionId)).toEqual((await historyOf(userId)).slice(1));
    expect(of(poor)).toHaveLength(1);
    expect(events).toHaveLength(5);
  });

  it("is silent for replays, of whichever function (rule 14)", async () => {
    const { credits, events } = hearing(ledger());
    const userId = newUser();
    const actions = [
      () => credits.grantRegistrationBonus(userId),
      () => credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId: userId }),
      () => credits.grantSubscription({ userId, amount: 5, planId: "pro", validityDays: 30 }),
      () => credits.grant({ userId, amount: 3, type: "adjustment", idempotencyKey: "gift" }),
      () => credits.consume({ userId, amount: 3, service: "chat", idempotencyKey: "spend" }),
    ];
    for (const act of actions) await act();
    expect(events).toHaveLength(actions.length);
    for (const act of actions) expect(await act()).toMatchObject({ replayed: true });
    await Promise.all(actions.flatMap((act) => [act(), act()]));
    expect(events).toHaveLength(actions.length);
  });

  it("tells once of what was asked again because its answer got lost (rule 29)", async () => {
    for (const groupCommit of [true, false]) {
      const userId = await funded(30);
      const database = losingAnswers(ledger().database, 3);
      const { credits, events } = hearing(ledger(), { database, lowBalance: 20, groupCommit });
      await credits.consume({ userId, amount: 15, service: "chat" });
      await credits.grant({ userId, amount: 15, type: "adjustment" });
      const [, spend, gift] = await historyOf(userId);
      expect(events).toEqual([
        expect.objectContaining({ type: "credits.consumed", transactionId: spend, newBalance: 15 }),
        { type: "credits.low", userId, transactionId: spend, threshold: 20, available: 15 },
        expect.objectContaining({ type: "credits.granted", transactionId: gift, newBalance: 30 }),
      ]);
    }
  });

  it("tells of what the jobs book, once, also when their answers get lost (rule 28)", async () => {
    await emptyBooks(ledger());
    const [userId, other] = [await funded(7, 1), await funded(9, 1)];
    await ledger().credits.grant({ userId, amount: 8, type: "purchase", validityDays: 1 });
    await ledger().credits.grant({ userId, amount: 100, type: "purchase" });
    ledger().clock.advanceDays(2);
    const database = losingAnswers(ledger().database, 2);
    const { credits, events } = hearing(ledger(), { database });
    await credits.processExpired();
    await credits.processExpired();
    const expired = ofType(events, "credits.expired");
    const wallet = await credits.getWallet({ userId });
    expect(wallet?.batches).toHaveLength(1);
    expect(expired.filter((event) => event.userId === other)).toHaveLength(1);
    expect(expired.filter((event) => event.userId === userId)).toEqual(
      (await historyOf(userId)).slice(3).map((transactionId, index) => ({
        type: "credits.expired",
        userId,
        transactionId,
        amount: [7, 8][index],
        batchId: expect.any(String),
      })),
    );

    const jobs = hearing(ledger(), { database: losingAnswers(ledger().database, 2) });
    const { results } = await jobs.credits.processDailyGrant();
    await jobs.credits.processDailyGrant();
    expect(jobs.events).toEqual(
      expect.arrayContaining(
        results.map(({ userId, transactionId, amount, grantPeriod }) =>
          expect.objectContaining({
            type: "credits.granted",
            userId,
            transactionId,
            transactionType: "monthly_grant",
            amount,
            grantPeriod,
            batchId: expect.any(String),
            newBalance: userId === other ? 10 : 110,
            expirationDate: expect.any(Date),
          }),
        ),
      ),
    );
    expect(jobs.events).toHaveLength(2);
  });

  it("hears nothing of a host's own transaction, committed or not", async () => {
    const userId = await funded(30);
    const { credits, events } = hearing(ledger(), { lowBalance: 20 });
    const rollBack = new Error("rolled back");
    for (const end of [undefined, rollBack]) {
      const work = ledger().database.transaction(async (connection) => {
        const host = { ...connection, inTransaction: true, transaction: () => Promise.reject(rollBack) };
        const bound = hearing(ledger(), { database: host });
        await credits.using(host).consume({ userId, amount: 1, service: "chat" });
        await credits.using(host).grant({ userId, amount: 1, type: "adjustment" });
        await bound.credits.consume({ userId, amount: 11, service: "chat" });
        expect(bound.events).toEqual([]);
        if (end !== undefined) throw end;
      });
      await settled(work);
    }
    expect(events).toEqual([]);
    expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 19 });
  });

  it("cannot fail an operation, and is not waited for; what it throws is logged by name", async () => {
    const userId = await funded(30);
    const secret = new RangeError("the handler knows secrets");
    const never = new Promise<void>(() => {});
    const handlers: EventHandler[] = [
      () => {
        throw secret;
      },
      () => Promise.reject(secret),
      () => never,
    ];
    for (const handler of handlers) {
      const { credits, events, errors } = hearing(ledger(), { handler });
      const { transactionId } = await credits.consume({ userId, amount: 1, service: "chat" });
      await credits.grant({ userId, amount: 1, type: "adjustment" });
      expect(events).toHaveLength(2);
      if (handler === handlers[2]) expect(errors).toEqual([]);
      else
        expect(errors[0]).toEqual([
          { event: "credits.consumed", transactionId, error: "RangeError" },
          "An event's handler threw",
        ]);
      expect(JSON.stringify(errors)).not.toContain("secret");
    }
  });

  it("runs in its caller's own context, also where strangers share a statement", async () => {
    const request = new AsyncLocalStorage<string>();
    const seen: [string, string | undefined][] = [];
    const { credits } = hearing(ledger(), {
      handler: (event) => void seen.push([event.userId, request.getStore()]),
    });
    const users = await Promise.all(Array.from({ length: 8 }, () => funded(10)));
    await Promise.all(
      users.flatMap((userId) =>
        [1, 2].map((amount) =>
          request.run(`request of ${userId}`, () => credits.consume({ userId, amount, service: "chat" })),
        ),
      ),
    );
    expect(seen).toHaveLength(16);
    for (const [userId, store] of seen) expect(store).toBe(`request of ${userId}`);
  });

  describe("credits.low", () => {
    const low = (events: CreditsEvent[]) => ofType(events, "credits.low");

    it("comes with the spend that goes below the threshold, and not while the wallet stays there", async () => {
      const userId = await funded(30);
      const { credits, events } = hearing(ledger(), { lowBalance: 20 });
      const spend = (amount: number) => credits.consume({ userId, amount, service: "chat" });
      await spend(10);
      expect(low(events)).toEqual([]);
      const { transactionId } = await spend(1);
      await spend(1);
      await settled(spend(100));
      expect(low(events)).toEqual([
        { type: "credits.low", userId, transactionId, threshold: 20, available: 19 },
      ]);
      expect(events.slice(1, 3).map(({ type }) => type)).toEqual(["credits.consumed", "credits.low"]);
    });

    it("comes again when a grant has raised the wallet and it goes below once more", async () => {
      const userId = await funded(20);
      const { credits, events } = hearing(ledger(), { lowBalance: 20 });
      const spend = () => credits.consume({ userId, amount: 5, service: "chat" });
      const first = await spend();
      await credits.grant({ userId, amount: 4, type: "purchase" });
      await spend();
      await credits.grant({ userId, amount: 6, type: "purchase" });
      const second = await spend();
      expect(low(events).map((event) => event.transactionId)).toEqual([
        first.transactionId,
        second.transactionId,
      ]);
    });

    it("does not come for a wallet that begins below it, nor without a threshold", async () => {
      const userId = newUser();
      const { credits, events } = hearing(ledger(), { lowBalance: 20 });
      await credits.grant({ userId, amount: 5, type: "purchase" });
      await credits.consume({ userId, amount: 1, service: "chat" });
      const quiet = hearing(ledger());
      await quiet.credits.consume({ userId: await funded(30), amount: 25, service: "chat" });
      expect([...low(events), ...low(quiet.events)]).toEqual([]);
    });

    it.each<[string, (userId: string) => (on: ReturnType<typeof hearing>) => Promise<unknown>]>([
      [
        "spend",
        (userId) =>
          ({ credits }) =>
            credits.consume({ userId, amount: 1, service: "chat" }),
      ],
      [
        "grant",
        (userId) =>
          ({ credits }) =>
            credits.grant({ userId, amount: 1, type: "adjustment" }),
      ],
      [
        "expire job",
        () =>
          ({ credits }) =>
            credits.processExpired(),
      ],
    ])("comes once, with the %s that finds that enough has expired (rule 6)", async (_what, act) => {
      await emptyBooks(ledger());
      const userId = await funded(10);
      // Two batches: the job books two transactions, of which the first one crosses.
      for (const amount of [15, 25])
        await ledger().credits.grant({ userId, amount, type: "purchase", validityDays: 1 });
      ledger().clock.advanceDays(2);
      const on = hearing(ledger(), { lowBalance: 20 });
      await act(userId)(on);
      const crossing = (await historyOf(userId))[3];
      await on.credits.processExpired();
      await on.credits.consume({ userId, amount: 1, service: "chat" });
      expect(low(on.events).map((event) => event.transactionId)).toEqual([crossing]);
    });

    it("comes with the monthly job too, when its grant finds that enough has expired", async () => {
      await emptyBooks(ledger());
      const userId = await funded(50, 1);
      ledger().clock.advanceDays(2);
      const { credits, events } = hearing(ledger(), { lowBalance: 20 });
      const { results } = await credits.processDailyGrant();
      expect(low(events)).toEqual([
        {
          type: "credits.low",
          userId,
          transactionId: results[0]?.transactionId,
          threshold: 20,
          available: 10,
        },
      ]);
    });

    it("comes once per crossing over two processes' 200 spends at once", async () => {
      const userId = await funded(210);
      const processes = [0, 1].map(() => hearing(ledger(), { lowBalance: 100 }));
      const all = () => processes.flatMap(({ events }) => events);
      const spendAtOnce = () =>
        Promise.all(
          Array.from({ length: 200 }, (_, index) =>
            processes[index % 2]?.credits.consume({ userId, amount: 1, service: "chat" }),
          ),
        );
      await spendAtOnce();
      expect(low(all())).toMatchObject([{ available: 99 }]);
      await ledger().credits.grant({ userId, amount: 200, type: "purchase" });
      await spendAtOnce();
      expect(low(all())).toMatchObject([{ available: 99 }, { available: 99 }]);
      expect(new Set(low(all()).map((event) => event.transactionId)).size).toBe(2);
      expect(ofType(all(), "credits.consumed")).toHaveLength(400);
    });

    it("comes once per crossing while grants and spends of two processes race", async () => {
      const userId = await funded(25);
      const processes = [0, 1].map(() => hearing(ledger(), { lowBalance: 20 }));
      await Promise.all(
        Array.from({ length: 60 }, (_, index) => {
          const { credits } = processes[index % 2] as (typeof processes)[number];
          return index % 3 === 0
            ? credits.grant({ userId, amount: 6, type: "purchase" })
            : settled(credits.consume({ userId, amount: 3, service: "chat" }));
        }),
      );
      const rows = await ledger().sql<{ id: string; available: number }>(
        "select id, available_after::integer as available from credits.transaction where user_id = $1 order by sequence",
        [userId],
      );
      const crossings = rows.filter(
        ({ available }, index) => available < 20 && (rows[index - 1]?.available ?? 0) >= 20,
      );
      const heard = processes.flatMap(({ events }) => low(events)).map((event) => event.transactionId);
      expect(heard.sort()).toEqual(crossings.map(({ id }) => id).sort());
    });
  });

  it("must be a function", () => {
    for (const onEvent of [null, {}, "x"]) {
      expect(() =>
        createCredits({ database: ledger().database, config: {}, onEvent: onEvent as never }),
      ).toThrow("Invalid onEvent");
    }
  });

  it("leaves books that the audit finds clean", async () => {
    expect(await ledger().credits.audit()).toEqual({ ok: true, violations: [] });
  });
});

it("credits.low counts in credits where the installation has decimals (rule 10)", async () => {
  await using test = await createTestCredits({ config: { decimals: 2 } });
  const events: CreditsEvent[] = [];
  const credits = createCredits({
    database: test.database,
    config: { decimals: 2, limitations: { lowBalance: 0.5 } },
    onEvent: (event) => void events.push(event),
  });
  await credits.grant({ userId: "ada", amount: 1, type: "purchase" });
  await credits.consume({ userId: "ada", amount: 0.5, service: "chat" });
  await credits.consume({ userId: "ada", amount: 0.01, service: "chat" });
  expect(events).toMatchObject([
    { type: "credits.granted", amount: 1, newBalance: 1 },
    { type: "credits.consumed", amount: 0.5, newBalance: 0.5 },
    { type: "credits.consumed", amount: 0.01, newBalance: 0.49 },
    { type: "credits.low", threshold: 0.5, available: 0.49 },
  ]);
});
