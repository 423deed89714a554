import { readFileSync } from "node:fs";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { fromPool } from "../src/adapters/pg.ts";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import { createCitusDatabase, dropCitusDatabase } from "./citus.ts";
import { describeLedger, isCitus, type Ledger, newUser, openPostgresLedger } from "./ledger.ts";
import { databaseUrl, runOn } from "./postgres-server.ts";

const distribution = readFileSync(new URL("../sql/engines/citus.sql", import.meta.url), "utf8");

/** What the two jobs, a purchase, a subscription and spends leave behind. */
async function useEverything(ledger: Ledger): Promise<void> {
  const { credits, clock } = ledger;
  const users = Array.from({ length: 6 }, newUser);
  for (const userId of users) {
    await credits.grantRegistrationBonus(userId);
    await credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId: `pi-${userId}` });
    await credits.upsertSubscription({
      userId,
      subscriptionId: "sub",
      planId: "pro",
      status: "active",
      anchor: clock.now(),
      interval: "month",
      currentPeriodEnd: new Date(clock.now().getTime() + 1e10),
    });
    await credits.grantSubscription({ userId, amount: 200, planId: "pro", validityDays: 30 });
    await credits.consume({ userId, amount: 7, service: "chat", idempotencyKey: "k" });
    expect(await credits.consume({ userId, amount: 7, service: "chat", idempotencyKey: "k" })).toMatchObject({
      replayed: true,
    });
  }
  clock.advanceDays(40);
  expect(await credits.processExpired()).toEqual({
    processedBatches: expect.any(Number),
    processedUsers: expect.any(Number),
    totalExpiredAmount: expect.any(Number),
  });
  expect(await credits.processDailyGrant()).toMatchObject({ failed: 0 });
  for (const userId of users) {
    // 110 bought less 7 spent from what expires first, and the plan's second period.
    expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 310 });
  }
  expect(await credits.audit()).toEqual({ ok: true, violations: [] });
}

// Where no cluster is, the lines that are for one are at least SQL that means the same.
describeLedger("the lines that only a cluster reads", (ledger) => {
  it("are valid, and leave the functions right", async () => {
    const functions = await ledger().sql<{ definition: string }>(
      `select pg_get_functiondef(oid) as definition from pg_proc
       where pronamespace = 'credits'::regnamespace and prosrc like '%/* shard: %'`,
    );
    if (!isCitus() || ledger().engine === "PGlite") expect(functions.length).toBeGreaterThan(4);
    for (const { definition } of functions)
      await ledger().sql(definition.replaceAll(/\/\* shard: (.*?) \*\//g, "$1"));
    await useEverything(ledger());
  });
});

describe.skipIf(!isCitus())("on a Citus cluster", () => {
  let ledger: Awaited<ReturnType<typeof openPostgresLedger>>;
  beforeAll(async () => {
    ledger = await openPostgresLedger();
  });
  afterAll(() => ledger.close());

  it("everything of a user is on one shard, a purchase id on its own, and configuration on every node", async () => {
    const tables = await ledger.sql<{ name: string; key: string | null; colocation: number }>(
      `select relname as name, column_to_column_name(logicalrelid, partkey) as key, colocationid as colocation
       from pg_dist_partition join pg_class on pg_class.oid = logicalrelid order by 1`,
    );
    expect(tables.map(({ name, key }) => [name, key])).toEqual([
      ["batch", "user_id"],
      ["installation", null],
      ["migration", null],
      ["purchase", "purchase_id"],
      ["subscription", "user_id"],
      ["transaction", "user_id"],
      ["wallet", "user_id"],
    ]);
    const ofUsers = tables.filter(({ key }) => key === "user_id");
    expect(new Set(ofUsers.map(({ colocation }) => colocation)).size).toBe(1);
    expect(tables.find(({ name }) => name === "purchase")?.colocation).not.toBe(ofUsers[0]?.colocation);
  });

  it("delegates each operation of one user whole, and not a grant with a purchase id or in a host's transaction", async () => {
    let delegated = 0;
    const pool = new pg.Pool({
      connectionString: ledger.url,
      max: 1,
      options: "-c client_min_messages=debug1",
    });
    pool.on("connect", (client) => {
      client.on("notice", ({ message }) => {
        if (message === "pushing down the function call") delegated += 1;
      });
    });
    const credits = createCredits({ database: fromPool(pool), config: defaultCreditsConfig, sharded: true });
    const userId = newUser();
    const count = async (work: () => Promise<unknown>) => {
      const before = delegated;
      await work();
      return delegated - before;
    };
    const subscription = {
      userId,
      subscriptionId: "sub",
      planId: "pro",
      status: "active",
      anchor: new Date(),
      interval: "month",
      currentPeriodEnd: new Date(Date.now() + 1e9),
    } as const;
    try {
      await credits.getWallet({ userId });
      const operations: Record<string, () => Promise<unknown>> = {
        grant: () => credits.grantRegistrationBonus(userId),
        consume: () => credits.consume({ userId, amount: 1, service: "chat" }),
        getInfo: () => credits.getInfo({ userId }),
        getTransactions: () => credits.getTransactions({ userId }),
        getWallet: () => credits.getWallet({ userId }),
        freeze: () => credits.freeze({ userId }),
        unfreeze: () => credits.unfreeze({ userId }),
        upsertSubscription: () => credits.upsertSubscription(subscription),
        processDailyGrant: () => credits.processDailyGrant(),
        grantPurchased: () =>
          credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId: userId }),
        using: async () => {
          const client = await pool.connect();
          await client.query("begin");
          await credits.using(client).consume({ userId, amount: 1, service: "chat" });
          await client.query("commit");
          client.release();
        },
      };
      const counts: Record<string, number> = {};
      for (const [name, work] of Object.entries(operations)) counts[name] = await count(work);
      expect(counts).toEqual({
        ...Object.fromEntries(Object.keys(operations).map((name) => [name, 1])),
        grantPurchased: 0,
        using: 0,
      });
    } finally {
      await pool.end();
    }
  });

  it("refuses to change history on every shard (rule 26)", async () => {
    const userId = newUser();
    await ledger.credits.grant({ userId, amount: 10, type: "adjustment" });
    const changes = await ledger.sql<{ success: boolean; result: string }>(
      "select success, result from run_command_on_shards('credits.transaction', 'delete from %s')",
    );
    expect(changes.some(({ success, result }) => !success && result.includes("append-only"))).toBe(true);
    await expect(
      ledger.sql("update credits.transaction set amount = 1 where user_id = $1", [userId]),
    ).rejects.toThrow("append-only");
    expect(await ledger.credits.getInfo({ userId })).toMatchObject({ availableCredits: 10 });
  });

  it("does every operation and both jobs, and its audit reads all shards", async () => {
    await useEverything(ledger);
  });

  it("takes operations at a worker too", async () => {
    const [worker] = await ledger.sql<{ nodename: string; nodeport: number }>(
      "select nodename, nodeport from pg_dist_node where groupid <> 0 limit 1",
    );
    const url = new URL(ledger.url);
    url.host = `${worker?.nodename}:${worker?.nodeport}`;
    const pool = new pg.Pool({ connectionString: url.href, max: 4 });
    try {
      const credits = createCredits({
        database: fromPool(pool),
        config: defaultCreditsConfig,
        sharded: true,
      });
      const users = Array.from({ length: 10 }, newUser);
      await Promise.all(users.map((userId) => credits.grantRegistrationBonus(userId)));
      await Promise.all(users.map((userId) => credits.consume({ userId, amount: 1, service: "chat" })));
      for (const userId of users)
        expect(await ledger.credits.getInfo({ userId })).toMatchObject({ availableCredits: 19 });
    } finally {
      await pool.end();
    }
  });

  it("is distributed again after a migration has replaced its functions", async () => {
    await ledger.sql("update credits.migration set hash = 'older' where name like 'function:%'");
    const { applied } = await ledger.credits.migrate();
    expect(applied).toContain("function:consume");
    await useEverything(ledger);
    // By hand it does no harm, and finds nothing to do.
    await runOn(ledger.url, distribution);
    await useEverything(ledger);
  });

  it("takes an installation that has users already", async () => {
    const server = inject("postgresUrl");
    const name = `test_${newUser().replaceAll("-", "")}`;
    const userId = newUser();
    await createCitusDatabase(server, name, async (credits) => {
      await credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId: "pi" });
      await credits.consume({ userId, amount: 10, service: "chat" });
    });
    const pool = new pg.Pool({ connectionString: databaseUrl(server, name), max: 2 });
    try {
      const credits = createCredits({
        database: fromPool(pool),
        config: defaultCreditsConfig,
        sharded: true,
      });
      expect(await credits.consume({ userId, amount: 1, service: "chat" })).toMatchObject({ newBalance: 99 });
      expect(
        await credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId: "pi" }),
      ).toMatchObject({ replayed: true });
      expect(await credits.audit()).toEqual({ ok: true, violations: [] });
    } finally {
      await pool.end();
      await dropCitusDatabase(server, name);
    }
  });
});
