import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { fromDrizzle } from "../src/adapters/drizzle.ts";
import { fromPool } from "../src/adapters/pg.ts";
import { TestClock } from "../src/adapters/testing.ts";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import type { Credits } from "../src/core/operations.ts";
import { newUser, onServer, refusal, startOfTime } from "./ledger.ts";
import { databaseUrl, freePort } from "./postgres-server.ts";

/** Server connections of the pooler: far fewer than its clients, so that every transaction gets another one. */
const poolSize = 3;
const clientCount = 40;

const isInstalled = (() => {
  try {
    execFileSync("pgbouncer", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

if (!isInstalled) console.warn("No pgbouncer was found: the tests of pooling are skipped here.");

// A machine that is to prove something must not skip it in silence.
describe.skipIf(!isInstalled && !process.env.CI)("behind PgBouncer in transaction mode (rule 30)", () => {
  let bouncer: { port: number; stop(): Promise<void> };
  const clock = new TestClock(startOfTime);
  const opened: { pool: pg.Pool; name: string }[] = [];

  /** An empty database, and a pool of clients of the pooler on it. */
  async function open(settings = "") {
    const name = `test_${randomUUID().replaceAll("-", "")}`;
    await onServer(`create database ${name}`);
    if (settings !== "") await onServer(`alter database ${name} ${settings}`);
    const connectionString = `postgresql://anybody@127.0.0.1:${bouncer.port}/${name}`;
    const pool = new pg.Pool({ connectionString, max: clientCount });
    opened.push({ pool, name });
    return { pool, name, connectionString };
  }
  const creditsOn = (pool: pg.Pool, options = {}) =>
    createCredits({ database: fromPool(pool), config: defaultCreditsConfig, clock: clock.now, ...options });
  const times = <Value>(count: number, make: (index: number) => Value) =>
    Array.from({ length: count }, (_, i) => make(i));

  let pool: pg.Pool;
  let name: string;
  let credits: Credits;

  beforeAll(async () => {
    if (!isInstalled) throw new Error("CI has no pgbouncer: install it");
    bouncer = await startPgbouncer(inject("postgresUrl"));
    ({ pool, name } = await open());
    credits = creditsOn(pool);
    await credits.migrate();
  });

  afterAll(async () => {
    for (const each of opened) await each.pool.end();
    await bouncer?.stop();
    for (const each of opened) await onServer(`drop database ${each.name} with (force)`);
  });

  it("migrates once when many start at the same time, and leaves no lock behind", async () => {
    const empty = await open();
    const processes = times(8, () => new pg.Pool({ connectionString: empty.connectionString, max: 1 }));
    try {
      const results = await Promise.all(processes.map((each) => creditsOn(each).migrate()));
      expect(results.filter(({ applied }) => applied.length > 0)).toHaveLength(1);
      const { rows } = await empty.pool.query("select from pg_locks where locktype = 'advisory'");
      expect(rows).toEqual([]);
    } finally {
      await Promise.all(processes.map((each) => each.end()));
    }
  });

  it.each([
    ["group commit", "read committed", true],
    ["single calls", "read committed", false],
    ["group commit and REPEATABLE READ by default", "repeatable read", true],
    ["single calls and REPEATABLE READ by default", "repeatable read", false],
  ])(
    "lets exactly 142 of 200 parallel spends of 7 from 1000 succeed, with %s",
    async (_name, isolation, groupCommit) => {
      const database = await open(`set default_transaction_isolation = '${isolation}'`);
      const { rows } = await database.pool.query("show transaction_isolation");
      expect(rows).toEqual([{ transaction_isolation: isolation }]);
      const ours = creditsOn(database.pool, { groupCommit });
      await ours.migrate();
      const userId = newUser();
      await ours.grant({ userId, amount: 1000, type: "purchase" });
      const spends = await Promise.allSettled(
        times(200, () => ours.consume({ userId, amount: 7, service: "chat" })),
      );
      expect(spends.filter(({ status }) => status === "fulfilled")).toHaveLength(142);
      expect(
        new Set(spends.flatMap((spend) => (spend.status === "rejected" ? [spend.reason.code] : []))),
      ).toEqual(new Set(["INSUFFICIENT_CREDITS"]));
      expect(await ours.getInfo({ userId })).toMatchObject({ availableCredits: 6 });
      expect(await ours.audit()).toEqual({ ok: true, violations: [] });
    },
  );

  it("grants a purchase once that many deliver at the same time (rule 13)", async () => {
    const userId = newUser();
    const sale = { userId, priceId: "price_credits_lite", purchaseId: `pi-${userId}` };
    const single = creditsOn(pool, { groupCommit: false });
    const grants = await Promise.all(times(20, () => single.grantPurchased(sale)));
    expect(grants.filter(({ replayed }) => replayed)).toHaveLength(19);
    expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 110 });
  });

  it.each([
    [
      "pg",
      async (work: (host: object) => Promise<void>) => {
        const client = await pool.connect();
        try {
          await client.query("begin");
          await work(client);
          await client.query("commit");
        } catch (error) {
          await client.query("rollback");
          throw error;
        } finally {
          client.release();
        }
      },
    ],
    ["Drizzle", (work: (host: object) => Promise<void>) => drizzle(pool).transaction(work)],
  ])("spends in a host's own %s transaction, and not when it rolls back", async (_name, inTransaction) => {
    const userId = newUser();
    await credits.grant({ userId, amount: 10, type: "purchase" });
    await Promise.all(
      times(6, () =>
        inTransaction(async (host) => {
          await credits.using(host).consume({ userId, amount: 1, service: "chat" });
        }),
      ),
    );
    await expect(
      inTransaction(async (host) => {
        const { code } = await refusal(credits.using(host).consume({ userId, amount: 50, service: "chat" }));
        expect(code).toBe("INSUFFICIENT_CREDITS");
        await credits.using(host).consume({ userId, amount: 4, service: "chat" });
        throw new Error("the host's own");
      }),
    ).rejects.toThrow("the host's own");
    expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 4 });
  });

  it("works through Drizzle's own connection", async () => {
    const database = fromDrizzle(drizzle(pool) as unknown as Parameters<typeof fromDrizzle>[0]);
    const ours = createCredits({ database, config: defaultCreditsConfig, clock: clock.now });
    const userId = newUser();
    await ours.grantRegistrationBonus(userId);
    await Promise.all(times(20, () => ours.consume({ userId, amount: 1, service: "chat" })));
    expect(await ours.getTransactions({ userId })).toMatchObject({ total: 21 });
    expect(await ours.getInfo({ userId })).toMatchObject({ availableCredits: 0 });
  });

  it("runs both jobs, also twice at once (rule 28)", async () => {
    const users = times(30, newUser);
    await Promise.all(
      users.map((userId) => credits.grant({ userId, amount: 5, type: "purchase", validityDays: 1 })),
    );
    clock.advanceDays(20);
    await Promise.all([credits.processExpired(), creditsOn(pool).processExpired()]);
    await Promise.all([credits.processDailyGrant(), creditsOn(pool).processDailyGrant()]);
    for (const userId of users) {
      // 5 granted, 5 expired, the free plan's month of February.
      expect(await credits.getTransactions({ userId })).toMatchObject({ total: 3 });
      expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 10 });
    }
    expect(await credits.processExpired()).toMatchObject({ processedBatches: 0 });
  });

  it("charges once although the pooler's connections to the server are killed (rule 29)", async () => {
    const userId = newUser();
    await credits.grant({ userId, amount: 1000, type: "purchase" });
    const single = creditsOn(pool, { groupCommit: false });
    const kill = () =>
      onServer(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
    const spends = times(200, () => single.consume({ userId, amount: 1, service: "chat" }));
    const grouped = times(200, () => credits.consume({ userId, amount: 1, service: "chat" }));
    await Promise.all([kill(), Promise.race(spends).then(kill), Promise.race(grouped).then(kill)]);
    expect(await Promise.all([...spends, ...grouped])).toHaveLength(400);
    expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 600 });
  });

  it("leaves no prepared statement, setting or lock in any server connection", async () => {
    // One transaction each holds all of them at the same time.
    const clients = await Promise.all(times(poolSize, () => pool.connect()));
    try {
      const sessions = [];
      for (const client of clients) {
        await client.query("begin");
        const { rows } = await client.query(
          `select
             pg_backend_pid() as pid,
             array(select name from pg_prepared_statements) as prepared,
             array(select name from pg_settings where source = 'session' order by name) as settings,
             array(select objid::integer from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
             to_regclass('pg_temp.anything') as temporary`,
        );
        sessions.push(rows[0]);
      }
      expect(new Set(sessions.map(({ pid }) => pid)).size).toBe(poolSize);
      for (const { pid: _, settings, ...left } of sessions) {
        expect(left).toEqual({ prepared: [], locks: [], temporary: null });
        // What the pooler itself carries from client to client.
        expect(
          settings.filter(
            (each: string) =>
              ![
                "application_name",
                "client_encoding",
                "DateStyle",
                "TimeZone",
                "standard_conforming_strings",
              ].includes(each),
          ),
        ).toEqual([]);
      }
    } finally {
      for (const client of clients) {
        await client.query("rollback");
        client.release();
      }
    }
  });

  it("leaves books that the audit finds clean (rule 27)", async () => {
    expect(await credits.audit()).toEqual({ ok: true, violations: [] });
  });
});

/** A pgbouncer of the test's own, in transaction mode, in front of a server: any user, any of its databases. */
async function startPgbouncer(serverUrl: string): Promise<{ port: number; stop(): Promise<void> }> {
  const server = new URL(databaseUrl(serverUrl, "postgres"));
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "creditkit-pgbouncer-"));
  const file = join(folder, "pgbouncer.ini");
  const password = server.password === "" ? "" : ` password='${decodeURIComponent(server.password)}'`;
  const guide = readFileSync(new URL("../../../docs/guides/postgresql.md", import.meta.url), "utf8");
  const [, advised = ""] = /```ini\n([\s\S]*?)```/.exec(guide) ?? [];
  const ours = advised
    .replace(
      "app = host=10.0.0.5 dbname=app",
      `* = host=${server.hostname} port=${server.port || 5432} user=${decodeURIComponent(server.username)}${password}`,
    )
    .replace("default_pool_size = 16", `default_pool_size = ${poolSize}`);
  writeFileSync(
    file,
    `${ours}listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
max_client_conn = 500
`,
  );
  // It refuses to run as root, and reads its file as the user it becomes.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chmodSync(folder, 0o755);
  const program = spawn("pgbouncer", [...(isRoot ? ["-u", "postgres"] : []), file], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  await listening(program);
  return {
    port,
    stop: async () => {
      const exited = new Promise((resolve) => program.once("exit", resolve));
      program.kill("SIGKILL");
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits for the line that says that it takes connections. */
function listening(program: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = "";
    program.once("error", reject);
    program.once("exit", () => reject(new Error(`pgbouncer ended: ${log}`)));
    program.stderr?.on("data", (chunk) => {
      log += chunk;
      if (log.includes("process up")) resolve();
    });
  });
}
