// One caller after another answer: nothing to share a commit with. What remains is the round trip, the statement and
// the disk.
import { medians } from "../measure.mjs";
import { uniform } from "../random.mjs";
import { compareSpends, userCount } from "../spenders.mjs";
import { atLeast, ratio } from "../target.mjs";

export const title = "spend, 1 caller";

/** @param {import("../run.mjs").Context} context */
export async function run(context) {
  const users = (/** @type {number} */ seed) => uniform({ count: userCount, seed });
  const rounds = await compareSpends(context, {
    pgbench: { who: "pgbench", callers: 1 },
    creditkit: { who: "creditkit", callers: 1, users },
    driver: { who: "driver", callers: 1, users },
    naive: { who: "naive", callers: 1, users },
    stripeNoWebhooks: { who: "stripeNoWebhooks", callers: 1, users },
    doubleEntry: { who: "doubleEntry", callers: 1, users },
  });
  const { creditkit, pgbench } = medians(rounds);
  return {
    rounds,
    verdicts: [
      atLeast("throughput / pgbench -N, 1 client", {
        measured: ratio(creditkit?.perSecond, pgbench?.perSecond),
        atLeast: 0.85,
      }),
    ],
  };
}
