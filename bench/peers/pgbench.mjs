// PostgreSQL's own load generator: what this server can do for a client written in C, with one UPDATE, one SELECT and
// one INSERT per transaction (-N), or one SELECT (-S).
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { cpus } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Times 100,000 accounts: as much as fits any machine's memory, and more rows than the ledger has users. */
const scale = 10;
const database = "creditkit_bench_pgbench";

/**
 * @typedef {object} Pgbench
 * @property {string} version
 * @property {(options: { clients: number, seconds: number, readOnly?: boolean }) =>
 *   Promise<import("../measure.mjs").Sample>} measure
 */

/**
 * The first pgbench that runs: PGBENCH_PATH, on the PATH, or where Debian's packages put it. Undefined: there is none.
 * @returns {Promise<{ path: string, version: string } | undefined>}
 */
export async function findPgbench() {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const candidates = [
    process.env.PGBENCH_PATH ?? "",
    ...(process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "pgbench")),
    ...versions.map((version) => join(debian, version, "bin/pgbench")),
  ];
  for (const path of candidates) {
    if (path === "" || !existsSync(path)) continue;
    // Debian's wrapper is there without what it wraps.
    const output = await run(path, ["--version"]).catch(() => undefined);
    const version = /^pgbench \(PostgreSQL\) (\S+)/.exec(output?.stdout ?? "")?.[1];
    if (version !== undefined) return { path, version };
  }
  return undefined;
}

/**
 * @param {{ path: string, version: string }} program
 * @param {import("../server.mjs").Server} server
 * @returns {Promise<Pgbench>}
 */
export async function installPgbench({ path, version }, server) {
  const url = await server.createDatabase(database);
  await run(path, ["-i", "-q", "-s", String(scale), url]);
  return {
    version,
    measure: async ({ clients, seconds, readOnly = false }) => {
      const threads = Math.min(clients, cpus().length);
      const output = await run(path, [
        "-n",
        readOnly ? "-S" : "-N",
        ...["-M", "prepared"],
        ...["-c", String(clients)],
        ...["-j", String(threads)],
        // pgbench takes whole seconds only.
        ...["-T", String(Math.max(1, Math.round(seconds)))],
        url,
      ]);
      return parse(output.stdout);
    },
  };
}

/** @param {string} output */
function parse(output) {
  const perSecond = Number(/^tps = ([\d.]+) \((?:without initial|excluding)/m.exec(output)?.[1]);
  const operations = Number(/actually processed: (\d+)/.exec(output)?.[1]);
  const failed = Number(/failed transactions: (\d+)/.exec(output)?.[1] ?? 0);
  if (!(perSecond > 0) || failed > 0) throw new Error(`pgbench did not measure:\n${output}`);
  return { operations, perSecond };
}
