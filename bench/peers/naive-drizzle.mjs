// The transaction that a team writes first: one balance and some batches per user, locked, changed and committed in
// seven round trips through Drizzle. Correct, and what most apps run.
import { and, asc, eq, gt, isNull, or, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { bigint, pgSchema, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import pg from "pg";

const schema = pgSchema("naive");
const balances = schema.table("user_balance", {
  userId: text("user_id").primaryKey(),
  balance: bigint("balance", { mode: "number" }).notNull(),
  updatedAt: timestamp("updated_at", { withTimezone: true }).notNull().defaultNow(),
});
const batches = schema.table("credit_batch", {
  id: uuid("id").primaryKey().defaultRandom(),
  userId: text("user_id").notNull(),
  remaining: bigint("remaining", { mode: "number" }).notNull(),
  expiresAt: timestamp("expires_at", { withTimezone: true }),
});
const transactions = schema.table("credit_transaction", {
  id: uuid("id").primaryKey().defaultRandom(),
  userId: text("user_id").notNull(),
  type: text("type").notNull(),
  amount: bigint("amount", { mode: "number" }).notNull(),
  service: text("service"),
  balanceAfter: bigint("balance_after", { mode: "number" }).notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

/** The tables above, and users with one batch each. */
export const installation = {
  tables: `
    create schema naive;
    create table naive.user_balance (
      user_id text primary key,
      balance bigint not null check (balance >= 0),
      updated_at timestamptz not null default now()
    );
    create table naive.credit_batch (
      id uuid primary key default gen_random_uuid(),
      user_id text not null references naive.user_balance,
      remaining bigint not null check (remaining >= 0),
      expires_at timestamptz
    );
    create index on naive.credit_batch (user_id, expires_at);
    create table naive.credit_transaction (
      id uuid primary key default gen_random_uuid(),
      user_id text not null,
      type text not null,
      amount bigint not null,
      service text,
      balance_after bigint not null,
      created_at timestamptz not null default now()
    );
    create index on naive.credit_transaction (user_id, created_at);
  `,
  /** @param {{ count: number, amount: number }} users */
  users: ({ count, amount }) => `
    insert into naive.user_balance (user_id, balance)
    select 'user-' || index, ${amount} from generate_series(0, ${count - 1}) as index;
    insert into naive.credit_batch (user_id, remaining)
    select 'user-' || index, ${amount} from generate_series(0, ${count - 1}) as index;
  `,
};

/** @typedef {import("drizzle-orm/pg-core").PgDatabase<import("drizzle-orm/pg-core").PgQueryResultHKT>} PgDatabase */

/**
 * @param {{ url: string, poolSize: number }} options
 * @returns {import("../spenders.mjs").Spender}
 */
export function open({ url, poolSize }) {
  const pool = new pg.Pool({ connectionString: url, max: poolSize });
  return spender(drizzle(pool), () => pool.end());
}

/**
 * @param {import("@electric-sql/pglite").PGlite} pglite
 * @returns {import("../spenders.mjs").Spender}
 */
export function openPglite(pglite) {
  return spender(drizzlePglite(pglite), () => pglite.close());
}

/**
 * @param {PgDatabase} database
 * @param {() => Promise<void>} close
 * @returns {import("../spenders.mjs").Spender}
 */
function spender(database, close) {
  return {
    spend: (userId) => spend(database, { userId, amount: 1, service: "bench" }),
    booked: async () => {
      const [row] = await database
        .select({ amount: sql`coalesce(sum(${transactions.amount}), 0)`.mapWith(Number) })
        .from(transactions);
      return -(row?.amount ?? 0);
    },
    close,
  };
}

/**
 * @param {PgDatabase} database
 * @param {{ userId: string, amount: number, service: string }} spending
 */
async function spend(database, { userId, amount, service }) {
  await database.transaction(async (transaction) => {
    const [wallet] = await transaction
      .select()
      .from(balances)
      .where(eq(balances.userId, userId))
      .for("update");
    if (wallet === undefined || wallet.balance < amount) throw new Error("Insufficient credits");
    const open = await transaction
      .select()
      .from(batches)
      .where(
        and(
          eq(batches.userId, userId),
          gt(batches.remaining, 0),
          or(isNull(batches.expiresAt), gt(batches.expiresAt, new Date())),
        ),
      )
      .orderBy(asc(batches.expiresAt))
      .for("update");
    let needed = amount;
    for (const batch of open) {
      const taken = Math.min(needed, batch.remaining);
      if (taken === 0) break;
      await transaction
        .update(batches)
        .set({ remaining: batch.remaining - taken })
        .where(eq(batches.id, batch.id));
      needed -= taken;
    }
    if (needed > 0) throw new Error("Insufficient credits");
    const balance = wallet.balance - amount;
    await transaction
      .update(balances)
      .set({ balance, updatedAt: new Date() })
      .where(eq(balances.userId, userId));
    await transaction
      .insert(transactions)
      .values({ userId, type: "consumption", amount: -amount, service, balanceAfter: balance });
  });
}
