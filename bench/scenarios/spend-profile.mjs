// Where a spend's time goes inside the database: a copy of credits.consume that reads the clock between its statements.
// No target: it is what a missed target is explained with.
import { randomUUID } from "node:crypto";
import { openCredits } from "../creditkit.mjs";
import { seededRandom } from "../random.mjs";
import { seedWallets } from "../seed.mjs";

export const title = "where a spend's time goes, microseconds per statement";
const database = "creditkit_bench_spend_profile";
const userCount = 10_000;
const groupSizes = [1, 32, 512];
const callsPerRound = 60;

/** The parts of the function, each with the text that begins the next one. */
const parts = [
  ["lockWallets", "  v_now := credits.clock(p_now);"],
  ["readBatches", "  for v_batch in 1 .."],
  ["indexBatches", "  for v_request in"],
  ["readKeysAndDecide", "  if cardinality(v_rows) > 0 then"],
  ["updateBatches", "    insert into credits.transaction"],
  ["insertTransactions", "    update credits.wallet"],
  ["updateWallets", "  return array_to_json"],
];

/** @param {import("../run.mjs").Context} context */
export async function run({ server, options }) {
  const url = await server.createDatabase(database);
  const { credits, pool, close } = openCredits({ url, poolSize: 1 });
  try {
    await credits.migrate();
    await seedWallets(url, { prefix: "user-", count: userCount, amount: 1e8 });
    const { rows } = await pool.query(
      "select pg_get_functiondef('credits.consume(jsonb, timestamptz)'::regprocedure) as source",
    );
    await pool.query(timed(rows[0].source));
    const client = await pool.connect();
    /** @type {number[][]} */
    let calls = [];
    client.on("notice", ({ message }) => calls.push((message ?? "").split(" ").map(Number)));
    const random = seededRandom(1);

    /** @type {Record<string, Array<Record<string, number>>>} */
    const rounds = {};
    for (const size of groupSizes) {
      rounds[`of${size}`] = [];
      for (let round = 0; round <= options.rounds; round++) {
        calls = [];
        for (let call = 0; call < callsPerRound; call++) {
          const requests = Array.from({ length: size }, () => ({
            user_id: `user-${Math.floor(random() * userCount)}`,
            id: randomUUID(),
            amount: 1,
            amount_given: true,
            service: "bench",
          }));
          const start = performance.now();
          await client.query("select credits.consume_timed($1::jsonb, null)", [JSON.stringify(requests)]);
          calls.at(-1)?.push((performance.now() - start) * 1000);
        }
        // The first round warms up.
        if (round > 0) rounds[`of${size}`]?.push(figures(calls));
      }
    }
    client.release();
    return { rounds, verdicts: [] };
  } finally {
    await close();
    await server.dropDatabase(database);
  }
}

/** @param {string} source */
function timed(source) {
  const clocks = parts.map((_, index) => `t${index + 1}`);
  let text = source
    .replace("credits.consume(", "credits.consume_timed(")
    .replace(
      "declare\n",
      `declare\n  t0 timestamptz := clock_timestamp();\n  ${clocks.join(" timestamptz;\n  ")} timestamptz;\n`,
    );
  parts.forEach(([name, next = ""], index) => {
    if (text.split(next).length !== 2) throw new Error(`The end of ${name} is not where it was`);
    text = text.replace(next, () => `  t${index + 1} := clock_timestamp();\n${next}`);
  });
  const durations = clocks.map((clock, index) => `extract(epoch from ${clock} - t${index}) * 1000000`);
  const notice = `  raise notice '${clocks.map(() => "%").join(" ")}', ${durations.join(", ")};\n`;
  return text.replace("  return array_to_json", () => `${notice}  return array_to_json`);
}

/**
 * Medians of one round's calls.
 * @param {number[][]} calls
 */
function figures(calls) {
  const names = [...parts.map(([name = ""]) => name), "wholeCallFromTheClient"];
  return Object.fromEntries(
    names.map((name, index) => {
      const values = calls.map((call) => call[index] ?? Number.NaN).sort((a, b) => a - b);
      return [name, values[Math.floor(values.length / 2)] ?? Number.NaN];
    }),
  );
}
