// Few large customers among many small ones: callers of one wallet wait for each other wherever a lock is held across
// round trips.
import { medians } from "../measure.mjs";
import { zipf } from "../random.mjs";
import { compareSpends, userCount } from "../spenders.mjs";
import { atLeast, ratio } from "../target.mjs";

export const title = "spend, 64 callers, zipf users";
const callers = 64;

/** @param {import("../run.mjs").Context} context */
export async function run(context) {
  const users = (/** @type {number} */ seed) => zipf({ count: userCount, seed });
  const rounds = await compareSpends(context, {
    creditkit: { who: "creditkit", callers, users },
    naive: { who: "naive", callers, users },
    stripeNoWebhooks: { who: "stripeNoWebhooks", callers, users },
    doubleEntry: { who: "doubleEntry", callers, users },
  });
  const { creditkit, naive, stripeNoWebhooks, doubleEntry } = medians(rounds);
  const best = Math.max(stripeNoWebhooks?.perSecond ?? 0, doubleEntry?.perSecond ?? 0);
  return {
    rounds,
    verdicts: [
      atLeast("throughput / naive transaction", {
        measured: ratio(creditkit?.perSecond, naive?.perSecond),
        atLeast: 15,
      }),
      atLeast("throughput / best peer", { measured: ratio(creditkit?.perSecond, best), atLeast: 4 }),
    ],
  };
}
