// The daily job on a day when everybody's month begins: subscribers who have a wallet, one of whom cannot be written.
// Each round is the next month.
import { openCredits, requireCleanBooks } from "../creditkit.mjs";
import { failingUser, refuseFailingUser, runJob } from "../job.mjs";
import { medians } from "../measure.mjs";
import { seedSubscriptions, seedWallets } from "../seed.mjs";
import { atLeast, atMost, holds } from "../target.mjs";

export const title = "monthly grant";
const database = "creditkit_bench_monthly_grant";

/** @typedef {import("creditkit").DailyGrantResult} DailyGrantResult */

/** @param {import("../run.mjs").Context} context */
export async function run({ server, options }) {
  const count = options.quick ? 20_000 : 200_000;
  const url = await server.createDatabase(database);
  const { credits, pool, close } = openCredits({ url, poolSize: 2 });
  try {
    await credits.migrate();
    await seedWallets(url, { prefix: "subscriber-", count: count - 1, amount: 20, validityDays: 30 });
    await seedWallets(url, { prefix: failingUser, count: 1, amount: 20 });
    await seedSubscriptions(url, { prefix: "subscriber-", planId: "pro", anchor: monthLater(0) });
    await seedSubscriptions(url, { prefix: failingUser, planId: "pro", anchor: monthLater(0) });
    await refuseFailingUser(pool);

    const months = [];
    let isReported = true;
    for (let month = 0; month < options.rounds; month++) {
      const now = new Date(monthLater(month).getTime() + 3_600_000);
      /** @type {Awaited<ReturnType<typeof runJob<DailyGrantResult>>>} */
      const { seconds, rssGrowthMegabytes, result } = await runJob({ url, job: "processDailyGrant", now });
      const { processed, successful, failed, results } = result;
      isReported &&= processed === count && successful === count - 1 && failed === 1;
      isReported &&= results[0]?.success === false && results[0].userId.startsWith(failingUser);
      months.push({ perSecond: count / seconds, seconds, rssGrowthMegabytes });
    }
    await requireCleanBooks(credits);
    const { rows } = await pool.query(
      "select count(*)::integer as grants from credits.transaction where type = 'monthly_grant'",
    );
    if (rows[0].grants !== (count - 1) * options.rounds)
      throw new Error(`${rows[0].grants} grants were booked`);

    const rounds = { creditkit: months };
    const { creditkit } = medians(rounds);
    const users = count.toLocaleString("en");
    return {
      rounds,
      verdicts: [
        atLeast(`${users} users`, {
          measured: creditkit?.perSecond ?? null,
          atLeast: 10_000,
          unit: "users/s",
        }),
        holds("the failing user is reported, all others granted", isReported),
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

/**
 * The start of a month of the subscriptions: on a day that every month has, after everything that was seeded.
 * @param {number} months
 */
function monthLater(months) {
  const today = new Date();
  return new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + 1 + months, 5));
}
