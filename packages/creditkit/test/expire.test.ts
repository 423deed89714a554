import { beforeEach, expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import type { Database } from "../src/core/database.ts";
import { expirePageBatches } from "../src/core/expire.ts";
import {
  describeLedger,
  emptyBooks,
  failOn,
  type Ledger,
  mend,
  newUser,
  refusal,
  snapshot,
} from "./ledger.ts";
import { dayMs } from "./model.ts";

const nothing = { processedBatches: 0, processedUsers: 0, totalExpiredAmount: 0 };

describeLedger("the expire job", (ledger) => {
  const start = Date.parse("2026-01-10T12:00:00.000Z");
  beforeEach(async () => {
    await emptyBooks(ledger());
    ledger().clock.set(new Date(start));
  });

  const run = () => ledger().credits.processExpired();
  /** Moves to so many days after the start, and some milliseconds. */
  const afterDays = (days: number, milliseconds = 0) =>
    ledger().clock.set(new Date(start + days * dayMs + milliseconds));
  const grant = (userId: string, amount: number, validityDays?: number) =>
    ledger().credits.grant({
      userId,
      amount,
      type: "purchase",
      ...(validityDays === undefined ? {} : { validityDays }),
    });
  const spend = (userId: string, amount: number) =>
    ledger().credits.consume({ userId, amount, service: "chat" });
  const history = async (userId: string) => (await ledger().credits.getTransactions({ userId })).items;

  it("writes one transaction per batch, from the wallet to `SYSTEM:expiration`, what expired first before the rest", async () => {
    const userId = newUser();
    const late = await grant(userId, 30, 5);
    const soon = await grant(userId, 20, 2);
    await grant(userId, 10);
    afterDays(5);
    expect(await run()).toEqual({ processedBatches: 2, processedUsers: 1, totalExpiredAmount: 50 });
    const rows = await ledger().sql(
      `select
         sequence::integer, type, amount::integer, debit_account, credit_account, batch_ids,
         batch_amounts::integer[], batch_remainders::integer[], key
       from credits.transaction
       where user_id = $1 and type = 'expiration'
       order by sequence`,
      [userId],
    );
    const accounts = { debit_account: `WALLET:${userId}`, credit_account: "SYSTEM:expiration" };
    expect(rows).toEqual(
      [
        { sequence: 4, amount: 20, batch: soon.batchId },
        { sequence: 5, amount: 30, batch: late.batchId },
      ].map(({ sequence, amount, batch }) => ({
        sequence,
        type: "expiration",
        amount,
        ...accounts,
        batch_ids: [batch],
        batch_amounts: [amount],
        batch_remainders: [0],
        key: null,
      })),
    );
  });

  it("shows as negative amounts in the history, dated when the job ran (rules 2, 5)", async () => {
    const userId = newUser();
    await grant(userId, 20, 2);
    afterDays(40, 7);
    await run();
    expect((await history(userId))[0]).toMatchObject({
      type: "expiration",
      amount: -20,
      status: "completed",
      createdAt: new Date(start + 40 * dayMs + 7),
    });
  });

  it("books only what is left of a batch, and nothing of one that is spent or still valid", async () => {
    const userId = newUser();
    await grant(userId, 10, 1);
    await grant(userId, 10, 2);
    await grant(userId, 10, 3);
    await spend(userId, 14);
    afterDays(2);
    expect(await run()).toEqual({ processedBatches: 1, processedUsers: 1, totalExpiredAmount: 6 });
    expect((await history(userId)).map((row) => row.amount)).toEqual([-6, -14, 10, 10, 10]);
  });

  it("changes no balance: what expired was gone at its instant (rule 6)", async () => {
    const userId = newUser();
    await grant(userId, 10, 1);
    await grant(userId, 7, 3);
    await grant(userId, 5);
    afterDays(1);
    const before = await ledger().credits.getInfo({ userId });
    expect(before).toMatchObject({
      availableCredits: 12,
      nextExpiringBatch: { amount: 7, expiresAt: new Date(start + 3 * dayMs) },
    });
    expect(await spend(userId, 1)).toMatchObject({ newBalance: 11 });
    await run();
    expect(await ledger().credits.getInfo({ userId })).toMatchObject({ availableCredits: 11 });
    expect(await spend(userId, 1)).toMatchObject({ newBalance: 10 });
    expect(await refusal(spend(userId, 11))).toMatchObject({ code: "INSUFFICIENT_CREDITS" });
  });

  it("does nothing the second time, and writes nothing when there is nothing to book (rule 28)", async () => {
    const userId = newUser();
    await grant(userId, 10, 1);
    const before = await snapshot(ledger());
    expect(await run()).toEqual(nothing);
    expect(await snapshot(ledger())).toBe(before);
    afterDays(1);
    await run();
    const after = await snapshot(ledger());
    expect(await run()).toEqual(nothing);
    expect(await snapshot(ledger())).toBe(after);
  });

  it("books the same late as on time", async () => {
    const [punctual, late] = [newUser(), newUser()];
    const fill = async (userId: string) => {
      for (const days of [1, 3, 3, 9]) await grant(userId, days * 10, days);
      await spend(userId, 15);
    };
    await fill(punctual);
    for (let day = 0; day <= 9; day++) {
      afterDays(day);
      await run();
    }
    ledger().clock.set(new Date(start));
    await fill(late);
    afterDays(90);
    expect(await run()).toEqual({ processedBatches: 3, processedUsers: 1, totalExpiredAmount: 145 });
    const booked = async (userId: string) =>
      (await history(userId)).map(({ type, amount }) => ({ type, amount }));
    expect(await booked(late)).toEqual(await booked(punctual));
  });

  it("books for a frozen wallet too", async () => {
    const userId = newUser();
    await grant(userId, 10, 1);
    await ledger().credits.freeze({ userId });
    afterDays(1);
    expect(await run()).toMatchObject({ processedBatches: 1 });
  });

  it("counts users, batches and credits over more than a page of 1 000 batches", async () => {
    const [ada, bob, eve] = [newUser(), newUser(), newUser()];
    // The same instant for all: the pages are told apart by user and batch alone.
    await grantMany(ledger(), ada, 700, 3);
    await grantMany(ledger(), bob, 1_400, 2);
    await grant(eve, 11, 1);
    await grant(eve, 13, 2);
    afterDays(1);
    expect(await run()).toEqual({
      processedBatches: 2_101,
      processedUsers: 3,
      totalExpiredAmount: 700 * 3 + 1_400 * 2 + 11,
    });
    expect(await run()).toEqual(nothing);
    expect(await ledger().credits.getTransactions({ userId: bob, pageSize: 1 })).toMatchObject({
      total: 2_800,
    });
    expect(await ledger().credits.getInfo({ userId: eve })).toMatchObject({ availableCredits: 13 });
    expect(await ledger().credits.audit()).toEqual({ ok: true, violations: [] });
  });

  it("reports the user who fails, and books all the others, those of later pages too (rule 28)", async () => {
    const [failing, near, far] = [newUser(), newUser(), newUser()];
    // More than a page of the failing user comes first.
    await grantMany(ledger(), failing, 1_100, 1);
    await grant(near, 10, 1);
    await grant(far, 20, 2);
    afterDays(2);
    await failOn(ledger(), failing);
    try {
      expect(await run()).toEqual({
        processedBatches: 2,
        processedUsers: 2,
        totalExpiredAmount: 30,
        failed: 1,
        results: [{ userId: failing, success: false, error: "planted" }],
      });
      expect((await history(near))[0]).toMatchObject({ type: "expiration", amount: -10 });
      expect((await history(far))[0]).toMatchObject({ type: "expiration", amount: -20 });
      expect((await history(failing))[0]).toMatchObject({ type: "purchase" });
      expect(await ledger().credits.getInfo({ userId: failing })).toMatchObject({ availableCredits: 0 });
    } finally {
      await mend(ledger());
    }
    expect(await run()).toEqual({ processedBatches: 1_100, processedUsers: 1, totalExpiredAmount: 1_100 });
  });

  it("does not count a user as failed whom a later page has booked (rule 28)", async () => {
    const userId = newUser();
    await Promise.all(Array.from({ length: expirePageBatches + 1 }, () => grant(userId, 1, 1)));
    afterDays(1);
    const { database, credits, clock } = ledger();
    let failing: unknown;
    const unlucky: Database = {
      ...database,
      query: (text, parameters) => {
        if (text.includes("credits.expire(")) {
          failing ??= parameters[1];
          // The first page meets a lock that another one no longer does.
          if (parameters[1] === failing) return Promise.reject(new Error("lock timeout"));
        }
        return database.query(text, parameters);
      },
    };
    const jobs = createCredits({ database: unlucky, config: credits.config, clock: clock.now });
    expect(await jobs.processExpired()).toEqual({
      processedBatches: expirePageBatches + 1,
      processedUsers: 1,
      totalExpiredAmount: expirePageBatches + 1,
    });
  });

  it("books each batch once when it runs three times at once", async () => {
    for (let index = 0; index < 20; index++) {
      const userId = newUser();
      await grant(userId, 3, 1);
      await grant(userId, 4, 1);
    }
    afterDays(1);
    const answers = await Promise.all([run(), run(), run()]);
    const total = (field: keyof typeof nothing) => answers.reduce((sum, answer) => sum + answer[field], 0);
    expect(total("processedBatches")).toBe(40);
    expect(total("processedUsers")).toBe(20);
    expect(total("totalExpiredAmount")).toBe(140);
    expect(await ledger().credits.audit()).toEqual({ ok: true, violations: [] });
  });

  it("answers zeros and books nothing when credits are disabled (rule 12)", async () => {
    await grant(newUser(), 10, 1);
    afterDays(1);
    const before = await snapshot(ledger());
    const off = ledger().with({ ...defaultCreditsConfig, enabled: false });
    expect(await off.processExpired()).toEqual(nothing);
    expect(await snapshot(ledger())).toBe(before);
  });
});

/** So many batches of so many credits that expire after a day, written by the grant's own function. */
async function grantMany(ledger: Ledger, userId: string, batches: number, amount: number): Promise<void> {
  const requests = Array.from({ length: batches }, () => ({
    user_id: userId,
    type: "purchase",
    amount,
    priority: 0,
    validity_days: 1,
  }));
  await ledger.sql("select credits.grant($1::jsonb, $2::timestamptz)", [
    JSON.stringify(requests),
    ledger.clock.now().toISOString(),
  ]);
}
