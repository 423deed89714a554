import { sql } from "drizzle-orm";
import { index, numeric, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

/** What admins did by hand. Written in the transaction that does it: neither is there without the other. */
export const adminAction = pgTable(
  "admin_action",
  {
    id: uuid("id").primaryKey(),
    /** Of the form that was sent: sent twice, it acts once. */
    key: text("key").notNull().unique(),
    /** Without a reference: what was done stays when the admin leaves. */
    adminId: text("admin_id").notNull(),
    adminEmail: text("admin_email").notNull(),
    action: text("action").notNull(),
    /** Whom it was done to; null: nobody, as of a job. */
    userId: text("user_id"),
    amount: numeric("amount", { precision: 20, scale: 6, mode: "number" }),
    reason: text("reason"),
    transactionId: text("transaction_id"),
    createdAt: timestamp("created_at", { withTimezone: true, precision: 3 }).notNull().default(sql`now()`),
  },
  (table) => [
    index("admin_action_user_idx").on(table.userId, table.createdAt),
    index("admin_action_newest_idx").on(table.createdAt),
  ],
);
