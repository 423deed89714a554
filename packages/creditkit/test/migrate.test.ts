import { randomUUID } from "node:crypto";
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { fromPool } from "../src/adapters/pg.ts";
import { fromPglite } from "../src/adapters/pglite.ts";
import { type CreditsConfig, resolveConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import type { Database } from "../src/core/database.ts";
import { migrationScript } from "../src/core/migrate.ts";
import { describeLedger, isCitus, type Ledger, newUser, onServer, refusal, snapshot } from "./ledger.ts";
import { databaseUrl } from "./postgres-server.ts";
import { startProgram } from "./programs/program.ts";
import type { WorkerOrder, WorkerReport } from "./programs/worker.ts";

/** A database that no migration has seen. */
interface EmptyDatabase {
  database: Database;
  sql<Row = Record<string, unknown>>(text: string, parameters?: unknown[]): Promise<Row[]>;
  /** Runs many statements, as `psql` would. */
  script(text: string): Promise<void>;
  close(): Promise<void>;
}

async function emptyPglite(): Promise<EmptyDatabase> {
  const pglite = await PGlite.create();
  return {
    database: fromPglite(pglite),
    sql: async <Row>(text: string, parameters: unknown[] = []) =>
      (await pglite.query(text, parameters)).rows as Row[],
    script: async (text) => {
      await pglite.exec(text);
    },
    close: () => pglite.close(),
  };
}

async function emptyPostgres(): Promise<EmptyDatabase & { url: string }> {
  const name = `empty_${randomUUID().replaceAll("-", "")}`;
  await onServer(`create database ${name}`);
  const url = databaseUrl(inject("postgresUrl"), name);
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  return {
    url,
    database: fromPool(pool),
    sql: async <Row>(text: string, parameters: unknown[] = []) =>
      (await pool.query(text, parameters)).rows as Row[],
    script: async (text) => {
      await pool.query(text);
    },
    close: async () => {
      await pool.end();
      await onServer(`drop database ${name} with (force)`);
    },
  };
}

type Sql = EmptyDatabase["sql"];

/** Everything that the schema is made of, by the catalog's own words. */
async function catalogOf(sql: Sql) {
  const inSchema = "'credits'::regnamespace";
  const [tables, columns, constraints, indexes, functions, triggers, migrations, installations] =
    await Promise.all([
      sql(`select relname, relkind::text, reloptions from pg_class
           where relnamespace = ${inSchema} and relkind not in ('i', 'c') order by relname`),
      sql(`select relname, attname, format_type(atttypid, atttypmod) as type, attnotnull, attgenerated::text,
             pg_get_expr(adbin, adrelid) as value, collname
           from pg_attribute
           join pg_class on pg_class.oid = attrelid and relkind = 'r' and relnamespace = ${inSchema}
           left join pg_attrdef on adrelid = attrelid and adnum = attnum
           left join pg_collation on pg_collation.oid = attcollation
           where attnum > 0 and not attisdropped order by relname, attnum`),
      sql(`select conrelid::regclass::text as name, conname, pg_get_constraintdef(oid) as definition
           from pg_constraint where connamespace = ${inSchema} order by 1, 2`),
      sql("select indexname, indexdef from pg_indexes where schemaname = 'credits' order by 1"),
      sql(`select pg_proc.oid::regprocedure::text as name, prosrc, lanname, provolatile::text, proparallel::text,
             proisstrict, prosecdef, proconfig, pg_get_function_arguments(pg_proc.oid) as arguments,
             pg_get_function_result(pg_proc.oid) as result
           from pg_proc join pg_language on pg_language.oid = prolang
           where pronamespace = ${inSchema} order by 1`),
      sql(`select tgname, tgenabled::text, pg_get_triggerdef(pg_trigger.oid) as definition
           from pg_trigger join pg_class on pg_class.oid = tgrelid
           where relnamespace = ${inSchema} and not tgisinternal order by 1`),
      sql("select name, hash from credits.migration order by 1"),
      sql("select only_row, decimals from credits.installation"),
    ]);
  return { tables, columns, constraints, indexes, functions, triggers, migrations, installations };
}

const creditsOn = (database: Database, config: CreditsConfig = {}) => createCredits({ database, config });
const spend = { userId: "ada", amount: 1, service: "chat" };

describe.each([
  ["PGlite", emptyPglite],
  ["PostgreSQL", emptyPostgres],
] as const)("migrate on %s", (_engine, open) => {
  let empty: EmptyDatabase;
  let sql: Sql;
  beforeAll(async () => {
    empty = await open();
    sql = empty.sql;
  });
  afterAll(() => empty.close());
  // As good as another database, and a second faster on PGlite.
  beforeEach(() => sql("drop schema if exists credits cascade"));

  it("installs everything once: the second time applies nothing and changes nothing", async () => {
    const credits = creditsOn(empty.database);
    const { applied } = await credits.migrate();
    expect(applied).toContain("0001_ledger");
    expect(applied).toContain("function:consume");
    const before = await catalogOf(sql);
    expect(before.functions.length).toBeGreaterThan(20);
    expect(before.migrations.map(({ name }) => name)).toEqual([...applied, "release"].sort());
    expect(await credits.migrate()).toEqual({ applied: [] });
    expect(await creditsOn(empty.database).migrate()).toEqual({ applied: [] });
    expect(await catalogOf(sql)).toEqual(before);
  });

  it("prints a script that makes the same catalog, after which migrate applies nothing", async () => {
    const config = { decimals: 2 };
    await creditsOn(empty.database, config).migrate();
    const expected = await catalogOf(sql);
    await sql("drop schema credits cascade");

    await empty.script(migrationScript(resolveConfig(config)));
    expect(await catalogOf(sql)).toEqual(expected);
    const credits = creditsOn(empty.database, config);
    expect(await credits.migrate()).toEqual({ applied: [] });
    await credits.grant({ userId: "ada", amount: 0.25, type: "purchase" });
    expect(await credits.consume({ ...spend, amount: 0.05 })).toMatchObject({ newBalance: 0.2 });
  });

  it("installs into a schema that somebody else created for it", async () => {
    await sql("create schema credits");
    const credits = creditsOn(empty.database);
    await credits.migrate();
    await credits.grant({ userId: "ada", amount: 2, type: "purchase" });
    expect(await credits.consume(spend)).toMatchObject({ newBalance: 1 });
  });

  it("applies a function again whose recorded hash differs, and only that", async () => {
    const credits = creditsOn(empty.database);
    await credits.migrate();
    await credits.grant({ userId: "ada", amount: 2, type: "purchase" });
    const current = await catalogOf(sql);
    await sql(`create or replace function credits.consume(p_requests jsonb, p_now timestamptz)
               returns json language sql as $$ select 'null'::jsonb $$`);
    await sql("update credits.migration set hash = 'of an older version' where name = 'function:consume'");
    expect(await creditsOn(empty.database).migrate()).toEqual({ applied: ["function:consume"] });
    expect(await catalogOf(sql)).toEqual(current);
    expect(await credits.consume(spend)).toMatchObject({ newBalance: 1 });
  });

  it("leaves a database alone that a newer release has migrated, also one that changed functions only", async () => {
    const credits = creditsOn(empty.database);
    await credits.migrate();
    await credits.grant({ userId: "ada", amount: 2, type: "purchase" });
    await sql("update credits.migration set hash = '0.10.0' where name = 'release'");
    await sql("update credits.migration set hash = 'of a newer version' where name like 'function:%'");
    await sql("comment on function credits.consume(jsonb, timestamptz) is 'of a newer version'");
    const before = await catalogOf(sql);
    expect(await creditsOn(empty.database).migrate()).toEqual({ applied: [] });
    expect(await catalogOf(sql)).toEqual(before);
    expect(await credits.consume(spend)).toMatchObject({ newBalance: 1 });
  });

  it("refuses other decimals than the first migration fixed, also to an engine that never migrated (rule 10)", async () => {
    await creditsOn(empty.database, { decimals: 2 }).migrate();
    const before = await catalogOf(sql);
    for (const config of [{}, { decimals: 3 }]) {
      const other = creditsOn(empty.database, config);
      for (const work of [
        () => other.getInfo({ userId: "ada" }),
        () => other.grant({ userId: "ada", amount: 1, type: "purchase" }),
        () => other.consume(spend),
        () => other.migrate(),
        () => other.consume(spend),
      ]) {
        const error = await work().catch((thrown) => thrown);
        expect(error).toMatchObject({ code: "INVALID_CONFIG", problems: [{ path: "decimals" }] });
        expect(error.message).toContain("expected 2");
      }
    }
    expect(await catalogOf(sql)).toEqual(before);
    expect(await sql("select from credits.wallet")).toEqual([]);
  });

  it("changes nothing when the decimals are refused while something is pending (rule 10)", async () => {
    await creditsOn(empty.database).migrate();
    await sql("update credits.migration set hash = 'of an older version' where name = 'function:consume'");
    const before = await catalogOf(sql);
    expect(await refusal(creditsOn(empty.database, { decimals: 1 }).migrate())).toMatchObject({
      code: "INVALID_CONFIG",
    });
    expect(await catalogOf(sql)).toEqual(before);
  });

  it("is what a database without it asks for; the same engine goes on once it is there", async () => {
    const credits = creditsOn(empty.database);
    for (const work of [() => credits.consume(spend), () => credits.getInfo({ userId: "ada" })]) {
      const error = await refusal(work());
      expect(error).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
      expect(error.message).toContain("credits.migrate()");
      expect(error.message).toContain("creditkit migrate");
    }
    await creditsOn(empty.database).migrate();
    expect(await credits.getInfo({ userId: "ada" })).toMatchObject({ availableCredits: 0 });
  });

  it("is what a database of an older version asks for", async () => {
    const credits = creditsOn(empty.database);
    await credits.migrate();
    await sql("drop function credits.consume(jsonb, timestamptz)");
    await sql("delete from credits.migration where name = 'function:consume'");
    const error = await refusal(credits.consume(spend));
    expect(error).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
    expect(error.message).toContain("credits.migrate()");
    expect(await credits.migrate()).toEqual({ applied: ["function:consume"] });
    expect(await refusal(credits.consume(spend))).toMatchObject({ code: "USER_BALANCE_NOT_FOUND" });
  });

  it("leaves history to outlive a TRUNCATE … CASCADE of the wallets, and the audit names them (rules 26, 27)", async () => {
    const credits = creditsOn(empty.database);
    await credits.migrate();
    await credits.grant({ userId: "ada", amount: 2, type: "purchase" });
    const history = await sql("select * from credits.transaction");
    await sql("truncate credits.wallet cascade").catch(() => {});
    expect(await sql("select * from credits.transaction")).toEqual(history);
    const [wallet] = await sql("select from credits.wallet");
    if (wallet === undefined) {
      expect((await credits.audit()).violations).toContainEqual(
        expect.objectContaining({ rule: "5", userId: "ada", detail: expect.stringContaining("no wallet") }),
      );
    }
  });
});

describe("migrate when many processes start at once", () => {
  it.each(["read committed", "repeatable read", "serializable"])(
    "succeeds in 20 pools and 4 other processes, and applies everything once (%s by default)",
    async (isolation) => {
      const empty = await emptyPostgres();
      const name = new URL(empty.url).pathname.slice(1);
      await onServer(`alter database ${name} set default_transaction_isolation = '${isolation}'`);
      const workers = await Promise.all(
        Array.from({ length: 4 }, () => startProgram<WorkerOrder, WorkerReport>("worker")),
      );
      const pools = Array.from({ length: 20 }, () => new pg.Pool({ connectionString: empty.url, max: 1 }));
      const [here, there] = await Promise.all([
        Promise.all(pools.map((pool) => creditsOn(fromPool(pool)).migrate())),
        Promise.all(
          workers.map((worker) => worker.ask({ url: empty.url, connections: 1, work: { name: "migrate" } })),
        ),
      ]);
      expect(there.map(({ error }) => error)).toEqual([undefined, undefined, undefined, undefined]);
      const applied = [...here, ...there].flatMap((result) => result.applied ?? []);
      const recorded = await empty.sql<{ name: string }>(
        "select name from credits.migration where name <> 'release' order by name",
      );
      expect(applied.sort()).toEqual(recorded.map((row) => row.name));

      const one = await emptyPostgres();
      await creditsOn(one.database).migrate();
      expect(await catalogOf(empty.sql)).toEqual(await catalogOf(one.sql));
      await Promise.all([...workers.map((worker) => worker.kill()), ...pools.map((pool) => pool.end())]);
      await Promise.all([empty.close(), one.close()]);
    },
  );

  it("works for a role that may create nothing when nothing is pending", async () => {
    const empty = await emptyPostgres();
    await creditsOn(empty.database).migrate();
    const role = `app_${randomUUID().replaceAll("-", "")}`;
    await empty.sql(`create role ${role} login password 'app'`);
    await empty.sql(`grant usage on schema credits to ${role}`);
    await empty.sql(`grant select, insert, update, delete on all tables in schema credits to ${role}`);
    const url = new URL(empty.url);
    url.username = role;
    url.password = "app";
    const pool = new pg.Pool({ connectionString: url.href, max: 1 });
    await expect(pool.query("create schema mine")).rejects.toMatchObject({ code: "42501" });
    await expect(pool.query("create table credits.mine ()")).rejects.toMatchObject({ code: "42501" });

    const credits = creditsOn(fromPool(pool));
    expect(await credits.migrate()).toEqual({ applied: [] });
    await credits.grant({ userId: "ada", amount: 2, type: "purchase" });
    expect(await credits.consume(spend)).toMatchObject({ newBalance: 1 });
    await pool.end();
    await empty.sql(`drop owned by ${role}`);
    await empty.sql(`drop role ${role}`);
    await empty.close();
  });
});

describeLedger("the schema", (ledger) => {
  // Citus refuses as well, but often under a code of its own: rows that it copies to a shard lose theirs.
  const as = (state: string) =>
    ledger().engine === "PostgreSQL" && isCitus() ? expect.not.stringMatching("accepted") : state;
  const stateOf = (work: Promise<unknown>) =>
    work.then(
      () => "accepted",
      (error: { code: string }) => error.code,
    );

  it("begins every primary and unique key with user_id, except that a purchase id is one user's (rule 13), a provider's names, and what is about no user", async () => {
    const keys = await ledger().sql<{ name: string; first: string }>(
      `select pg_class.relname as name, attname as first
       from pg_index
       join pg_class on pg_class.oid = indrelid and relnamespace = 'credits'::regnamespace
       join pg_attribute on attrelid = indrelid and attnum = indkey[0]
       where indisunique order by 1, 2`,
    );
    expect(keys.filter(({ first }) => first !== "user_id")).toEqual([
      // Other programs', and what is on its way to them.
      { name: "api_key", first: "hash" },
      { name: "api_key", first: "id" },
      // A provider's names are whose it has to say.
      { name: "dispute", first: "provider" },
      // Erased: the hash is all there is of the user.
      { name: "erased_user", first: "pseudonym" },
      { name: "erased_user", first: "user_hash" },
      { name: "installation", first: "only_row" },
      { name: "job_run", first: "id" },
      { name: "migration", first: "name" },
      { name: "payment", first: "provider" },
      { name: "provider_event", first: "provider" },
      { name: "provider_object", first: "provider" },
      { name: "purchase", first: "purchase_id" },
      { name: "refund", first: "provider" },
      { name: "webhook_delivery", first: "message_id" },
      { name: "webhook_endpoint", first: "id" },
      { name: "webhook_message", first: "id" },
    ]);
    expect(new Set(keys.map(({ name }) => name))).toEqual(
      new Set([
        "api_key",
        "dispute",
        "erased_user",
        "installation",
        "job_run",
        "migration",
        "payment",
        "provider_event",
        "provider_object",
        "purchase",
        "refund",
        "wallet",
        "batch",
        "transaction",
        "hold",
        "subscription",
        "webhook_delivery",
        "webhook_endpoint",
        "webhook_message",
      ]),
    );
  });

  describe("history is append-only, also for the superuser (rule 26)", () => {
    let before: string;
    beforeAll(async () => {
      const userId = newUser();
      await ledger().credits.grant({ userId, amount: 10, type: "purchase", description: "first" });
      await ledger().credits.consume({ userId, amount: 3, service: "chat" });
      before = await snapshot(ledger());
    });

    it.each([
      "update credits.transaction set description = 'other'",
      "update credits.transaction set amount = amount",
      "delete from credits.transaction",
      "delete from credits.transaction where sequence = 2",
      "truncate credits.transaction",
      "truncate credits.transaction cascade",
      "truncate credits.wallet, credits.batch, credits.transaction restart identity cascade",
      `insert into credits.transaction select * from credits.transaction
       on conflict (user_id, sequence) do update set amount = 1`,
      `merge into credits.transaction using credits.wallet using_wallet on using_wallet.user_id = transaction.user_id
       when matched then delete`,
    ])("refuses %s", async (statement) => {
      expect(await stateOf(ledger().sql(statement))).toBe("23001");
      expect(await snapshot(ledger())).toBe(before);
    });
  });

  describe("the database itself refuses what breaks the books (rule 25)", () => {
    let userId: string;
    let granted: { id: string; batch_ids: string[] };
    beforeAll(async () => {
      userId = newUser();
      await ledger().credits.grant({ userId, amount: 10, type: "adjustment", idempotencyKey: "taken" });
      const [row] = await ledger().sql<typeof granted>(
        "select id, batch_ids::text[] from credits.transaction where user_id = $1",
        [userId],
      );
      if (row === undefined) throw new Error("Nothing was granted");
      granted = row;
    });

    type Fields = Record<string, unknown>;
    const columns: Record<string, string> = {
      // is_open is generated.
      batch: "user_id, id, sequence, priority, amount, remaining, consumed, expired, granted_at, expires_at",
    };
    const insert = (on: Ledger, table: string, row: Fields) =>
      on.sql(
        `insert into credits.${table} ${columns[table] === undefined ? "" : `(${columns[table]})`}
         select ${columns[table] ?? "*"}
         from jsonb_populate_record(null::credits.${table}, ${pg.escapeLiteral(JSON.stringify(row))})`,
      );
    const at = "2026-01-15T10:00:00Z";
    let sequence = 1;
    const adjustment = (owner = userId): Fields => ({
      user_id: owner,
      // Not that of a refused row which was accepted: each test fails for its own reason.
      sequence: ++sequence,
      id: randomUUID(),
      type: "adjustment",
      amount: 5,
      debit_account: "SYSTEM:adjustment",
      credit_account: `WALLET:${owner}`,
      batch_ids: [randomUUID()],
      batch_amounts: [5],
      batch_remainders: [5],
      available_after: 5,
      created_at: at,
    });
    const two = [randomUUID(), randomUUID()];

    it("takes the row that the refused ones below differ from", async () => {
      expect(await stateOf(insert(ledger(), "transaction", adjustment("somebody else")))).toBe("accepted");
    });

    it.each<[what: string, change: () => Fields, state: string]>([
      ["an amount of 0", () => ({ amount: 0, batch_amounts: [0] }), "23514"],
      ["a negative amount", () => ({ amount: -5, batch_amounts: [-5] }), "23514"],
      ["allocations of less than the amount", () => ({ batch_amounts: [4] }), "23514"],
      [
        "allocations of more than the amount",
        () => ({ batch_ids: two, batch_amounts: [3, 3], batch_remainders: [3, 3] }),
        "23514",
      ],
      ["no allocations", () => ({ batch_ids: [], batch_amounts: [], batch_remainders: [] }), "23514"],
      [
        "an allocation of 0",
        () => ({ batch_ids: two, batch_amounts: [5, 0], batch_remainders: [5, 0] }),
        "23514",
      ],
      [
        "a negative allocation",
        () => ({ batch_ids: two, batch_amounts: [6, -1], batch_remainders: [5, 0] }),
        "23514",
      ],
      [
        "an allocation without an amount",
        () => ({ batch_ids: two, batch_amounts: [5, null], batch_remainders: [5, 0] }),
        "23514",
      ],
      ["an only allocation without an amount", () => ({ batch_amounts: [null] }), "23514"],
      ["an allocation without a batch", () => ({ batch_ids: [null] }), "23514"],
      ["an allocation without a remainder", () => ({ batch_remainders: [null] }), "23514"],
      ["more batches than amounts", () => ({ batch_ids: two }), "23514"],
      ["more amounts than remainders", () => ({ batch_ids: two, batch_amounts: [4, 1] }), "23514"],
      ["a negative remainder", () => ({ batch_remainders: [-1] }), "23514"],
      ["no batches at all", () => ({ batch_ids: null }), "23502"],
      ["an unknown type", () => ({ type: "gift" }), "23514"],
      ["no type", () => ({ type: null }), "23502"],
      ["a grant from another source than its type's", () => ({ type: "registration_bonus" }), "23514"],
      ["a purchase that nobody paid", () => ({ type: "purchase" }), "23514"],
      ["a grant into another wallet", () => ({ credit_account: "WALLET:somebody else" }), "23514"],
      [
        "a grant out of the wallet",
        () => ({ debit_account: `WALLET:${userId}`, credit_account: "SYSTEM:adjustment" }),
        "23514",
      ],
      [
        "a spend from another wallet",
        () => ({
          type: "consumption",
          debit_account: "WALLET:somebody else",
          credit_account: "SERVICE:chat",
        }),
        "23514",
      ],
      [
        "a spend that pays no service",
        () => ({
          type: "consumption",
          debit_account: `WALLET:${userId}`,
          credit_account: "SYSTEM:expiration",
        }),
        "23514",
      ],
      [
        "an expiry that pays a service",
        () => ({ type: "expiration", debit_account: `WALLET:${userId}`, credit_account: "SERVICE:chat" }),
        "23514",
      ],
      ["no account", () => ({ debit_account: null }), "23502"],
      ["a negative balance", () => ({ available_after: -1 }), "23514"],
      ["a number of 0", () => ({ sequence: 0 }), "23514"],
      ["a number that is taken", () => ({ sequence: 1 }), "23505"],
      ["an id that is taken", () => ({ id: granted.id }), "23505"],
      ["a key that is taken", () => ({ key: "key:taken" }), "23505"],
      ["a month 13", () => ({ period: "2026-13" }), "23514"],
      ["a period that is no month", () => ({ period: "2026-1" }), "23514"],
      ["less asked for than granted", () => ({ amount_asked: 4 }), "23514"],
      ["no time", () => ({ created_at: null }), "23502"],
      ["no user", () => ({ user_id: null }), "23502"],
    ])("a transaction with %s", async (_what, change, state) => {
      const before = await snapshot(ledger());
      expect(await stateOf(insert(ledger(), "transaction", { ...adjustment(), ...change() }))).toEqual(
        as(state),
      );
      expect(await snapshot(ledger())).toBe(before);
    });

    it.each<[what: string, assignment: string, state: string]>([
      ["less than nothing left", "remaining = -1, consumed = 11", "23514"],
      ["less than nothing consumed", "consumed = -1, remaining = 11", "23514"],
      ["less than nothing expired", "expired = -1, remaining = 11", "23514"],
      ["less than nothing held", "held = -1, remaining = 11", "23514"],
      ["more held than its books say", "held = held + 1", "23514"],
      ["more left than its books say", "remaining = remaining + 1", "23514"],
      ["more consumed than was left", "consumed = consumed + 1", "23514"],
      ["another amount", "amount = amount + 1", "23514"],
      ["nothing granted", "amount = 0, remaining = 0", "23514"],
      ["an end before its beginning", "expires_at = granted_at - interval '1 second'", "23514"],
      ["an end at its beginning", "expires_at = granted_at", "23514"],
      ["a number of 0", "sequence = 0", "23514"],
      ["a say in whether it is open", "is_open = false", "428C9"],
      ["an owner without a wallet", "user_id = 'nobody'", "23503"],
    ])("a batch with %s", async (_what, assignment, state) => {
      const before = await snapshot(ledger());
      const update = ledger().sql(`update credits.batch set ${assignment} where user_id = $1`, [userId]);
      expect(await stateOf(update)).toEqual(as(state));
      expect(await snapshot(ledger())).toBe(before);
    });

    it.each<[what: string, row: () => Fields, table: string, state: string]>([
      ["a batch that is there", () => ({ id: granted.batch_ids[0] }), "batch", "23505"],
      ["a batch of a user without a wallet", () => ({ user_id: "nobody" }), "batch", "23503"],
      [
        "a purchase id that is taken",
        () => ({
          purchase_id: "p",
          user_id: "other",
          type: "purchase",
          transaction_id: granted.id,
          created_at: at,
        }),
        "purchase",
        "23505",
      ],
      [
        "an empty purchase id",
        () => ({
          purchase_id: "",
          user_id: "other",
          type: "purchase",
          transaction_id: granted.id,
          created_at: at,
        }),
        "purchase",
        "23514",
      ],
      [
        "a purchase of nobody",
        () => ({
          purchase_id: "q",
          user_id: null,
          type: "purchase",
          transaction_id: granted.id,
          created_at: at,
        }),
        "purchase",
        "23502",
      ],
      [
        "a second installation",
        () => ({ only_row: true, decimals: 0, installed_at: at }),
        "installation",
        "23505",
      ],
      [
        "an installation beside the one",
        () => ({ only_row: false, decimals: 0, installed_at: at }),
        "installation",
        "23514",
      ],
      [
        "a wallet of an empty name",
        () => ({
          user_id: "",
          sequence: 0,
          balance: 0,
          held: 0,
          debt: 0,
          due: 0,
          status: "active",
          last_at: at,
          created_at: at,
        }),
        "wallet",
        "23514",
      ],
      [
        "a wallet that is there",
        () => ({
          user_id: userId,
          sequence: 0,
          balance: 0,
          held: 0,
          debt: 0,
          due: 0,
          status: "active",
          last_at: at,
          created_at: at,
        }),
        "wallet",
        "23505",
      ],
    ])("%s", async (_what, row, table, state) => {
      await ledger().sql(
        `insert into credits.purchase (purchase_id, user_id, type, transaction_id, created_at)
         values ('p', $1, 'adjustment', gen_random_uuid(), now())
         on conflict do nothing`,
        [userId],
      );
      const before = await snapshot(ledger());
      const defaults =
        table === "batch"
          ? {
              user_id: userId,
              id: randomUUID(),
              sequence: 2,
              priority: 0,
              amount: 1,
              remaining: 1,
              consumed: 0,
              expired: 0,
              held: 0,
              granted_at: at,
            }
          : {};
      expect(await stateOf(insert(ledger(), table, { ...defaults, ...row() }))).toEqual(as(state));
      expect(await snapshot(ledger())).toBe(before);
    });

    it.each<[what: string, statement: string, state: string]>([
      ["a negative balance", "update credits.wallet set balance = -1", "23514"],
      ["a negative number", "update credits.wallet set sequence = -1", "23514"],
      ["an unknown status", "update credits.wallet set status = 'dormant'", "23514"],
      ["batches and no wallet", "delete from credits.wallet", "23503"],
      ["decimals beyond 6", "update credits.installation set decimals = 7", "23514"],
    ])("%s", async (_what, statement, state) => {
      expect(await stateOf(ledger().sql(statement))).toEqual(as(state));
    });

    it.each([
      ["an unknown status", { status: "dormant" }],
      ["an unknown interval", { billing_interval: "week" }],
      ["an empty id", { subscription_id: "" }],
    ])("a subscription with %s", async (_what, change) => {
      const subscription = {
        user_id: userId,
        subscription_id: "s",
        plan_id: "pro",
        status: "active",
        anchor: at,
        billing_interval: "month",
        current_period_end: at,
        entitled_from: at,
        cancels_at_period_end: false,
        created_at: at,
        updated_at: at,
      };
      expect(await stateOf(insert(ledger(), "subscription", { ...subscription, ...change }))).toEqual(
        as("23514"),
      );
    });
  });
});
