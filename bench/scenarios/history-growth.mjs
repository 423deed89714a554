// What a spend costs while the table of transactions grows a thousandfold: 64 callers over the same users, on copies
// of the same books with ever more history under them.
import { load, medians, takeTurns } from "../measure.mjs";
import { uniform } from "../random.mjs";
import { seedHistory } from "../seed.mjs";
import { Opened, spendersTemplate, userCount } from "../spenders.mjs";
import { atMost, ratio } from "../target.mjs";

export const title = "cost per spend as history grows";
const callers = 64;
const warmUpSeconds = 2;

/** @param {import("../run.mjs").Context} context */
export async function run(context) {
  const { server, options, log } = context;
  const rowCounts = options.quick ? [10_000, 100_000] : [10_000, 1_000_000, 10_000_000];
  /** @type {Map<string, Opened>} */
  const opened = new Map();
  const databaseOf = (/** @type {number} */ rows) => `creditkit_bench_history_${rows}`;
  try {
    /** @type {Record<string, (round: number) => Promise<import("../measure.mjs").Sample>>} */
    const turns = {};
    for (const rows of rowCounts) {
      const url = await server.createDatabase(databaseOf(rows), await spendersTemplate(context));
      // Each user's grant is a row already.
      const rowsPerUser = rows / userCount - 1;
      const onProgress = (/** @type {number} */ written) => log(`${rows} rows: ${written} written`);
      if (rowsPerUser > 0) await seedHistory(url, { prefix: "user-", rowsPerUser, onProgress });
      const books = new Opened(url, options.poolSize);
      opened.set(databaseOf(rows), books);
      const { spend } = books.spender("creditkit");
      const measure = (/** @type {number} */ seed, /** @type {number} */ seconds) => {
        const draw = uniform({ count: userCount, seed });
        return load({ callers, seconds, operation: () => spend(`user-${draw()}`) });
      };
      turns[`rows${rows}`] = (round) => measure(round, options.seconds);
    }
    for (const turn of Object.values(turns)) {
      const begin = performance.now();
      for (let round = options.rounds; performance.now() - begin < warmUpSeconds * 1000; round++)
        await turn(round);
    }
    const rounds = await takeTurns(options.rounds, turns);
    for (const books of opened.values()) await books.verify();

    const middle = medians(rounds);
    const costAt = (/** @type {number} */ rows) => 1 / (middle[`rows${rows}`]?.perSecond ?? Number.NaN);
    const [few, ...more] = rowCounts;
    return {
      rounds,
      verdicts: more.map((many) =>
        atMost(`cost at ${many.toLocaleString("en")} rows / at ${few?.toLocaleString("en")}`, {
          measured: ratio(costAt(many), costAt(few ?? 0)) ?? null,
          atMost: 1.3,
        }),
      ),
    };
  } finally {
    for (const [database, books] of opened) {
      await books.close();
      await server.dropDatabase(database);
    }
  }
}
