// The embedded database, in memory: no disk and no network, one statement at a time.
import { PGlite } from "@electric-sql/pglite";
import { createCredits } from "creditkit";
import { fromPglite } from "creditkit/pglite";
import { requireCleanBooks, spentOn } from "../creditkit.mjs";
import { load, medians, takeTurns } from "../measure.mjs";
import * as naive from "../peers/naive-drizzle.mjs";
import { uniform } from "../random.mjs";
import { verify } from "../spenders.mjs";
import { atLeast, ratio } from "../target.mjs";

export const title = "spend on PGlite in memory, 64 callers";
const callers = 64;
const userCount = 1_000;
const amountPerUser = 1_000_000;

/** @param {import("../run.mjs").Context} context */
export async function run({ options }) {
  const contenders = { creditkit: await openCreditkit(), naive: await openNaive() };
  try {
    const rounds = await takeTurns(
      options.rounds,
      Object.fromEntries(
        Object.entries(contenders).map(([name, contender]) => [
          name,
          (round) => {
            const draw = uniform({ count: userCount, seed: round });
            const operation = async () => {
              await contender.spender.spend(`user-${draw()}`);
              contender.acknowledged += 1;
            };
            return load({ callers, seconds: options.seconds, operation });
          },
        ]),
      ),
    );
    for (const [name, { spender, acknowledged }] of Object.entries(contenders)) {
      await verify(name, spender, acknowledged);
    }
    const { creditkit, naive: peer } = medians(rounds);
    return {
      rounds,
      verdicts: [
        atLeast("throughput / naive transaction", {
          measured: ratio(creditkit?.perSecond, peer?.perSecond),
          atLeast: 4,
        }),
      ],
    };
  } finally {
    for (const { spender } of Object.values(contenders)) await spender.close();
  }
}

async function openCreditkit() {
  const pglite = await PGlite.create();
  const credits = createCredits({ database: fromPglite(pglite), config: {} });
  await credits.migrate();
  await Promise.all(
    Array.from({ length: userCount }, (_, index) =>
      credits.grant({ userId: `user-${index}`, amount: amountPerUser, type: "purchase" }),
    ),
  );
  /** @type {import("../spenders.mjs").Spender} */
  const spender = {
    spend: (userId) => credits.consume({ userId, amount: 1, service: "bench" }),
    booked: async () => {
      await requireCleanBooks(credits);
      return spentOn(/** @type {Parameters<typeof spentOn>[0]} */ (pglite), "bench");
    },
    close: () => pglite.close(),
  };
  return { spender, acknowledged: 0 };
}

async function openNaive() {
  const pglite = await PGlite.create();
  await pglite.exec(naive.installation.tables);
  await pglite.exec(naive.installation.users({ count: userCount, amount: amountPerUser }));
  return { spender: naive.openPglite(pglite), acknowledged: 0 };
}
