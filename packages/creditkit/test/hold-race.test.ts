import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCredits } from "../src/core/credits.ts";
import { CreditsError } from "../src/core/errors.ts";
import { connectionReset, describeLedger, losingAnswers, newUser, openPostgresLedger } from "./ledger.ts";

const codesOf = (outcomes: PromiseSettledResult<unknown>[]) =>
  outcomes.map((outcome) => {
    if (outcome.status === "fulfilled") return "ok";
    if (CreditsError.is(outcome.reason)) return outcome.reason.code;
    throw outcome.reason;
  });

describe.each([
  ["read committed", 20],
  ["repeatable read", 20],
  ["serializable", 20],
  ["read committed", 1],
] as const)("holds at once, %s by default, %s connections", (isolation, connections) => {
  let ledger: Awaited<ReturnType<typeof openPostgresLedger>>;
  beforeAll(async () => {
    ledger = await openPostgresLedger({
      max: connections,
      options: `-c default_transaction_isolation=${isolation.replace(" ", "\\ ")}`,
    });
  });
  afterAll(() => ledger.close());
  const funded = async (amount: number) => {
    const userId = newUser();
    await ledger.credits.grant({ userId, amount, type: "purchase" });
    return userId;
  };
  const clean = async () => expect(await ledger.credits.audit()).toEqual({ ok: true, violations: [] });

  it("of 75, twenty on 500 credits: exactly 6 succeed (rule 30)", async () => {
    const userId = await funded(500);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => ledger.credits.hold({ userId, amount: 75, service: "chat" })),
    );
    const codes = codesOf(outcomes);
    expect(codes.filter((code) => code === "ok")).toHaveLength(6);
    expect(codes.filter((code) => code === "INSUFFICIENT_CREDITS")).toHaveLength(14);
    expect(await ledger.credits.getInfo({ userId })).toMatchObject({
      availableCredits: 50,
      heldCredits: 450,
    });
    await clean();
  });

  it("under one key hold once", async () => {
    const userId = await funded(500);
    const holds = await Promise.all(
      Array.from({ length: 20 }, () =>
        ledger.credits.hold({ userId, amount: 75, service: "chat", idempotencyKey: "k" }),
      ),
    );
    expect(new Set(holds.map(({ holdId }) => holdId)).size).toBe(1);
    expect(holds.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await ledger.credits.getInfo({ userId })).toMatchObject({
      availableCredits: 425,
      heldCredits: 75,
    });
    await clean();
  });

  it("end once each: settle, release and the sweep around the timeout, a hundred times", async () => {
    const { credits, clock } = ledger;
    const ends = { settled: 0, released: 0, expired: 0 };
    for (let round = 0; round < 100; round++) {
      const userId = await funded(100);
      const { holdId } = await credits.hold({ userId, amount: 60, service: "chat", ttlSeconds: 1 });
      // Every other round the timeout has come; the clock only decides who may still win.
      if (round % 2 === 1) clock.set(new Date(clock.now().getTime() + 1_000));
      const [settled, released, swept] = await Promise.allSettled([
        credits.settle({ userId, holdId, amount: 40 }),
        credits.release({ userId, holdId }),
        credits.processExpired(),
        credits.consume({ userId, amount: 40, service: "chat" }),
      ]);
      if (swept.status === "rejected") throw swept.reason;
      const codes = codesOf([settled, released]);
      const [row] = await ledger.sql<{ status: keyof typeof ends }>(
        "select status from credits.hold where user_id = $1",
        [userId],
      );
      const status = row?.status ?? "expired";
      ends[status] += 1;
      const expected = {
        settled: ["ok", "HOLD_SETTLED"],
        released: ["HOLD_RELEASED", "ok"],
        expired: ["HOLD_EXPIRED", "HOLD_EXPIRED"],
      };
      expect(codes).toEqual(expected[status]);
      const charged = 40 + (status === "settled" ? 40 : 0);
      expect(await credits.getInfo({ userId })).toMatchObject({
        availableCredits: 100 - charged,
        heldCredits: 0,
      });
    }
    expect(ends.expired).toBe(50);
    expect(ends.settled + ends.released).toBe(50);
    await clean();
  });

  it("beside spends and expirations never back one credit twice (rule 30)", async () => {
    const { credits, clock } = ledger;
    const userId = newUser();
    await credits.grant({ userId, amount: 300, type: "purchase", validityDays: 1 });
    await credits.grant({ userId, amount: 200, type: "purchase" });
    clock.set(new Date(clock.now().getTime() + 24 * 3_600_000 - 500));
    const holds: string[] = [];
    await Promise.allSettled(
      Array.from({ length: 40 }, async (_, index) => {
        if (index === 20) clock.set(new Date(clock.now().getTime() + 500));
        if (index % 10 === 9) await credits.processExpired();
        else if (index % 2 === 0) await credits.consume({ userId, amount: 15, service: "chat" });
        else holds.push((await credits.hold({ userId, amount: 25, service: "chat" })).holdId);
      }),
    );
    await Promise.all(holds.map((holdId) => credits.settle({ userId, holdId, amount: 10 })));
    await credits.processExpired();
    expect(await credits.getInfo({ userId })).toMatchObject({ heldCredits: 0 });
    await clean();
  });

  it("reversals of one spend together never exceed it (rule 23)", async () => {
    const userId = await funded(100);
    const { transactionId } = await ledger.credits.consume({ userId, amount: 100, service: "chat" });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => ledger.credits.reverse({ userId, transactionId, amount: 15 })),
    );
    expect(codesOf(outcomes).filter((code) => code === "ok")).toHaveLength(6);
    const wholes = await Promise.all(
      Array.from({ length: 10 }, () => ledger.credits.reverse({ userId, transactionId })),
    );
    expect(new Set(wholes.map((whole) => whole.transactionId)).size).toBe(1);
    expect(await ledger.credits.getInfo({ userId })).toMatchObject({ availableCredits: 100 });
    await clean();
  });
});

describeLedger("holds whose answers get lost", (ledger) => {
  it.each([1, 5])("happen once, and are nobody's replay (%s lost; rule 29)", async (times) => {
    const { config } = ledger().credits;
    const losing = () =>
      createCredits({
        database: losingAnswers(ledger().database, times),
        config,
        clock: ledger().clock.now,
      });
    const userId = newUser();
    await ledger().credits.grant({ userId, amount: 100, type: "purchase" });
    const one = await losing().hold({ userId, amount: 30, service: "chat" });
    const other = await losing().hold({ userId, amount: 20, service: "chat" });
    expect(one).not.toHaveProperty("replayed");
    const settled = await losing().settle({ userId, holdId: one.holdId, amount: 25 });
    expect(settled).toMatchObject({ consumedAmount: 25, newBalance: 55 });
    expect(settled).not.toHaveProperty("replayed");
    const released = await losing().release({ userId, holdId: other.holdId });
    expect(released).toEqual({ released: true, releasedAmount: 20, newBalance: 75 });
    const { transactionId } = settled;
    for (const amount of [10, undefined]) {
      const reversal = await losing().reverse({
        userId,
        transactionId,
        ...(amount === undefined ? {} : { amount }),
      });
      expect(reversal).not.toHaveProperty("replayed");
    }
    expect(await ledger().credits.getInfo({ userId })).toMatchObject({
      availableCredits: 100,
      heldCredits: 0,
    });
    expect((await ledger().credits.getTransactions({ userId })).total).toBe(4);
    expect(await ledger().credits.audit()).toEqual({ ok: true, violations: [] });
  });

  it("count in the sweep that was asked again (rule 28)", async () => {
    const userId = newUser();
    await ledger().credits.grant({ userId, amount: 100, type: "purchase" });
    await ledger().credits.hold({ userId, amount: 30, service: "chat", ttlSeconds: 1 });
    ledger().clock.set(new Date(ledger().clock.now().getTime() + 1_000));
    let isLost = false;
    const credits = createCredits({
      database: {
        ...ledger().database,
        query: async (text, parameters) => {
          const rows = await ledger().database.query(text, parameters);
          if (!isLost && /credits\.expire(_for)?\(/.test(text)) {
            isLost = true;
            throw connectionReset();
          }
          return rows;
        },
      },
      config: ledger().credits.config,
      clock: ledger().clock.now,
    });
    expect(await credits.processExpired()).toEqual({
      processedBatches: 0,
      processedUsers: 0,
      totalExpiredAmount: 0,
      timedOutHolds: 1,
    });
    expect(isLost).toBe(true);
  });
});
