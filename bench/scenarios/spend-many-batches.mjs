// A spend that empties 25 batches at once, against one that empties one: users who collect small grants.
import { openCredits, requireCleanBooks, spentOn } from "../creditkit.mjs";
import { medians, summary, takeTurns } from "../measure.mjs";
import { seedWallets } from "../seed.mjs";
import { atMost, ratio } from "../target.mjs";

export const title = "spend from 25 batches at once";
const batches = 25;
/** Each spend empties a wallet, so each needs a user of its own. */
const spendsPerRound = 400;
const database = "creditkit_bench_spend_many_batches";

/** @param {import("../run.mjs").Context} context */
export async function run({ server, options }) {
  const url = await server.createDatabase(database);
  const { credits, pool, close } = openCredits({ url, poolSize: options.poolSize });
  try {
    await credits.migrate();
    const count = spendsPerRound * (options.rounds + 1);
    await seedWallets(url, { prefix: "one-", count, amount: batches, validityDays: 365 });
    await seedWallets(url, { prefix: "many-", count, amount: 1, batches, validityDays: 365 });

    const spend = async (/** @type {string} */ prefix, /** @type {number} */ round) => {
      const latencies = [];
      const begin = performance.now();
      for (let index = 0; index < spendsPerRound; index++) {
        const start = performance.now();
        const userId = `${prefix}${round * spendsPerRound + index}`;
        const { consumptionLog } = await credits.consume({ userId, amount: batches, service: "bench" });
        latencies.push(performance.now() - start);
        if (consumptionLog.length !== (prefix === "one-" ? 1 : batches)) throw new Error("Wrong batches");
      }
      return summary(latencies, (performance.now() - begin) / 1000);
    };
    const turns = {
      oneBatch: (/** @type {number} */ round) => spend("one-", round),
      manyBatches: (/** @type {number} */ round) => spend("many-", round),
    };
    // The round after the last one warms up.
    await turns.oneBatch(options.rounds);
    await turns.manyBatches(options.rounds);
    const rounds = await takeTurns(options.rounds, turns);

    await requireCleanBooks(credits);
    const spent = await spentOn(pool, "bench");
    if (spent !== 2 * batches * count) throw new Error(`${spent} credits were booked`);
    const { oneBatch, manyBatches } = medians(rounds);
    return {
      rounds,
      verdicts: [
        atMost("median time / one batch", { measured: ratio(manyBatches?.p50, oneBatch?.p50), atMost: 3 }),
      ],
    };
  } finally {
    await close();
    await server.dropDatabase(database);
  }
}
