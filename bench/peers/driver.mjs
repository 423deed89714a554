// Not an alternative but a bound: the smallest durable change that Node can make, one prepared UPDATE of one row per
// commit through the same driver. What of the distance to pgbench is Node and what is ours.
import pg from "pg";

export const tables = `
  create schema driver;
  create table driver.account (
    user_id text primary key,
    spent bigint not null default 0
  )
  with (fillfactor = 80);
`;

/** @param {{ count: number }} users */
export function users({ count }) {
  return `
    insert into driver.account (user_id)
    select 'user-' || index from generate_series(0, ${count - 1}) as index;
  `;
}

/**
 * @param {{ url: string, poolSize: number }} options
 * @returns {import("../spenders.mjs").Spender}
 */
export function open({ url, poolSize }) {
  const pool = new pg.Pool({ connectionString: url, max: poolSize });
  const update = { name: "update", text: "update driver.account set spent = spent + 1 where user_id = $1" };
  return {
    spend: (userId) => pool.query({ ...update, values: [userId] }),
    booked: async () => {
      const { rows } = await pool.query("select sum(spent) as amount from driver.account");
      return Number(rows[0].amount);
    },
    close: () => pool.end(),
  };
}
