// A burst: 1,024 callers of one process at once. Each statement carries hundreds of spends.
import { medians } from "../measure.mjs";
import { uniform, zipf } from "../random.mjs";
import { compareSpends, userCount } from "../spenders.mjs";
import { atLeast, ratio } from "../target.mjs";

export const title = "spend, 1,024 callers, uniform and zipf users";
const callers = 1024;

/** @param {import("../run.mjs").Context} context */
export async function run(context) {
  const rounds = await compareSpends(context, {
    pgbench: { who: "pgbench", callers: 64 },
    uniform: { who: "creditkit", callers, users: (seed) => uniform({ count: userCount, seed }) },
    zipf: { who: "creditkit", callers, users: (seed) => zipf({ count: userCount, seed }) },
  });
  const { pgbench, uniform: even, zipf: skewed } = medians(rounds);
  return {
    rounds,
    verdicts: [
      atLeast("uniform: throughput / pgbench -N, 64 clients", {
        measured: ratio(even?.perSecond, pgbench?.perSecond),
        atLeast: 8,
      }),
      atLeast("zipf: throughput / pgbench -N, 64 clients", {
        measured: ratio(skewed?.perSecond, pgbench?.perSecond),
        atLeast: 8,
      }),
    ],
  };
}
