// A page of history with its total, near the top and far down, for one user with a million rows.
import { openCredits, requireCleanBooks } from "../creditkit.mjs";
import { load, medians, takeTurns } from "../measure.mjs";
import { seedHistory, seedWallets } from "../seed.mjs";
import { atMost } from "../target.mjs";

export const title = "history page at depth 1, 1,000 and 10,000";
const pageSize = 10;
const userId = "reader-0";
const database = "creditkit_bench_history_page";
/** Blocks that a page may touch: a few levels of an index and its rows. A count of a million rows touches thousands. */
const blocksMax = 60;

/** @param {import("../run.mjs").Context} context */
export async function run({ server, options }) {
  const rowCount = options.quick ? 50_000 : 1_000_000;
  const depths = options.quick ? [1, 50, 500] : [1, 1_000, 10_000];
  const url = await server.createDatabase(database);
  const { credits, pool, close } = openCredits({ url, poolSize: options.poolSize });
  try {
    await credits.migrate();
    await seedWallets(url, { prefix: "reader-", count: 1, amount: 100_000_000 });
    await seedHistory(url, { prefix: "reader-", rowsPerUser: rowCount });
    await requireCleanBooks(credits);

    const blocks = [];
    for (const depth of depths) {
      const page = await credits.getTransactions({ userId, pageIndex: depth - 1, pageSize });
      if (page.total !== rowCount + 1 || page.items.length !== pageSize) throw new Error("Wrong page");
      blocks.push(await blocksTouched(pool, depth - 1));
    }
    const turns = Object.fromEntries(
      depths.map((depth) => [
        `depth${depth}`,
        () => {
          const operation = () => credits.getTransactions({ userId, pageIndex: depth - 1, pageSize });
          return load({ callers: 1, seconds: options.seconds, operation });
        },
      ]),
    );
    await turns[`depth${depths[0]}`]?.();
    const rounds = await takeTurns(options.rounds, turns);
    const times = Object.values(medians(rounds)).map(({ p50 }) => p50 ?? Number.NaN);
    return {
      rounds,
      verdicts: [
        atMost("slowest depth / fastest, median time", {
          measured: Math.max(...times) / Math.min(...times),
          atMost: 1.5,
        }),
        atMost("blocks touched by a page and its total (no count)", {
          measured: Math.max(...blocks),
          atMost: blocksMax,
          unit: "",
        }),
      ],
    };
  } finally {
    await close();
    await server.dropDatabase(database);
  }
}

/**
 * @param {import("pg").Pool} pool
 * @param {number} pageIndex
 */
async function blocksTouched(pool, pageIndex) {
  const { rows } = await pool.query(
    `explain (analyze, buffers, format json) select credits.get_transactions('${userId}', ${pageIndex}, ${pageSize})`,
  );
  const plan = rows[0]["QUERY PLAN"][0].Plan;
  return Number(plan["Shared Hit Blocks"]) + Number(plan["Shared Read Blocks"]);
}
