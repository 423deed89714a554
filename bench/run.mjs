// Runs the scenarios and prints their targets beside what was measured. See README.md.
import { parseArgs } from "node:util";
import { medians, rounded } from "./measure.mjs";
import { findPgbench, installPgbench } from "./peers/pgbench.mjs";
import { describe, saveResult } from "./result.mjs";
import { openServer } from "./server.mjs";
import { table } from "./table.mjs";

/**
 * @typedef {object} Options
 * @property {number} rounds
 * @property {number} seconds Of one contender's turn.
 * @property {number} poolSize Connections of every contender.
 * @property {boolean} quick Fewer rows, fewer and shorter rounds: shows that it works, not how fast it is.
 */

/**
 * What a scenario gets.
 * @typedef {object} Context
 * @property {string} scenario
 * @property {Options} options
 * @property {import("./server.mjs").Server} server
 * @property {import("./peers/pgbench.mjs").Pgbench | undefined} pgbench
 * @property {<Value>(name: string, make: () => Promise<Value>) => Promise<Value>} once Made by whoever asks first.
 * @property {(message: string) => void} log
 */

/**
 * @typedef {object} Report
 * @property {Record<string, (import("./measure.mjs").Sample | import("./measure.mjs").Figures)[]>} rounds
 * @property {import("./target.mjs").Verdict[]} verdicts
 */

const scenarioNames = [
  "spend-one-caller",
  "spend-uniform",
  "spend-many-callers",
  "spend-zipf",
  "spend-hot-wallet",
  "spend-pglite",
  "spend-many-batches",
  "spend-profile",
  "balance-read",
  "history-page",
  "monthly-grant",
  "expire",
  "history-growth",
];

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    pool: { type: "string", default: "16" },
    url: { type: "string" },
    save: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const quick = values.quick;
/** @type {Options} */
const options = {
  quick,
  rounds: Number(values.rounds ?? (quick ? 1 : 5)),
  seconds: Number(values.seconds ?? (quick ? 1 : 3)),
  poolSize: Number(values.pool),
};
const selected = values.only?.split(",") ?? scenarioNames;
for (const name of selected) {
  if (!scenarioNames.includes(name))
    throw new Error(`No scenario ${name}; there are: ${scenarioNames.join(", ")}`);
}
if (quick && values.save) throw new Error("A quick run is scaled down: its numbers are not results");
// A run that somebody shortened is a look, not a result.
const isSaved = values.save || (!quick && values.rounds === undefined && values.seconds === undefined);

const server = await openServer({ url: values.url ?? process.env.DATABASE_URL });
let isBroken = false;
try {
  const program = await findPgbench();
  if (program === undefined)
    console.log("pgbench was not found: ratios to it are left out (set PGBENCH_PATH)");
  const pgbench = program && (await installPgbench(program, server));
  const environment = describe({ server, pgbench, options });
  console.log(
    `PostgreSQL ${server.version}, ${environment.machine.cores} cores, ${environment.machine.cpu}, commit ${environment.commit}`,
  );
  /** @type {Map<string, Promise<unknown>>} */
  const made = new Map();
  const reports = [];
  for (const name of selected) {
    const begin = performance.now();
    try {
      const { title, run } = await import(`./scenarios/${name}.mjs`);
      /** @type {Context} */
      const context = {
        scenario: name,
        options,
        server,
        pgbench,
        once: (key, make) => {
          const value = made.get(key) ?? make();
          made.set(key, value);
          return /** @type {ReturnType<typeof make>} */ (value);
        },
        log: (message) => values.verbose && console.log(`  ${message}`),
      };
      /** @type {Report} */
      const report = await run(context);
      reports.push({ scenario: name, verdicts: report.verdicts });
      if (isSaved) saveResult(name, { title, environment, report });
      console.log(`${name}: ${((performance.now() - begin) / 1000).toFixed(0)} s${figures(report)}`);
    } catch (error) {
      // The others are still worth their minutes.
      isBroken = true;
      console.error(`${name} failed:`, error);
    }
  }
  console.log(`\n${table(reports)}`);
  if (quick) console.log("\nA quick run: fewer rows, one short round. These numbers are not results.");
  if (isSaved) console.log("\nSaved in bench/results");
} finally {
  await server.stop();
}
// A target that is missed is a finding; wrong books are a failure.
process.exitCode = isBroken ? 1 : 0;

/** @param {Report} report */
function figures({ rounds }) {
  return Object.entries(medians(rounds))
    .map(([name, figure]) => `\n  ${name.padEnd(24)} ${JSON.stringify(rounded(figure))}`)
    .join("");
}
