// The read that every page of an app makes. The same select as pgbench's, sent through the same driver, shows what of
// the distance to pgbench is Node and what is ours.
import { openCredits } from "../creditkit.mjs";
import { load, medians, takeTurns } from "../measure.mjs";
import { uniform } from "../random.mjs";
import { seedHistory } from "../seed.mjs";
import { spendersTemplate, userCount } from "../spenders.mjs";
import { atLeast, atMost, ratio } from "../target.mjs";

export const title = "balance read (getInfo)";
/** Equal but for noise. */
const unchangedAtMost = 1.1;
const database = "creditkit_bench_balance_read";

/** @param {import("../run.mjs").Context} context */
export async function run(context) {
  const { server, options, pgbench } = context;
  const historyRows = options.quick ? 20_000 : 1_000_000;
  const url = await server.createDatabase(database, await spendersTemplate(context));
  const { credits, pool, statements, close } = openCredits({ url, poolSize: options.poolSize });
  try {
    await seedHistory(url, { prefix: "user-4321", rowsPerUser: historyRows });
    const before = await credits.getInfo({ userId: "user-4321" });
    const sent = statements();
    const { availableCredits } = await credits.getInfo({ userId: "user-4321" });
    const roundTrips = statements() - sent;
    if (availableCredits !== before.availableCredits || availableCredits === 0)
      throw new Error("Wrong balance");

    const read = (/** @type {number} */ callers, /** @type {() => string} */ user) =>
      load({ callers, seconds: options.seconds, operation: () => credits.getInfo({ userId: user() }) });
    const anyUser = (/** @type {number} */ round) => {
      const draw = uniform({ count: userCount, seed: round });
      return () => `user-${draw()}`;
    };
    const select = { name: "select", text: "select balance from credits.wallet where user_id = $1" };
    const driver = (/** @type {number} */ callers, /** @type {number} */ round) => {
      const user = anyUser(round);
      return load({
        callers,
        seconds: options.seconds,
        operation: () => pool.query({ ...select, values: [user()] }),
      });
    };
    const clients = (/** @type {number} */ count) =>
      pgbench && (() => pgbench.measure({ clients: count, seconds: options.seconds, readOnly: true }));
    const turns = {
      pgbench: clients(1),
      creditkit: (/** @type {number} */ round) => read(1, anyUser(round)),
      creditkitShortHistory: () => read(1, () => "user-1234"),
      creditkitLongHistory: () => read(1, () => "user-4321"),
      driverSelect: (/** @type {number} */ round) => driver(1, round),
      pgbench64: clients(64),
      creditkit64: (/** @type {number} */ round) => read(64, anyUser(round)),
      driverSelect64: (/** @type {number} */ round) => driver(64, round),
    };
    await read(16, anyUser(options.rounds));
    const rounds = await takeTurns(
      options.rounds,
      Object.fromEntries(Object.entries(turns).flatMap(([name, turn]) => (turn ? [[name, turn]] : []))),
    );
    const middle = medians(rounds);
    const perSecond = (/** @type {string} */ name) => middle[name]?.perSecond;
    return {
      rounds,
      verdicts: [
        atMost("round trips", { measured: roundTrips, atMost: 1, unit: "" }),
        atLeast("1 caller: throughput / pgbench -S, 1 client", {
          measured: ratio(perSecond("creditkit"), perSecond("pgbench")),
          atLeast: 0.7,
        }),
        atLeast("64 callers: throughput / pgbench -S, 64 clients", {
          measured: ratio(perSecond("creditkit64"), perSecond("pgbench64")),
          atLeast: 0.7,
        }),
        atMost(`median time at ${historyRows.toLocaleString("en")} rows of history / at 1`, {
          measured: ratio(middle.creditkitLongHistory?.p50, middle.creditkitShortHistory?.p50),
          atMost: unchangedAtMost,
        }),
      ],
    };
  } finally {
    await close();
    await server.dropDatabase(database);
  }
}
