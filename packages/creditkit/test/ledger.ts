import { randomUUID } from "node:crypto";
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";
import { afterAll, beforeAll, describe, inject } from "vitest";
import { fromPool } from "../src/adapters/pg.ts";
import { fromPglite } from "../src/adapters/pglite.ts";
import { TestClock } from "../src/adapters/testing.ts";
import { type CreditsConfig, defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import type { Database } from "../src/core/database.ts";
import type { Credits } from "../src/core/operations.ts";
import { createCitusDatabase, dropCitusDatabase } from "./citus.ts";
import { databaseUrl, runOn } from "./postgres-server.ts";

/** A database with the schema in it, the sample configuration and a clock that the test moves. */
export interface Ledger {
  engine: "PGlite" | "PostgreSQL";
  credits: Credits;
  clock: TestClock;
  database: Database;
  /** The driver itself: a pg.Pool or a PGlite. */
  driver: pg.Pool | PGlite;
  /** Another system with another configuration on the same books and the same clock. */
  with(config: CreditsConfig): Credits;
  /** Runs SQL beside the ledger. */
  sql<Row = Record<string, unknown>>(text: string, parameters?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

export const startOfTime = "2026-01-15T10:00:00.000Z";

function ledgerOn(
  engine: Ledger["engine"],
  driver: pg.Pool | PGlite,
  close: () => Promise<void>,
  options: { groupCommit?: boolean; sharded?: boolean } = {},
): Ledger {
  const database = engine === "PGlite" ? fromPglite(driver as PGlite) : fromPool(driver as pg.Pool);
  const clock = new TestClock(startOfTime);
  const open = (config: CreditsConfig) => createCredits({ database, config, clock: clock.now, ...options });
  return {
    engine,
    credits: open(defaultCreditsConfig),
    clock,
    database,
    driver,
    with: open,
    sql: async <Row>(text: string, parameters: unknown[] = []) =>
      (await (driver as pg.Pool).query(text, parameters)).rows as Row[],
    close,
  };
}

export async function openPgliteLedger(): Promise<Ledger> {
  const pglite = await PGlite.create();
  const ledger = ledgerOn("PGlite", pglite, () => pglite.close());
  await ledger.credits.migrate();
  return ledger;
}

/** A database of its own on the shared server, and the pool on it; on a Citus cluster, distributed over its nodes. */
export async function openPostgresLedger({
  groupCommit = true,
  sharded = isCitus(),
  ...options
}: pg.PoolConfig & { groupCommit?: boolean; sharded?: boolean } = {}): Promise<Ledger & { url: string }> {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const server = inject("postgresUrl");
  if (isCitus()) await createCitusDatabase(server, name);
  else await onServer(`create database ${name} template ${inject("templateDatabase")}`);
  const url = databaseUrl(server, name);
  const pool = new pg.Pool({ connectionString: url, max: 20, ...options });
  const close = async () => {
    await pool.end();
    if (isCitus()) await dropCitusDatabase(server, name);
    else await onServer(`drop database ${name} with (force)`);
  };
  const ledger = ledgerOn("PostgreSQL", pool, close, { groupCommit, sharded });
  return { ...ledger, url };
}

/** Whether the server of this run is the coordinator of a Citus cluster. */
export function isCitus(): boolean {
  return inject("postgresKind") === "Citus";
}

/** Runs one statement on the server's maintenance database. */
export async function onServer(text: string): Promise<void> {
  await runOn(inject("postgresUrl"), text);
}

/** The same sentences about both engines; each test takes a fresh user of one shared ledger. */
export function describeLedger(name: string, tests: (ledger: () => Ledger) => void): void {
  describe.each([
    ["PGlite", openPgliteLedger],
    ["PostgreSQL", openPostgresLedger],
  ] as const)(`${name} on %s`, (_engine, open) => {
    let ledger: Ledger | undefined;
    beforeAll(async () => {
      ledger = await open();
    });
    afterAll(async () => {
      await ledger?.close();
    });
    tests(() => {
      if (ledger === undefined) throw new Error("The ledger is not open");
      return ledger;
    });
  });
}

/** A user nobody else in the file uses. */
export function newUser(): string {
  return `user-${randomUUID()}`;
}

/** Everything the books say, as text: equal before and after what must change nothing. */
export async function snapshot(ledger: Ledger): Promise<string> {
  const tables = [
    "wallet",
    "batch",
    "transaction",
    "hold",
    "purchase",
    "subscription",
    "installation",
    "migration",
  ];
  const parts = await Promise.all(
    tables.map((table) =>
      ledger.sql<{ rows: string }>(
        `select coalesce(jsonb_agg(to_jsonb(t) order by to_jsonb(t)::text), '[]')::text as rows from credits.${table} as t`,
      ),
    ),
  );
  return parts.map(([part]) => part?.rows).join("\n");
}

/** The code, field and message of a refusal. */
export async function refusal(
  work: Promise<unknown>,
): Promise<{ code: string; field?: string; message: string }> {
  try {
    await work;
  } catch (error) {
    const { code, field, message } = error as { code: string; field?: string; message: string };
    return { code, message, ...(field === undefined ? {} : { field }) };
  }
  throw new Error("It was not refused");
}

/** Whole-table jobs then see the users of one test only. */
export async function emptyBooks(ledger: Ledger): Promise<void> {
  const tables = ["wallet", "batch", "hold", "transaction", "purchase", "subscription", "erased_user"].map(
    (name) => `credits.${name}`,
  );
  const distributed = ledger.engine === "PostgreSQL" && isCitus();
  await ledger.database.transaction(async (connection) => {
    // Replica mode passes by the triggers that keep history, on every node; and by the one with which Citus truncates.
    if (distributed) await connection.query("set local citus.propagate_set_commands = 'local'", []);
    await connection.query("set local session_replication_role = replica", []);
    const statements = distributed
      ? tables.map((table) => `delete from ${table}`)
      : [`truncate ${tables.join(", ")}`];
    for (const statement of statements) await connection.query(statement, []);
  });
}

/** Makes the database itself refuse every new transaction of one user, until `mend`. */
export async function failOn(ledger: Ledger, userId: string): Promise<void> {
  await ledger.sql(`create function public.fail() returns trigger language plpgsql as $$
    begin
      if new.user_id = '${userId}' then raise exception 'planted'; end if;
      return new;
    end $$`);
  await changeTriggers(
    ledger,
    "create trigger fail before insert on credits.transaction for each row execute function public.fail()",
  );
}

export async function mend(ledger: Ledger): Promise<void> {
  await changeTriggers(ledger, "drop trigger fail on credits.transaction");
  await ledger.sql("drop function public.fail()");
}

async function changeTriggers(ledger: Ledger, statement: string): Promise<void> {
  await ledger.database.transaction(async (connection) => {
    if (ledger.engine === "PostgreSQL" && isCitus())
      await connection.query("set local citus.enable_unsafe_triggers = on", []);
    await connection.query(statement, []);
  });
}

/** What a client's TCP stack says when the answer does not come back. */
export function connectionReset(): Error {
  return Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
}

/** The same database, but the first answers of ledger operations get lost on the way: they did happen. */
export function losingAnswers(database: Database, times: number): Database {
  let left = times;
  return {
    inTransaction: false,
    query: async (text, parameters) => {
      const rows = await database.query(text, parameters);
      if (
        left > 0 &&
        /credits\.(consume|grant|grant_monthly|expire|hold|settle|reverse|deduct|erase_user|apply_payment_event|create_api_key)(_for)?\(/.test(
          text,
        )
      ) {
        left -= 1;
        throw connectionReset();
      }
      return rows;
    },
    transaction: (work) => database.transaction(work),
  };
}
