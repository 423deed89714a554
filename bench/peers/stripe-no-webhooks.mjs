// The npm package as it is: its own migrations make the tables, its `credits.consume` spends. A balance per user and
// key, and a ledger line, in six round trips; no batches, no expiry.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { credits, initCredits } from "stripe-no-webhooks";

const root = join(dirname(createRequire(import.meta.url).resolve("stripe-no-webhooks")), "..");
const key = "credits";

/** @param {string} url */
export async function migrate(url) {
  // With DATABASE_URL set it writes no .env file.
  const env = { ...process.env, DATABASE_URL: url };
  await promisify(execFile)(process.execPath, [join(root, "bin/cli.js"), "migrate", url], { env });
}

/** @param {{ count: number, amount: number }} users */
export function users({ count, amount }) {
  return `
    insert into stripe.credit_balances (user_id, key, balance)
    select 'user-' || index, '${key}', ${amount} from generate_series(0, ${count - 1}) as index;
    insert into stripe.credit_ledger (user_id, key, amount, balance_after, transaction_type, source)
    select 'user-' || index, '${key}', ${amount}, ${amount}, 'grant', 'manual'
    from generate_series(0, ${count - 1}) as index;
  `;
}

/**
 * @param {{ url: string, poolSize: number }} options
 * @returns {import("../spenders.mjs").Spender}
 */
export function open({ url, poolSize }) {
  const pool = new pg.Pool({ connectionString: url, max: poolSize });
  initCredits(pool);
  return {
    spend: (userId) => credits.consume({ userId, key, amount: 1, description: "bench" }),
    booked: async () => {
      const { rows } = await pool.query(
        "select coalesce(-sum(amount), 0) as amount from stripe.credit_ledger where transaction_type = 'consume'",
      );
      return Number(rows[0].amount);
    },
    close: () => pool.end(),
  };
}
