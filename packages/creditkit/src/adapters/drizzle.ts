import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  customType,
  foreignKey,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  smallint,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { connectionOf, type Database } from "../core/database.ts";

/** The part of a Drizzle database that is used: node-postgres and PGlite drivers have it. */
export interface DrizzleShape {
  execute(query: { getSQL(): never }): PromiseLike<{ rows: unknown[] }>;
  transaction<Result>(
    work: (transaction: object) => Promise<Result>,
    config?: { isolationLevel?: "read committed" },
  ): Promise<Result>;
  /** Only a transaction can be rolled back. */
  rollback?: () => never;
}

/**
 * A database over a Drizzle database or transaction of the node-postgres or PGlite driver. Over a transaction, the
 * host has begun it and ends it.
 */
export function fromDrizzle(drizzle: DrizzleShape): Database {
  const connection = connectionOf(drizzle);
  if (typeof drizzle.rollback === "function") {
    return { ...connection, inTransaction: true, transaction: (work) => work(connection) };
  }
  return {
    ...connection,
    inTransaction: false,
    transaction: <Result>(work: (connection: ReturnType<typeof connectionOf>) => Promise<Result>) =>
      drizzle.transaction((transaction: object) => work(connectionOf(transaction)), {
        isolationLevel: "read committed",
      }),
  };
}

/** The schema that the ledger lives in. The tables below are for reading: only the ledger's functions write them. */
export const creditsSchema = pgSchema("credits");

const instant = (name: string) => timestamp(name, { withTimezone: true });
// Amounts are at most 2^53 − 1 units, so that a number holds them exactly.
const units = (name: string) => bigint(name, { mode: "number" });

const bytes = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });

export const wallet = creditsSchema.table("wallet", {
  userId: text("user_id").primaryKey(),
  sequence: units("sequence").notNull().default(0),
  balance: units("balance").notNull().default(0),
  availableAfter: units("available_after"),
  status: text("status", { enum: ["active", "frozen", "closed"] })
    .notNull()
    .default("active"),
  lastAt: instant("last_at").notNull(),
  createdAt: instant("created_at").notNull(),
  held: units("held").notNull().default(0),
  debt: units("debt").notNull().default(0),
  due: units("due").notNull().default(0),
});

export const batch = creditsSchema.table(
  "batch",
  {
    userId: text("user_id").notNull(),
    id: uuid("id").notNull(),
    sequence: units("sequence").notNull(),
    priority: smallint("priority").notNull(),
    amount: units("amount").notNull(),
    remaining: units("remaining").notNull(),
    consumed: units("consumed").notNull().default(0),
    expired: units("expired").notNull().default(0),
    grantedAt: instant("granted_at").notNull(),
    expiresAt: instant("expires_at"),
    held: units("held").notNull().default(0),
    isOpen: boolean("is_open").notNull().generatedAlwaysAs(sql`((remaining + held) > 0)`),
    taken: units("taken").notNull().default(0),
    refundDue: units("refund_due").notNull().default(0),
    disputeDue: units("dispute_due").notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.id] }),
    foreignKey({ columns: [table.userId], foreignColumns: [wallet.userId] }),
    check("batch_books", sql`amount = remaining + held + consumed + expired + taken`),
    index("batch_open").on(table.userId).where(sql`is_open`),
    index("batch_expiring")
      .on(table.expiresAt, table.userId, table.id)
      .where(sql`is_open and expires_at is not null`),
  ],
);

export const transaction = creditsSchema.table(
  "transaction",
  {
    userId: text("user_id").notNull(),
    sequence: units("sequence").notNull(),
    id: uuid("id").notNull(),
    type: text("type").notNull(),
    amount: units("amount").notNull(),
    amountAsked: units("amount_asked"),
    debitAccount: text("debit_account").notNull(),
    creditAccount: text("credit_account").notNull(),
    batchIds: uuid("batch_ids").array().notNull(),
    batchAmounts: units("batch_amounts").array().notNull(),
    batchRemainders: units("batch_remainders").array().notNull(),
    availableAfter: units("available_after").notNull(),
    key: text("key"),
    sourcePlan: text("source_plan"),
    period: text("period"),
    packageId: text("package_id"),
    purchaseId: text("purchase_id"),
    description: text("description"),
    metadata: jsonb("metadata").$type<Record<string, unknown>>(),
    createdAt: instant("created_at").notNull(),
    jobPage: uuid("job_page"),
    reverses: uuid("reverses"),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.sequence] }),
    unique("transaction_id").on(table.userId, table.id),
    uniqueIndex("transaction_key").on(table.userId, table.key).where(sql`key is not null`),
    index("transaction_purchase").on(table.userId, table.purchaseId).where(sql`purchase_id is not null`),
    index("transaction_reverses").on(table.userId, table.reverses).where(sql`reverses is not null`),
  ],
);

export const hold = creditsSchema.table(
  "hold",
  {
    userId: text("user_id").notNull(),
    id: uuid("id").notNull(),
    amount: units("amount").notNull(),
    service: text("service").notNull(),
    overage: text("overage", { enum: ["reject", "take_available", "debt"] }).notNull(),
    status: text("status", { enum: ["open", "settled", "released", "expired"] })
      .notNull()
      .default("open"),
    batchIds: uuid("batch_ids").array().notNull(),
    batchAmounts: units("batch_amounts").array().notNull(),
    availableAfter: units("available_after").notNull(),
    key: text("key"),
    metadata: jsonb("metadata").$type<Record<string, unknown>>(),
    createdAt: instant("created_at").notNull(),
    expiresAt: instant("expires_at").notNull(),
    openAfter: units("open_after").notNull(),
    openUntil: units("open_until"),
    endedAt: instant("ended_at"),
    endId: uuid("end_id"),
    settledAmount: units("settled_amount"),
    availableAtEnd: units("available_at_end"),
    jobPage: uuid("job_page"),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.id] }),
    foreignKey({ columns: [table.userId], foreignColumns: [wallet.userId] }),
    uniqueIndex("hold_key").on(table.userId, table.key).where(sql`key is not null`),
    index("hold_open").on(table.userId).where(sql`status = 'open'::text`),
    index("hold_expiring").on(table.expiresAt, table.userId, table.id).where(sql`status = 'open'::text`),
  ],
);

export const purchase = creditsSchema.table("purchase", {
  purchaseId: text("purchase_id").primaryKey(),
  userId: text("user_id").notNull(),
  type: text("type").notNull(),
  priceId: text("price_id"),
  sourcePlan: text("source_plan"),
  period: text("period"),
  transactionId: uuid("transaction_id").notNull(),
  createdAt: instant("created_at").notNull(),
});

export const subscription = creditsSchema.table(
  "subscription",
  {
    userId: text("user_id").notNull(),
    subscriptionId: text("subscription_id").notNull(),
    planId: text("plan_id").notNull(),
    status: text("status").notNull(),
    anchor: instant("anchor").notNull(),
    billingInterval: text("billing_interval", { enum: ["month", "year"] }).notNull(),
    currentPeriodEnd: instant("current_period_end").notNull(),
    entitledFrom: instant("entitled_from"),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
    provider: text("provider"),
    saidAt: instant("said_at"),
    saidBy: text("said_by"),
    paidAt: instant("paid_at"),
    cancelsAtPeriodEnd: boolean("cancels_at_period_end").notNull().default(false),
  },
  (table) => [primaryKey({ columns: [table.userId, table.subscriptionId] })],
);

export const providerEvent = creditsSchema.table(
  "provider_event",
  {
    provider: text("provider").notNull(),
    eventId: text("event_id").notNull(),
    type: text("type").notNull(),
    event: jsonb("event").$type<Record<string, unknown>>().notNull(),
    status: text("status", { enum: ["received", "applied", "ignored", "parked", "failed"] }).notNull(),
    waitsFor: text("waits_for").array().notNull().default(sql`'{}'::text[]`),
    error: text("error"),
    result: jsonb("result").$type<Record<string, unknown>>(),
    attempt: uuid("attempt").notNull(),
    occurredAt: instant("occurred_at").notNull(),
    receivedAt: instant("received_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.provider, table.eventId] }),
    index("provider_event_open")
      .on(table.provider, table.occurredAt, table.eventId)
      .where(sql`status = any (array['parked'::text, 'failed'::text, 'received'::text])`),
    index("provider_event_newest").on(table.receivedAt, table.provider, table.eventId),
  ],
);

export const providerObject = creditsSchema.table(
  "provider_object",
  {
    provider: text("provider").notNull(),
    name: text("name").notNull(),
    userId: text("user_id"),
    paymentId: text("payment_id"),
    seenAt: instant("seen_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.provider, table.name] }),
    index("provider_object_user")
      .on(table.userId, table.provider, table.name)
      .where(sql`user_id is not null`),
  ],
);

export const payment = creditsSchema.table(
  "payment",
  {
    provider: text("provider").notNull(),
    paymentId: text("payment_id").notNull(),
    userId: text("user_id").notNull(),
    kind: text("kind", { enum: ["package", "plan"] }).notNull(),
    priceId: text("price_id").notNull(),
    subscriptionId: text("subscription_id"),
    period: text("period"),
    planAmount: units("plan_amount"),
    transactionId: uuid("transaction_id"),
    batchId: uuid("batch_id"),
    granted: units("granted").notNull(),
    amountPaid: units("amount_paid").notNull(),
    currency: text("currency").notNull(),
    refunded: units("refunded").notNull().default(0),
    receiptUrl: text("receipt_url"),
    paidAt: instant("paid_at").notNull(),
    createdAt: instant("created_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.provider, table.paymentId] }),
    index("payment_newest").on(table.paidAt, table.paymentId),
    index("payment_user").on(table.userId, table.paidAt, table.paymentId),
  ],
);

export const refund = creditsSchema.table(
  "refund",
  {
    provider: text("provider").notNull(),
    refundId: text("refund_id").notNull(),
    paymentId: text("payment_id").notNull(),
    amount: units("amount").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.provider, table.refundId] }),
    index("refund_payment").on(table.provider, table.paymentId),
  ],
);

export const dispute = creditsSchema.table(
  "dispute",
  {
    provider: text("provider").notNull(),
    disputeId: text("dispute_id").notNull(),
    paymentId: text("payment_id").notNull(),
    amount: units("amount").notNull(),
    status: text("status", { enum: ["open", "won", "lost"] }).notNull(),
    saidAt: instant("said_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.provider, table.disputeId] }),
    index("dispute_payment").on(table.provider, table.paymentId),
  ],
);

export const jobRun = creditsSchema.table(
  "job_run",
  {
    id: uuid("id").primaryKey(),
    job: text("job", { enum: ["grant", "expire", "audit"] }).notNull(),
    startedAt: instant("started_at").notNull(),
    finishedAt: instant("finished_at"),
    result: jsonb("result").$type<Record<string, unknown>>(),
    error: text("error"),
  },
  (table) => [
    index("job_run_newest").on(table.job, table.startedAt, table.id),
    check("job_run_end", sql`(finished_at is null) = (result is null and error is null)`),
  ],
);

export const erasedUser = creditsSchema.table(
  "erased_user",
  {
    userHash: bytes("user_hash").primaryKey(),
    pseudonym: text("pseudonym").notNull(),
    erasedAt: instant("erased_at").notNull(),
    forfeited: units("forfeited").notNull(),
  },
  (table) => [unique("erased_user_pseudonym_key").on(table.pseudonym)],
);

export const apiKey = creditsSchema.table(
  "api_key",
  {
    id: uuid("id").primaryKey(),
    name: text("name").notNull(),
    prefix: text("prefix").notNull(),
    hash: bytes("hash").notNull(),
    scopes: text("scopes").array().notNull(),
    createdAt: instant("created_at").notNull(),
    expiresAt: instant("expires_at"),
    lastUsedAt: instant("last_used_at"),
    revokedAt: instant("revoked_at"),
  },
  (table) => [unique("api_key_hash_key").on(table.hash)],
);

export const webhookEndpoint = creditsSchema.table("webhook_endpoint", {
  id: uuid("id").primaryKey(),
  url: text("url").notNull(),
  description: text("description"),
  secret: text("secret").notNull(),
  eventTypes: text("event_types").array(),
  lowBalance: units("low_balance"),
  isEnabled: boolean("is_enabled").notNull().default(true),
  disabledReason: text("disabled_reason"),
  createdAt: instant("created_at").notNull(),
});

export const webhookMessage = creditsSchema.table(
  "webhook_message",
  {
    id: uuid("id").primaryKey(),
    userId: text("user_id").notNull(),
    transactionId: uuid("transaction_id").notNull(),
    type: text("type").notNull(),
    body: text("body").notNull(),
    createdAt: instant("created_at").notNull(),
  },
  (table) => [
    index("webhook_message_user").on(table.userId),
    index("webhook_message_age").on(table.createdAt),
  ],
);

export const webhookDelivery = creditsSchema.table(
  "webhook_delivery",
  {
    messageId: uuid("message_id")
      .notNull()
      .references(() => webhookMessage.id, { onDelete: "cascade" }),
    endpointId: uuid("endpoint_id")
      .notNull()
      .references(() => webhookEndpoint.id, { onDelete: "cascade" }),
    status: text("status", { enum: ["pending", "delivered", "failed"] })
      .notNull()
      .default("pending"),
    attempts: integer("attempts").notNull().default(0),
    nextAttemptAt: instant("next_attempt_at"),
    lastAttemptAt: instant("last_attempt_at"),
    responseStatus: integer("response_status"),
    error: text("error"),
  },
  (table) => [
    primaryKey({ name: "webhook_delivery_pkey", columns: [table.messageId, table.endpointId] }),
    index("webhook_delivery_endpoint").on(table.endpointId, table.messageId),
    index("webhook_delivery_next")
      .on(table.endpointId, table.nextAttemptAt)
      .where(sql`status = 'pending'::text`),
    check("webhook_delivery_due", sql`(status = 'pending'::text) = (next_attempt_at is not null)`),
  ],
);
