// Creditkit as the README shows it: defaults, and a pool of the same size as every peer's.
import { createCredits } from "creditkit";
import { defaultCreditsConfig } from "creditkit/config";
import { fromPool } from "creditkit/pg";
import pg from "pg";

/**
 * @typedef {object} Opened
 * @property {import("creditkit").Credits} credits
 * @property {pg.Pool} pool
 * @property {() => number} statements How many statements have been sent so far.
 * @property {() => Promise<void>} close
 */

/**
 * @param {{ url: string, poolSize: number, now?: () => Date, groupCommit?: boolean }} options
 * @returns {Opened}
 */
export function openCredits({ url, poolSize, now, groupCommit = true }) {
  const pool = new pg.Pool({ connectionString: url, max: poolSize });
  const database = fromPool(pool);
  let statements = 0;
  const counting = {
    ...database,
    /** @type {typeof database.query} */
    query: (text, parameters) => {
      statements += 1;
      return database.query(text, parameters);
    },
  };
  const credits = createCredits({
    database: counting,
    config: defaultCreditsConfig,
    groupCommit,
    ...(now === undefined ? {} : { clock: now }),
  });
  return { credits, pool, statements: () => statements, close: () => pool.end() };
}

/**
 * @param {{ url: string, poolSize: number }} options
 * @returns {import("./spenders.mjs").Spender}
 */
export function open(options) {
  return spender(openCredits(options), "bench");
}

/**
 * The same without group commit, on the same books: each call is a statement and a commit of its own.
 * @param {{ url: string, poolSize: number }} options
 * @returns {import("./spenders.mjs").Spender}
 */
export function openUngrouped(options) {
  return spender(openCredits({ ...options, groupCommit: false }), "bench-ungrouped");
}

/**
 * @param {Opened} opened
 * @param {string} service Tells apart who spent what.
 * @returns {import("./spenders.mjs").Spender}
 */
function spender({ credits, pool, close }, service) {
  return {
    spend: (userId) => credits.consume({ userId, amount: 1, service }),
    booked: async () => {
      await requireCleanBooks(credits);
      return spentOn(pool, service);
    },
    close,
  };
}

/**
 * Credits spent on one service by every user together.
 * @param {{ query(text: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }> }} connection
 * @param {string} service
 */
export async function spentOn(connection, service) {
  const { rows } = await connection.query(
    "select coalesce(sum(amount), 0)::text as amount from credits.transaction where credit_account = $1",
    [`SERVICE:${service}`],
  );
  return Number(rows[0]?.amount);
}

/**
 * A benchmark that measured wrong books has measured nothing.
 * @param {import("creditkit").CreditsOperations} credits
 */
export async function requireCleanBooks(credits) {
  const { ok, violations } = await credits.audit();
  if (!ok) throw new Error(`The books are not clean: ${JSON.stringify(violations.slice(0, 5))}`);
}
