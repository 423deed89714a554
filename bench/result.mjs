// A result file says on what it was measured and how to measure it again.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { medians, rounded } from "./measure.mjs";
import * as doubleEntry from "./peers/double-entry.mjs";

const folder = new URL("results/", import.meta.url);

/** @typedef {ReturnType<typeof describe>} Environment */

/**
 * @param {object} run
 * @param {import("./server.mjs").Server} run.server
 * @param {import("./peers/pgbench.mjs").Pgbench | undefined} run.pgbench
 * @param {import("./run.mjs").Options} run.options
 */
export function describe({ server, pgbench, options }) {
  /** @type {{ dependencies: Record<string, string> }} Pinned to exact versions. */
  const { dependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: `${git("rev-parse", "--short", "HEAD")}${isChanged() ? " (with uncommitted changes)" : ""}`,
    command: command(process.argv.slice(2)),
    machine: {
      cores: cpus().length,
      cpu: cpus()[0]?.model.trim(),
      memoryGigabytes: Math.round(totalmem() / 1024 ** 3),
      platform: `${process.platform} ${process.arch}`,
    },
    versions: {
      node: process.version,
      postgresql: server.version,
      pgbench: pgbench?.version ?? null,
      ...dependencies,
      "double-entry": doubleEntry.shape,
    },
    settings: {
      ...server.settings,
      connections: options.poolSize,
      rounds: options.rounds,
      secondsPerTurn: options.seconds,
    },
  };
}

/**
 * @param {string} scenario
 * @param {{ title: string, environment: Environment, report: import("./run.mjs").Report }} result
 */
export function saveResult(scenario, { title, environment, report }) {
  const { verdicts, rounds } = report;
  const measured = /** @type {object} */ (rounded({ verdicts, medians: medians(rounds), rounds }));
  mkdirSync(folder, { recursive: true });
  const file = new URL(`${scenario}.json`, folder);
  writeFileSync(file, `${JSON.stringify({ scenario, title, ...environment, ...measured }, null, 2)}\n`);
}

/** @param {string[]} options */
function command(options) {
  // A server's URL has a password in it.
  const shown = options.map((option) => option.replace(/postgres(ql)?:\/\/\S+/, "<url>"));
  return ["npm run bench", ...(shown.length > 0 ? ["--", ...shown] : [])].join(" ");
}

/** Results that were saved before are no change of what is measured. */
function isChanged() {
  return git("status", "--porcelain", "--", ":/", ":(exclude,top)bench/results") !== "";
}

/** @param {string[]} args */
function git(...args) {
  return execFileSync("git", args, {
    encoding: "utf8",
    cwd: fileURLToPath(new URL(".", import.meta.url)),
  }).trim();
}
