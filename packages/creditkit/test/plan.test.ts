import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCredits } from "../src/core/credits.ts";
import { type Ledger, newUser, openPostgresLedger } from "./ledger.ts";

const userCount = 300;

/**
 * PostgreSQL keeps the plans of a session. Statistics of empty tables made it choose to read them whole, which went on
 * while they grew: each call read all that earlier ones had written.
 */
describe("plans that were made while the tables were empty", () => {
  let ledger: Ledger;
  beforeEach(async () => {
    ledger = await openPostgresLedger({ max: 1, groupCommit: false });
    await ledger.sql("vacuum analyze");
  });
  afterEach(() => ledger.close());

  /** Rows that the session has read from the ledger's tables, through indexes and without. */
  async function rowsRead(): Promise<number> {
    await ledger.sql("select pg_stat_force_next_flush()");
    const [total] = await ledger.sql<{ rows: number }>(
      `select sum(seq_tup_read + idx_tup_fetch)::integer as rows from pg_stat_user_tables where schemaname = 'credits'`,
    );
    return total?.rows ?? Number.NaN;
  }

  // Statistics come whenever autovacuum pleases: a table of two rows is as cheap to read whole as by key, one of 50 nearly.
  it.each([
    ["never", 0],
    ["purchases", 2],
    ["purchases", 50],
    ["grants", 50],
    ["spends", 2],
    ["spends", 50],
  ] as const)(
    "still look spends and grants up one by one (analyzed within the %s, after %i)",
    async (when, after) => {
      const users = Array.from({ length: userCount }, newUser);
      const each = async (what: typeof when, work: (userId: string) => Promise<unknown>) => {
        for (const [index, userId] of users.entries()) {
          if (what === when && index === after) await ledger.sql("analyze");
          await work(userId);
        }
      };
      await each("purchases", (userId) =>
        ledger.credits.grant({ userId, amount: 9, type: "purchase", purchaseId: `p-${userId}` }),
      );
      await each("grants", (userId) =>
        ledger.credits.grant({ userId, amount: 9, type: "adjustment", idempotencyKey: "g" }),
      );
      await each("spends", (userId) =>
        ledger.credits.consume({ userId, amount: 1, service: "s", idempotencyKey: "c" }),
      );
      // Each call reads a handful of rows; whole tables would be hundreds for each.
      expect(await rowsRead()).toBeLessThan(userCount * 3 * 12);
    },
  );

  it("still look a period's grants up by their key in a long history", async () => {
    const userId = newUser();
    const grant = () =>
      ledger.credits.grantSubscription({
        userId,
        amount: 10,
        planId: "pro",
        validityDays: 30,
        grantPeriod: "2026-01",
      });
    await grant();
    const many = createCredits({
      database: ledger.database,
      config: ledger.credits.config,
      clock: ledger.clock.now,
    });
    await many.grant({ userId, amount: 10_000, type: "purchase" });
    const spends = Array.from({ length: 2000 }, () => many.consume({ userId, amount: 1, service: "s" }));
    await Promise.all(spends);
    const before = await rowsRead();
    for (let count = 0; count < 20; count++) await grant();
    expect((await rowsRead()) - before).toBeLessThan(20 * 20);
  });

  it("still look the users of the jobs up one by one", async () => {
    const half = userCount * 4;
    await ledger.sql(
      `insert into credits.subscription (
         user_id, subscription_id, plan_id, status, anchor, billing_interval, current_period_end, created_at, updated_at
       )
       select 'subscriber-' || n, 's', 'pro', 'active', '2026-01-10', 'month', '2026-02-10', now(), now()
       from generate_series(1, $1) as n`,
      [half],
    );
    await ledger.sql("analyze credits.subscription");
    const before = await rowsRead();
    expect(await ledger.credits.processDailyGrant()).toMatchObject({ successful: half });
    ledger.clock.advanceDays(40);
    expect(await ledger.credits.processExpired()).toMatchObject({ processedBatches: half });
    expect((await rowsRead()) - before).toBeLessThan(half * 30);
  });
});
