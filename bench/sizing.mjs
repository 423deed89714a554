// What the books take: rows, bytes and WAL per spend, bytes per user, what vacuum finds, what more connections bring.
// Usage: node bench/sizing.mjs [--users 100000 --spends 1000000 --seconds 5 --rounds 3 --save]
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { openCredits, requireCleanBooks } from "./creditkit.mjs";
import { load, medians, rounded, takeTurns } from "./measure.mjs";
import { uniform } from "./random.mjs";
import { openServer, withClient } from "./server.mjs";

const { values } = parseArgs({
  options: {
    users: { type: "string", default: "100000" },
    spends: { type: "string", default: "1000000" },
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
    save: { type: "boolean", default: false },
  },
});
const userCount = Number(values.users);
const spendCount = Number(values.spends);
const seconds = Number(values.seconds);
const callers = 64;
const tables = ["wallet", "batch", "transaction"];

const server = await openServer({ url: undefined });
try {
  const url = await server.createDatabase("creditkit_sizing");
  const measured = await withClient(url, async (client) => {
    const opened = open();
    await opened.credits.migrate();
    await opened.close();
    // Nobody may clean up before it was counted.
    for (const table of tables)
      await client.query(`alter table credits.${table} set (autovacuum_enabled = off)`);
    const perUser = await seedUsers(client);
    const plain = await measureSpends(client, "no key, nothing else", spendCount, () => ({}));
    const keyed = await measureSpends(
      client,
      "key of 36 characters, description of 40",
      spendCount / 10,
      () => ({
        idempotencyKey: randomUUID(),
        description: "Answer to the question of a chat, page 1",
      }),
    );
    const updates = await updatesOf(client);
    const vacuum = await vacuumAll(client);
    const audit = await auditSeconds();
    return { perUser, spends: [plain, keyed], updates, vacuum, audit, lone: await loneWal(client) };
  });
  const connections = await compareConnections();
  const report = rounded({ ...measured, connections });
  console.log(JSON.stringify(report, null, 2));
  if (values.save) {
    const file = new URL("results/sizing.json", import.meta.url);
    writeFileSync(
      file,
      `${JSON.stringify({ ...environment(), .../** @type {object} */ (report) }, null, 2)}\n`,
    );
  }

  /** @param {Partial<{ poolSize: number, groupCommit: boolean }>} [options] */
  function open({ poolSize = 16, groupCommit = true } = {}) {
    return openCredits({ url, poolSize, groupCommit });
  }

  /** @param {pg.Client} client */
  async function seedUsers(client) {
    const opened = open();
    await inParallel(userCount, (index) =>
      opened.credits.grant({ userId: userId(index), amount: 1e6, type: "adjustment", validityDays: 365 }),
    );
    await opened.close();
    await client.query("vacuum");
    const { byTable } = await sizes(client);
    return Object.fromEntries(
      Object.entries(byTable).map(([table, { total }]) => [`${table}Bytes`, total / userCount]),
    );
  }

  /**
   * @param {pg.Client} client
   * @param {string} what
   * @param {number} count
   * @param {() => { idempotencyKey?: string, description?: string }} fields
   */
  async function measureSpends(client, what, count, fields) {
    const before = await sizes(client);
    const user = uniform({ count: userCount, seed: count });
    const opened = open();
    const begin = performance.now();
    await inParallel(count, () =>
      opened.credits.consume({ userId: userId(user()), amount: 1, service: "google:chat", ...fields() }),
    );
    const perSecond = count / ((performance.now() - begin) / 1000);
    await opened.close();
    const after = await sizes(client);
    const grown = (/** @type {"heap" | "indexes"} */ part) =>
      ((after.byTable.transaction?.[part] ?? 0) - (before.byTable.transaction?.[part] ?? 0)) / count;
    const { rows } = await client.query(
      `select avg(pg_column_size(newest.*))::float8 as bytes
       from (select * from credits.transaction where type = 'consumption' order by created_at desc limit 1000) as newest`,
    );
    return {
      what,
      count,
      perSecond,
      rowsPerSpend: 1,
      rowBytes: Number(rows[0].bytes),
      heapBytesPerSpend: grown("heap"),
      indexBytesPerSpend: grown("indexes"),
      walBytesPerSpend: (after.wal - before.wal) / count,
    };
  }

  /** WAL of spends that share nothing: a commit each. @param {pg.Client} client */
  async function loneWal(client) {
    const opened = open({ groupCommit: false });
    const user = uniform({ count: userCount, seed: 7 });
    const count = 20_000;
    // The pages that were touched since the last checkpoint are in the WAL already.
    const before = await sizes(client);
    await inParallel(count, () =>
      opened.credits.consume({ userId: userId(user()), amount: 1, service: "google:chat" }),
    );
    const after = await sizes(client);
    await opened.close();
    return { count, walBytesPerSpend: (after.wal - before.wal) / count };
  }

  async function auditSeconds() {
    const opened = open();
    const begin = performance.now();
    await requireCleanBooks(opened.credits);
    const elapsed = (performance.now() - begin) / 1000;
    await opened.close();
    return { transactions: userCount + spendCount * 1.1, seconds: elapsed };
  }

  async function compareConnections() {
    /** @type {Record<string, () => Promise<import("./measure.mjs").Sample>>} */
    const turns = {};
    const opened = [2, 16, 64].flatMap((poolSize) =>
      [true, false].map((groupCommit) => {
        const one = open({ poolSize, groupCommit });
        const user = uniform({ count: Math.min(userCount, 10_000), seed: poolSize });
        const operation = () =>
          one.credits.consume({ userId: userId(user()), amount: 1, service: "google:chat" });
        turns[`${groupCommit ? "groupCommit" : "single"}, pool of ${poolSize}`] = async () => {
          await load({ callers, seconds: 0.5, operation });
          return load({ callers, seconds, operation });
        };
        return one;
      }),
    );
    const results = medians(await takeTurns(Number(values.rounds), turns));
    for (const one of opened) await one.close();
    return { callers, results };
  }
} finally {
  await server.stop();
}

/** @param {number} index */
function userId(index) {
  return `user_${String(index).padStart(20, "0")}`;
}

/**
 * @param {number} count
 * @param {(index: number) => Promise<unknown>} work
 */
async function inParallel(count, work) {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: 512 }, lane));
}

/** @param {pg.Client} client */
async function sizes(client) {
  const { rows } = await client.query(
    `select relname as name, pg_table_size(oid)::float8 as heap, pg_indexes_size(oid)::float8 as indexes,
       pg_total_relation_size(oid)::float8 as total
     from pg_class
     where relnamespace = 'credits'::regnamespace and relname = any ($1)`,
    [tables],
  );
  const { rows: positions } = await client.query(
    "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as wal",
  );
  /** @type {Record<string, { heap: number, indexes: number, total: number }>} */
  const byTable = Object.fromEntries(rows.map(({ name, ...size }) => [name, size]));
  return { byTable, wal: Number(positions[0].wal) };
}

/** What updates did to the two tables that are not append-only. @param {pg.Client} client */
async function updatesOf(client) {
  // The server publishes its statistics a moment later.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const { rows } = await client.query(
    `select relname as table, n_tup_upd::float8 as updates, n_tup_hot_upd::float8 as hot, n_dead_tup::float8 as dead,
       n_live_tup::float8 as live, pg_total_relation_size(relid)::float8 as bytes
     from pg_stat_user_tables where schemaname = 'credits' and relname in ('wallet', 'batch') order by relname`,
  );
  return rows.map(({ table, updates, hot, dead, live, bytes }) => ({
    table,
    updates,
    hotShare: hot / updates,
    deadPerLive: dead / live,
    bytesPerRow: bytes / live,
  }));
}

/** @param {pg.Client} client */
async function vacuumAll(client) {
  /** @type {Record<string, { seconds: number, bytesPerUser: number }>} */
  const results = {};
  for (const table of tables) {
    const begin = performance.now();
    await client.query(`vacuum (analyze) credits.${table}`);
    const elapsed = (performance.now() - begin) / 1000;
    const { byTable } = await sizes(client);
    results[table] = { seconds: elapsed, bytesPerUser: (byTable[table]?.total ?? 0) / userCount };
  }
  return results;
}

function environment() {
  const git = (/** @type {string[]} */ ...args) =>
    execFileSync("git", args, {
      encoding: "utf8",
      cwd: fileURLToPath(new URL(".", import.meta.url)),
    }).trim();
  const options = process.argv.slice(2);
  return {
    title: "What the books take",
    date: new Date().toISOString().slice(0, 10),
    commit: git("rev-parse", "--short", "HEAD"),
    command: ["node bench/sizing.mjs", ...options].join(" "),
    machine: {
      cores: cpus().length,
      cpu: cpus()[0]?.model.trim(),
      memoryGigabytes: Math.round(totalmem() / 1024 ** 3),
      platform: `${process.platform} ${process.arch}`,
    },
    versions: { node: process.version, postgresql: server.version },
    settings: server.settings,
    users: userCount,
  };
}
