// One customer's agents: 64 callers on one wallet. One commit at a time can change it.
import { medians } from "../measure.mjs";
import { compareSpends } from "../spenders.mjs";
import { atLeast, atMost, ratio } from "../target.mjs";

export const title = "spend, 64 callers, one hot wallet";
const callers = 64;

/** @param {import("../run.mjs").Context} context */
export async function run(context) {
  const users = () => () => 0;
  const rounds = await compareSpends(context, {
    creditkit: { who: "creditkit", callers, users },
    creditkitUngrouped: { who: "creditkitUngrouped", callers, users },
    naive: { who: "naive", callers, users },
    stripeNoWebhooks: { who: "stripeNoWebhooks", callers, users },
    doubleEntry: { who: "doubleEntry", callers, users },
  });
  const { creditkit, naive } = medians(rounds);
  return {
    rounds,
    verdicts: [
      atLeast("throughput / naive transaction", {
        measured: ratio(creditkit?.perSecond, naive?.perSecond),
        atLeast: 60,
      }),
      atMost("p99", { measured: creditkit?.p99 ?? null, atMost: 15, unit: "ms" }),
    ],
  };
}
