// Everyone who spends, on one server: each with books of its own in one database, the same users with the same
// credits, a pool of the same size.
import * as creditkit from "./creditkit.mjs";
import { load, takeTurns } from "./measure.mjs";
import * as doubleEntry from "./peers/double-entry.mjs";
import * as driver from "./peers/driver.mjs";
import * as naive from "./peers/naive-drizzle.mjs";
import * as stripeNoWebhooks from "./peers/stripe-no-webhooks.mjs";
import { seedWallets, settle } from "./seed.mjs";
import { withClient } from "./server.mjs";

/**
 * @typedef {object} Spender
 * @property {(userId: string) => Promise<unknown>} spend Spends one credit.
 * @property {() => Promise<number>} booked What its books say was spent; throws when they are not clean.
 * @property {() => Promise<void>} close
 */

/** @typedef {import("./measure.mjs").Sample} Sample */
/** @typedef {import("./run.mjs").Context} Context */

export const userCount = 10_000;
/** More than any run spends of one wallet. */
const amountPerUser = 100_000_000;
/** Seconds that a contender runs before it is measured: connections open, code gets compiled, plans get cached. */
const warmUpSeconds = 0.5;
const templateDatabase = "creditkit_bench_spenders";

const spenders = {
  creditkit: creditkit.open,
  creditkitUngrouped: creditkit.openUngrouped,
  naive: naive.open,
  stripeNoWebhooks: stripeNoWebhooks.open,
  doubleEntry: doubleEntry.open,
  driver: driver.open,
};

/**
 * A contest: one spender's callers, or pgbench's clients.
 * @typedef {object} Contest
 * @property {keyof typeof spenders | "pgbench"} who
 * @property {number} callers
 * @property {(seed: number) => () => number} [users] Draws users; omitted for pgbench, which draws its own accounts.
 */

/**
 * Measures contests in turns on a fresh copy of the spenders' database, and checks every book afterwards.
 * @param {Context} context
 * @param {Record<string, Contest>} contests
 * @returns {Promise<Record<string, Sample[]>>}
 */
export async function compareSpends(context, contests) {
  const { server, options, pgbench } = context;
  const database = `creditkit_bench_${context.scenario.replaceAll("-", "_")}`;
  const url = await server.createDatabase(database, await spendersTemplate(context));
  await withClient(url, settle);
  const opened = new Opened(url, options.poolSize);
  try {
    /** @type {Record<string, (round: number) => Promise<Sample>>} */
    const turns = {};
    for (const [label, { who, callers, users }] of Object.entries(contests)) {
      if (who === "pgbench") {
        if (pgbench) turns[label] = () => pgbench.measure({ clients: callers, seconds: options.seconds });
      } else {
        const contender = opened.spender(who);
        const measure = (/** @type {number} */ seed, /** @type {number} */ seconds) => {
          const draw = users?.(seed) ?? (() => 0);
          return load({ callers, seconds, operation: () => contender.spend(`user-${draw()}`) });
        };
        await measure(options.rounds, warmUpSeconds);
        turns[label] = (round) => measure(round, options.seconds);
      }
    }
    const samples = await takeTurns(options.rounds, turns);
    await opened.verify();
    return samples;
  } finally {
    await opened.close();
    await server.dropDatabase(database);
  }
}

/** The spenders that one database's contests need, each opened once and counted. */
export class Opened {
  /**
   * @param {string} url
   * @param {number} poolSize
   */
  constructor(url, poolSize) {
    this.url = url;
    this.poolSize = poolSize;
    /** @type {Map<string, { spender: Spender, acknowledged: number }>} */
    this.entries = new Map();
  }

  /** @param {keyof typeof spenders} who */
  spender(who) {
    const known = this.entries.get(who);
    const entry = known ?? {
      spender: spenders[who]({ url: this.url, poolSize: this.poolSize }),
      acknowledged: 0,
    };
    this.entries.set(who, entry);
    return {
      spend: async (/** @type {string} */ userId) => {
        await entry.spender.spend(userId);
        entry.acknowledged += 1;
      },
    };
  }

  /** Every spend that was acknowledged is in the books, and nothing else. */
  async verify() {
    for (const [who, { spender, acknowledged }] of this.entries) await verify(who, spender, acknowledged);
  }

  async close() {
    for (const { spender } of this.entries.values()) await spender.close();
  }
}

/**
 * @param {string} who
 * @param {Spender} spender
 * @param {number} acknowledged
 */
export async function verify(who, spender, acknowledged) {
  const booked = await spender.booked();
  if (booked !== acknowledged) {
    throw new Error(
      `The books of ${who} say ${booked} credits were spent, ${acknowledged} were acknowledged`,
    );
  }
}

/**
 * Made once per run; scenarios copy it.
 * @param {Context} context
 * @returns {Promise<string>} The template database's name.
 */
export function spendersTemplate(context) {
  return context.once(templateDatabase, async () => {
    const users = { count: userCount, amount: amountPerUser };
    const url = await context.server.createDatabase(templateDatabase);
    const { credits, close } = creditkit.openCredits({ url, poolSize: 1 });
    await credits.migrate();
    await close();
    await seedWallets(url, { prefix: "user-", ...users });
    await stripeNoWebhooks.migrate(url);
    await withClient(url, async (client) => {
      await client.query(naive.installation.tables);
      await client.query(naive.installation.users(users));
      await client.query(doubleEntry.tables);
      await client.query(doubleEntry.users(users));
      await client.query(stripeNoWebhooks.users(users));
      await client.query(driver.tables);
      await client.query(driver.users(users));
      await settle(client);
    });
    return templateDatabase;
  });
}
