// Books as if they had been kept for a while, written with plain SQL: the library's own calls would take hours for ten
// million rows. What is written satisfies the audit. Nothing here is measured.
import { withClient } from "./server.mjs";

/** Rows of one statement: bounds what the server holds while it checks them. */
const chunkRows = 200_000;

/**
 * Wallets of users `<prefix><index>`, each with some batches that were granted in the past.
 * @param {string} url
 * @param {object} users
 * @param {string} users.prefix
 * @param {number} users.count
 * @param {number} users.amount Credits of each batch.
 * @param {number} [users.batches] Batches of each user.
 * @param {number} [users.grantedDaysAgo]
 * @param {number} [users.validityDays] Of the first batch; each later one expires a day after the one before it. Omitted:
 * never.
 */
export async function seedWallets(
  url,
  { prefix, count, amount, batches = 1, grantedDaysAgo = 1, validityDays },
) {
  await withClient(url, async (client) => {
    await client.query("set synchronous_commit = off");
    await client.query("begin");
    await client.query(
      `insert into credits.wallet (user_id, sequence, balance, available_after, last_at, created_at)
       select $1::text || index, $3, $3 * $4::bigint, $3 * $4::bigint, granted.at, granted.at
       from
         generate_series(0, $2::integer - 1) as index,
         (select date_trunc('milliseconds', now()) - make_interval(days => $5) as at) as granted`,
      [prefix, count, batches, amount, grantedDaysAgo],
    );
    await client.query(
      `with batch as (
         insert into credits.batch (user_id, id, sequence, priority, amount, remaining, granted_at, expires_at)
         select
           wallet.user_id, credits.uuid_v7(wallet.last_at), number, 1, $2::bigint, $2::bigint, wallet.last_at,
           wallet.last_at + make_interval(days => $3::integer + number)
         from credits.wallet
         cross join generate_series(1, $4::integer) as number
         where starts_with(wallet.user_id, $1)
         order by wallet.user_id, number
         returning *
       )
       insert into credits.transaction (
         user_id, sequence, id, type, amount, debit_account, credit_account,
         batch_ids, batch_amounts, batch_remainders, available_after, created_at
       )
       select
         user_id, sequence, credits.uuid_v7(granted_at), 'adjustment', amount, 'SYSTEM:adjustment', 'WALLET:' || user_id,
         array[id], array[amount], array[amount], amount * sequence, granted_at
       from batch`,
      [prefix, amount, validityDays ?? null, batches],
    );
    await client.query("commit");
    await settle(client);
  });
}

/**
 * Past spends of one credit for every wallet, oldest first as they would have been written: users interleaved, each a
 * millisecond after the last. Each wallet has one batch, which holds more than that.
 * @param {string} url
 * @param {object} history
 * @param {string} history.prefix Of the users.
 * @param {number} history.rowsPerUser
 * @param {(rows: number) => void} [history.onProgress]
 */
export async function seedHistory(url, { prefix, rowsPerUser, onProgress = () => {} }) {
  await withClient(url, async (client) => {
    await client.query("set synchronous_commit = off");
    const { rows } = await client.query(
      "select count(*)::integer as users from credits.wallet where starts_with(user_id, $1)",
      [prefix],
    );
    /** @type {number} */
    const users = rows[0].users;
    const stepsPerChunk = Math.max(1, Math.floor(chunkRows / users));
    for (let first = 1; first <= rowsPerUser; first += stepsPerChunk) {
      const last = Math.min(rowsPerUser, first + stepsPerChunk - 1);
      await client.query(
        `insert into credits.transaction (
           user_id, sequence, id, type, amount, debit_account, credit_account,
           batch_ids, batch_amounts, batch_remainders, available_after, created_at
         )
         select
           wallet.user_id, wallet.sequence + step, credits.uuid_v7(wallet.last_at + step * interval '1 millisecond'),
           'consumption', 1, 'WALLET:' || wallet.user_id, 'SERVICE:history',
           array[batch.id], array[1::bigint], array[batch.remaining - step], wallet.balance - step,
           wallet.last_at + step * interval '1 millisecond'
         from generate_series($2::integer, $3::integer) as step
         cross join credits.wallet
         join credits.batch on batch.user_id = wallet.user_id
         where starts_with(wallet.user_id, $1)
         order by step, wallet.user_id`,
        [prefix, first, last],
      );
      onProgress(last * users);
    }
    await client.query("begin");
    await client.query(
      `update credits.batch set remaining = remaining - $2::bigint, consumed = consumed + $2::bigint
       where starts_with(user_id, $1)`,
      [prefix, rowsPerUser],
    );
    await client.query(
      `update credits.wallet
       set
         sequence = sequence + $2::bigint,
         balance = balance - $2::bigint,
         available_after = available_after - $2::bigint,
         last_at = last_at + $2::bigint * interval '1 millisecond'
       where starts_with(user_id, $1)`,
      [prefix, rowsPerUser],
    );
    await client.query("commit");
    await settle(client);
  });
}

/**
 * One active monthly subscription for each wallet of a prefix.
 * @param {string} url
 * @param {{ prefix: string, planId: string, anchor: Date }} subscriptions
 */
export async function seedSubscriptions(url, { prefix, planId, anchor }) {
  await withClient(url, async (client) => {
    await client.query(
      `insert into credits.subscription (
         user_id, subscription_id, plan_id, status, anchor, billing_interval, current_period_end,
         entitled_from, created_at, updated_at
       )
       select
         user_id, 'subscription-' || user_id, $2, 'active', $3::timestamptz, 'month', $3::timestamptz + interval '1 month',
         $3::timestamptz, $3::timestamptz, $3::timestamptz
       from credits.wallet
       where starts_with(user_id, $1)`,
      [prefix, planId, anchor.toISOString()],
    );
    await settle(client);
  });
}

/**
 * What a server does by itself a while after such a load: without it the first round pays for it.
 * @param {import("pg").Client} client
 */
export async function settle(client) {
  await client.query("vacuum analyze");
  await client.query("checkpoint");
}
