// A busy app: 64 callers at once over 10,000 users, each as likely as the others.
import { medians } from "../measure.mjs";
import { uniform } from "../random.mjs";
import { compareSpends, userCount } from "../spenders.mjs";
import { atLeast, atMost, ratio } from "../target.mjs";

export const title = "spend, 64 callers, uniform users";
const callers = 64;

/** @param {import("../run.mjs").Context} context */
export async function run(context) {
  const users = (/** @type {number} */ seed) => uniform({ count: userCount, seed });
  const rounds = await compareSpends(context, {
    pgbench: { who: "pgbench", callers },
    creditkit: { who: "creditkit", callers, users },
    creditkitUngrouped: { who: "creditkitUngrouped", callers, users },
    naive: { who: "naive", callers, users },
    stripeNoWebhooks: { who: "stripeNoWebhooks", callers, users },
    doubleEntry: { who: "doubleEntry", callers, users },
  });
  const { creditkit, pgbench, naive } = medians(rounds);
  return {
    rounds,
    verdicts: [
      atLeast("throughput / pgbench -N, 64 clients", {
        measured: ratio(creditkit?.perSecond, pgbench?.perSecond),
        atLeast: 4,
      }),
      atLeast("throughput / naive transaction", {
        measured: ratio(creditkit?.perSecond, naive?.perSecond),
        atLeast: 30,
      }),
      atMost("p99", { measured: creditkit?.p99 ?? null, atMost: 30, unit: "ms" }),
    ],
  };
}
