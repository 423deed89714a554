// The other daily job: many users whose only batch has expired, one of whom cannot be written. Each round has users of
// its own.
import { openCredits, requireCleanBooks } from "../creditkit.mjs";
import { failingUser, refuseFailingUser, runJob } from "../job.mjs";
import { medians } from "../measure.mjs";
import { seedWallets } from "../seed.mjs";
import { atLeast, atMost, holds } from "../target.mjs";

export const title = "expire";
const database = "creditkit_bench_expire";

/** @typedef {import("creditkit").ExpireResult} ExpireResult */

/** @param {import("../run.mjs").Context} context */
export async function run({ server, options }) {
  const count = options.quick ? 20_000 : 200_000;
  const url = await server.createDatabase(database);
  const { credits, pool, close } = openCredits({ url, poolSize: 2 });
  try {
    await credits.migrate();
    const times = [];
    let isReported = true;
    for (let round = 0; round < options.rounds; round++) {
      const expired = { amount: 10, grantedDaysAgo: 60, validityDays: 20 };
      await seedWallets(url, { prefix: `subscriber-${round}-`, count: count - 1, ...expired });
      await seedWallets(url, { prefix: `${failingUser}${round}-`, count: 1, ...expired });
      await refuseFailingUser(pool);
      /** @type {Awaited<ReturnType<typeof runJob<ExpireResult>>>} */
      const { seconds, rssGrowthMegabytes, result } = await runJob({
        url,
        job: "processExpired",
        now: new Date(),
      });
      const { processedBatches, failed, results } = result;
      isReported &&= processedBatches === count - 1 && failed === 1;
      isReported &&= results?.[0]?.userId.startsWith(failingUser) === true;
      times.push({ perSecond: count / seconds, seconds, rssGrowthMegabytes });
      // The next round has a failing user of its own.
      await pool.query("drop trigger refuse_failing_user on credits.batch");
      await credits.processExpired();
    }
    await requireCleanBooks(credits);

    const rounds = { creditkit: times };
    const { creditkit } = medians(rounds);
    const batches = count.toLocaleString("en");
    return {
      rounds,
      verdicts: [
        atLeast(`${batches} batches`, {
          measured: creditkit?.perSecond ?? null,
          atLeast: 15_000,
          unit: "batches/s",
        }),
        holds("the failing user is reported, all others booked", isReported),
        atMost("memory growth of Node", {
          measured: creditkit?.rssGrowthMegabytes ?? null,
          atMost: 100,
          unit: "MB",
        }),
      ],
    };
  } finally {
    await close();
    await server.dropDatabase(database);
  }
}
