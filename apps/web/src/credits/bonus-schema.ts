import { sql } from "drizzle-orm";
import { index, pgTable, text, timestamp, uniqueIndex } from "drizzle-orm/pg-core";

/** Who may have the welcome bonus, and who had it. Addresses and networks are kept as keyed hashes only. */
export const bonusClaim = pgTable(
  "bonus_claim",
  {
    /** Without a reference: a claim outlives its account, or the bonus could be had again by deleting it. */
    userId: text("user_id").primaryKey(),
    emailHash: text("email_hash").notNull(),
    /** Of the sign-up; null: unknown. */
    networkHash: text("network_hash"),
    /** `pending`: not decided yet, or the network has had many lately. `refused`: the e-mail address had it before. */
    state: text("state", { enum: ["pending", "granted", "refused"] })
      .notNull()
      .default("pending"),
    createdAt: timestamp("created_at", { withTimezone: true, precision: 3 }).notNull().default(sql`now()`),
    decidedAt: timestamp("decided_at", { withTimezone: true, precision: 3 }),
  },
  (table) => [
    // The database itself: one bonus an address, whoever asks at once.
    uniqueIndex("bonus_claim_email_idx").on(table.emailHash).where(sql`state = 'granted'`),
    index("bonus_claim_network_idx").on(table.networkHash, table.decidedAt).where(sql`state = 'granted'`),
  ],
);
