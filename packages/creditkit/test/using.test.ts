import type { PGlite } from "@electric-sql/pglite";
import { drizzle as drizzleOnPool } from "drizzle-orm/node-postgres";
import { integer, type PgDatabase, pgTable, text } from "drizzle-orm/pg-core";
import { drizzle as drizzleOnPglite } from "drizzle-orm/pglite";
import pg from "pg";
import { beforeAll, describe, expect, it } from "vitest";
import { fromDrizzle } from "../src/adapters/drizzle.ts";
import { createCredits } from "../src/core/credits.ts";
import type { Database, HostTransaction } from "../src/core/database.ts";
import { CreditsError } from "../src/core/errors.ts";
import type { Credits } from "../src/core/operations.ts";
import {
  describeLedger,
  type Ledger,
  newUser,
  openPgliteLedger,
  openPostgresLedger,
  refusal,
  snapshot,
} from "./ledger.ts";

/** The host's own table. */
const note = pgTable("note", {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  body: text().notNull(),
});

type Drizzle = PgDatabase<never> & Parameters<typeof fromDrizzle>[0];

function drizzleOn({ engine, driver }: Ledger): Drizzle {
  const drizzle = engine === "PGlite" ? drizzleOnPglite(driver as PGlite) : drizzleOnPool(driver as pg.Pool);
  return drizzle as unknown as Drizzle;
}

interface Host {
  /** What `using` takes. */
  transaction: HostTransaction;
  /** Writes a row of the host's in the same transaction. */
  write(body: string): Promise<unknown>;
}

/** Ways in which a host has a transaction; each commits when the work succeeds and rolls back when it throws. */
const hosts: [
  name: string,
  inTransaction: (on: Ledger, work: (host: Host) => Promise<void>) => Promise<void>,
][] = [
  [
    "a Drizzle transaction",
    (on, work) =>
      drizzleOn(on).transaction((tx) =>
        work({ transaction: tx, write: (body) => tx.insert(note).values({ body }) }),
      ),
  ],
  [
    "fromDrizzle of a Drizzle transaction",
    (on, work) =>
      drizzleOn(on).transaction((tx) =>
        work({
          transaction: fromDrizzle(tx as unknown as Drizzle),
          write: (body) => tx.insert(note).values({ body }),
        }),
      ),
  ],
  [
    "the driver's own transaction",
    async (on, work) => {
      const insert = "insert into note (body) values ($1)";
      if (on.engine === "PGlite") {
        await (on.driver as PGlite).transaction((tx) =>
          work({ transaction: tx, write: (body) => tx.query(insert, [body]) }),
        );
        return;
      }
      const client = await (on.driver as pg.Pool).connect();
      try {
        await client.query("begin");
        await work({ transaction: client, write: (body) => client.query(insert, [body]) });
        await client.query("commit");
      } catch (error) {
        await client.query("rollback");
        throw error;
      } finally {
        client.release();
      }
    },
  ],
];

describeLedger("using a host's transaction", (ledger) => {
  beforeAll(async () => {
    await ledger().sql(
      "create table note (id integer primary key generated always as identity, body text not null)",
    );
  });

  const funded = async () => {
    const userId = newUser();
    await ledger().credits.grant({ userId, amount: 10, type: "purchase" });
    return userId;
  };
  const notesOf = async (userId: string) =>
    (
      await ledger().sql<{ body: string }>("select body from note where body like $1 order by id", [
        `${userId}%`,
      ])
    ).map(({ body }) => body.slice(userId.length + 1));
  const available = async (userId: string) => (await ledger().credits.getInfo({ userId })).availableCredits;

  describe.each(hosts)("%s", (_name, inTransaction) => {
    it("commits a spend with the host's rows (rule 20)", async () => {
      const userId = await funded();
      await inTransaction(ledger(), async ({ transaction, write }) => {
        await write(`${userId} before`);
        const credits = ledger().credits.using(transaction);
        expect(await credits.consume({ userId, amount: 3, service: "chat" })).toMatchObject({
          newBalance: 7,
        });
        // What the transaction wrote, it sees.
        expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 7 });
        await write(`${userId} after`);
      });
      expect(await notesOf(userId)).toEqual(["before", "after"]);
      expect(await available(userId)).toBe(7);
    });

    it("rolls a spend back with the host's rows", async () => {
      const userId = await funded();
      const before = await snapshot(ledger());
      const failing = inTransaction(ledger(), async ({ transaction, write }) => {
        await write(`${userId} before`);
        await ledger().credits.using(transaction).consume({ userId, amount: 3, service: "chat" });
        throw new Error("The host changed its mind");
      });
      await expect(failing).rejects.toThrow("The host changed its mind");
      expect(await notesOf(userId)).toEqual([]);
      expect(await snapshot(ledger())).toBe(before);
    });

    it("rolls back whatever else was done in it: a first grant leaves no wallet, a key stays free (rules 8, 21)", async () => {
      const [userId, newcomer] = [await funded(), newUser()];
      const spend = { userId, amount: 3, service: "chat", idempotencyKey: "k" };
      const before = await snapshot(ledger());
      const failing = inTransaction(ledger(), async ({ transaction }) => {
        const credits = ledger().credits.using(transaction);
        await credits.grantRegistrationBonus(newcomer);
        await credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId: `p-${userId}` });
        await credits.consume(spend);
        expect(await credits.consume(spend)).toMatchObject({ replayed: true });
        await credits.freeze({ userId });
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      expect(await snapshot(ledger())).toBe(before);
      expect(await ledger().credits.consume(spend)).not.toHaveProperty("replayed");
    });

    it("stays usable after each kind of refusal, and the host's rows commit (rule 9)", async () => {
      const [userId, stranger, full] = [await funded(), newUser(), await funded()];
      await ledger().credits.grant({ userId: full, amount: 9_990, type: "purchase" });
      await ledger().credits.consume({ userId, amount: 1, service: "chat", idempotencyKey: "k" });
      await ledger().credits.grantPurchased({
        userId,
        priceId: "price_credits_lite",
        purchaseId: `p-${userId}`,
      });
      await inTransaction(ledger(), async ({ transaction, write }) => {
        const credits = ledger().credits.using(transaction);
        await write(`${userId} before`);
        const refusals: [work: () => Promise<unknown>, expected: object][] = [
          [() => credits.consume({ userId, amount: 500, service: "chat" }), { code: "INSUFFICIENT_CREDITS" }],
          [
            () => credits.consume({ userId, amount: 2, service: "chat", idempotencyKey: "k" }),
            { code: "IDEMPOTENCY_CONFLICT", field: "amount" },
          ],
          [
            () =>
              credits.grantPurchased({
                userId: stranger,
                priceId: "price_credits_lite",
                purchaseId: `p-${userId}`,
              }),
            { code: "IDEMPOTENCY_CONFLICT", field: "userId" },
          ],
          [() => credits.grant({ userId: full, amount: 1, type: "adjustment" }), { code: "BALANCE_LIMIT" }],
          [
            () => credits.consume({ userId: stranger, amount: 1, service: "chat" }),
            { code: "USER_BALANCE_NOT_FOUND" },
          ],
          [() => credits.consume({ userId, amount: 0, service: "chat" }), { code: "INVALID_AMOUNT" }],
        ];
        for (const [work, expected] of refusals) {
          expect(await refusal(work())).toMatchObject(expected);
          await write(`${userId} ${JSON.stringify(expected)}`);
        }
        await credits.consume({ userId, amount: 2, service: "chat" });
      });
      expect(await notesOf(userId)).toHaveLength(7);
      expect(await available(userId)).toBe(10 - 1 + 110 - 2);
      expect(await ledger().credits.getWallet({ userId: stranger })).toBeNull();
    });

    it("throws a database error as it came and retries nothing in it: the statement before has ended it (rule 29)", async () => {
      const userId = await funded();
      const before = await snapshot(ledger());
      const failing = inTransaction(ledger(), async ({ transaction, write }) => {
        await ledger().credits.using(transaction).consume({ userId, amount: 3, service: "chat" });
        // "insert into note" with null: the transaction is aborted from here on.
        await write(null as unknown as string).catch(() => {});
        const error = await ledger()
          .credits.using(transaction)
          .consume({ userId, amount: 1, service: "chat" })
          .catch((thrown) => thrown);
        expect(CreditsError.is(error)).toBe(false);
        expect(error.code ?? error.cause?.code).toBe("25P02");
        throw error;
      });
      await expect(failing).rejects.toThrow();
      expect(await snapshot(ledger())).toBe(before);
    });
  });

  it("sends a statement once, whatever the database answers in a host's transaction (rule 29)", async () => {
    for (const code of ["40001", "40P01", "ECONNRESET", "57P01"]) {
      let sent = 0;
      const failure = Object.assign(new Error("no"), { code });
      const transaction = {
        query: async (text: string, parameters: unknown[]) => {
          if (text.includes("credits.consume")) {
            sent += 1;
            throw failure;
          }
          return (ledger().driver as pg.Pool).query(text, parameters);
        },
      };
      const spend = ledger()
        .credits.using(transaction)
        .consume({ userId: "ada", amount: 1, service: "chat" });
      expect(await spend.catch((error) => error)).toBe(failure);
      expect(sent).toBe(1);
    }
  });

  describe("refuses as INVALID_ARGUMENT, before anything happens,", () => {
    const notTransactions: [name: string, value: () => unknown][] = [
      ["nothing", () => undefined],
      ["null", () => null],
      ["a string", () => "begin"],
      ["a number", () => 1],
      ["a function", () => () => {}],
      ["an empty object", () => ({})],
      ["an object of something else", () => ({ query: "select 1", execute: true })],
      // Each of these commits by itself: the spend would stay when the host rolls back.
      ["the driver outside a transaction", () => ledger().driver],
      ["a Drizzle database outside a transaction", () => drizzleOn(ledger())],
      ["the Database that the engine itself stands on", () => ledger().database],
      ["fromDrizzle of a database outside a transaction", () => fromDrizzle(drizzleOn(ledger()))],
    ];
    it.each(notTransactions)("%s", async (_name, value) => {
      const userId = await funded();
      const before = await snapshot(ledger());
      const use = async () =>
        ledger()
          .credits.using(value() as object)
          .consume({ userId, amount: 1, service: "chat" });
      expect(await refusal(use())).toMatchObject({ code: "INVALID_ARGUMENT" });
      expect(await snapshot(ledger())).toBe(before);
    });
  });

  it("leaves books that the audit finds clean", async () => {
    expect(await ledger().credits.audit()).toEqual({ ok: true, violations: [] });
  });
});

describe("an engine that has not asked its database anything yet", () => {
  it("asks about the installation once, though it is used in transactions only", async () => {
    const ledger = await openPostgresLedger();
    const userId = newUser();
    await ledger.credits.grant({ userId, amount: 10, type: "purchase" });
    const credits = createCredits({ database: ledger.database, config: ledger.credits.config });
    const statements: string[] = [];
    for (let order = 0; order < 3; order++) {
      const client = await (ledger.driver as pg.Pool).connect();
      await client.query("begin");
      const transaction = {
        query: (text: string, parameters: unknown[]) => {
          statements.push(text);
          return client.query(text, parameters);
        },
      };
      await credits.using(transaction).consume({ userId, amount: 1, service: "chat" });
      await client.query("commit");
      client.release();
    }
    expect(statements.filter((text) => text.includes("credits.consume"))).toHaveLength(3);
    expect(statements.filter((text) => text.includes("credits.installation"))).toHaveLength(1);
    await ledger.close();
  });

  it.each([
    ["PGlite", () => openPgliteLedger()],
    ["a pool of one connection", () => openPostgresLedger({ max: 1 })],
  ] as const)(
    "works in a host's transaction while a plain call waits for that to end (%s)",
    async (_name, open) => {
      const ledger = await open();
      const userId = newUser();
      await ledger.credits.grant({ userId, amount: 10, type: "purchase" });
      // Another process migrated.
      const credits = createCredits({ database: ledger.database, config: ledger.credits.config });
      let waiting: Promise<unknown> | undefined;
      const [inTransaction] = hosts.filter(([name]) => name === "the driver's own transaction");
      await inTransaction?.[1](ledger, async ({ transaction }) => {
        waiting = credits.getInfo({ userId });
        await credits.using(transaction).consume({ userId, amount: 1, service: "chat" });
      });
      expect(await waiting).toMatchObject({ availableCredits: 9 });
      await ledger.close();
    },
    60_000,
  );
});

describe.each([
  ["PGlite", openPgliteLedger],
  ["PostgreSQL", openPostgresLedger],
] as const)("an engine on fromDrizzle, %s", (_engine, open) => {
  const within = (name: string, test: (ledger: Ledger, credits: Credits) => Promise<void>) =>
    it(name, async () => {
      const ledger = await open();
      try {
        const { config } = ledger.credits;
        const database: Database = fromDrizzle(drizzleOn(ledger));
        await test(ledger, createCredits({ database, config, clock: ledger.clock.now }));
      } finally {
        await ledger.close();
      }
    });

  within("migrates, grants, spends, refuses, lists, runs the jobs and audits", async (ledger, credits) => {
    await ledger.sql("drop schema credits cascade");
    expect(await refusal(credits.getInfo({ userId: "ada" }))).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
    expect((await credits.migrate()).applied).toContain("0001_ledger");
    expect(await credits.migrate()).toEqual({ applied: [] });

    const userId = newUser();
    const bonus = await credits.grantRegistrationBonus(userId);
    expect(await credits.grantRegistrationBonus(userId)).toEqual({ ...bonus, replayed: true });
    expect(bonus.expirationDate).toEqual(new Date(ledger.clock.now().getTime() + 30 * 24 * 60 * 60 * 1000));
    await credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId: "p" });
    const metadata = { "a'b": ["$1", "ü", null, 1.5] };
    const spend = await credits.consumeForService({
      userId,
      service: "google:chat",
      description: "it's",
      metadata,
    });
    expect(spend).toMatchObject({ consumedAmount: 2, newBalance: 128 });
    expect(
      await ledger.sql("select metadata from credits.transaction where id = $1", [spend.transactionId]),
    ).toEqual([{ metadata }]);
    expect(await refusal(credits.consume({ userId, amount: 999, service: "chat" }))).toMatchObject({
      code: "INSUFFICIENT_CREDITS",
    });
    await credits.upsertSubscription({
      userId,
      subscriptionId: "s",
      planId: "pro",
      status: "active",
      anchor: ledger.clock.now(),
      interval: "month",
      currentPeriodEnd: new Date("2026-02-15T10:00:00Z"),
    });
    expect(await credits.processDailyGrant()).toMatchObject({ successful: 1, failed: 0 });
    ledger.clock.advanceDays(31);
    expect(await credits.processExpired()).toMatchObject({ processedBatches: 2, totalExpiredAmount: 218 });
    const { items, total } = await credits.getTransactions({ userId });
    expect(total).toBe(6);
    expect(items.map(({ amount }) => amount)).toEqual([-200, -18, 200, -2, 110, 20]);
    expect(await credits.getWallet({ userId })).toMatchObject({ transactionCount: 6, status: "active" });
    expect(await credits.audit()).toEqual({ ok: true, violations: [] });
  });

  within("is exact under concurrent spends (rule 30)", async (_ledger, credits) => {
    const userId = newUser();
    await credits.grant({ userId, amount: 100, type: "purchase" });
    const settled = await Promise.allSettled(
      Array.from({ length: 60 }, () => credits.consume({ userId, amount: 3, service: "chat" })),
    );
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(33);
    for (const call of settled) {
      if (call.status === "rejected")
        expect(call.reason).toMatchObject({ code: "INSUFFICIENT_CREDITS", available: 1 });
    }
    expect(await credits.audit()).toEqual({ ok: true, violations: [] });
  });
});

describe("an engine on fromDrizzle at stricter isolation", () => {
  it.each(["repeatable read", "serializable"])(
    "finds the conflict inside Drizzle's error and waits its turn (%s by default, rule 29)",
    async (isolation) => {
      const ledger = await openPostgresLedger();
      const url = new URL(ledger.url);
      url.searchParams.set("options", `-c default_transaction_isolation=${isolation.replace(" ", "\\ ")}`);
      const pool = new pg.Pool({ connectionString: url.href, max: 10 });
      const drizzle = drizzleOnPool(pool) as unknown as Drizzle;
      const credits = createCredits({ database: fromDrizzle(drizzle), config: ledger.credits.config });
      expect((await pool.query("show default_transaction_isolation")).rows).toEqual([
        { default_transaction_isolation: isolation },
      ]);
      const userId = newUser();
      await credits.grant({ userId, amount: 100, type: "purchase" });
      const settled = await Promise.allSettled(
        Array.from({ length: 60 }, () => credits.consume({ userId, amount: 3, service: "chat" })),
      );
      expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(33);
      for (const call of settled) {
        if (call.status === "rejected") expect(call.reason).toMatchObject({ code: "INSUFFICIENT_CREDITS" });
      }
      expect(await credits.audit()).toEqual({ ok: true, violations: [] });
      await pool.end();
      await ledger.close();
    },
  );

  it("throws Drizzle's own error of a host's transaction to the host, with the 40001 inside (rule 29)", async () => {
    const ledger = await openPostgresLedger();
    const userId = newUser();
    await ledger.credits.grant({ userId, amount: 10, type: "purchase" });
    const drizzle = drizzleOn(ledger);
    const losing = drizzle.transaction(
      async (tx) => {
        await ledger.credits.using(tx).getInfo({ userId });
        await ledger.credits.consume({ userId, amount: 1, service: "chat" });
        await ledger.credits.using(tx).consume({ userId, amount: 1, service: "chat" });
      },
      { isolationLevel: "serializable" },
    );
    const error = await losing.catch((thrown) => thrown);
    expect(CreditsError.is(error)).toBe(false);
    expect(error.cause).toMatchObject({ code: "40001" });
    expect(await ledger.credits.getInfo({ userId })).toMatchObject({ availableCredits: 9 });
    await ledger.close();
  });
});

describe("an engine on a Drizzle transaction", () => {
  it("does everything in it, and nothing outside", async () => {
    const ledger = await openPostgresLedger();
    await ledger.sql("drop schema credits cascade");
    const failing = drizzleOn(ledger).transaction(async (tx) => {
      const database = fromDrizzle(tx as unknown as Drizzle);
      const credits = createCredits({ database, config: ledger.credits.config });
      await credits.migrate();
      await credits.grant({ userId: "ada", amount: 1, type: "purchase" });
      expect(await credits.consume({ userId: "ada", amount: 1, service: "chat" })).toMatchObject({
        newBalance: 0,
      });
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await ledger.sql("select to_regnamespace('credits') as credits")).toEqual([{ credits: null }]);
    await ledger.close();
  });
});
