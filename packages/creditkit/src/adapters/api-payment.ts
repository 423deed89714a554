import { z } from "@hono/zod-openapi";
import { inboxStatuses } from "../core/inbox.ts";
import { SubscriptionStatus } from "../core/subscription.ts";
import { type ApiOperation, given, operation, userParams } from "./api-operation.ts";
import * as schema from "./api-schema.ts";

const message = {
  provider: z.string().openapi({ description: "An adapter's name.", example: "paddle" }),
  eventId: z
    .string()
    .openapi({ description: "The provider's id of this message: it is applied once, for ever." }),
  occurredAt: schema.date,
};
const whose = { userId: schema.id.optional(), customerId: schema.id.optional() };
const paymentIds = z
  .tuple([z.string()])
  .rest(z.string())
  .openapi({
    type: "array",
    items: { type: "string" },
    minItems: 1,
    description: "One payment by all its names.",
  });
const money = z.int().min(0).openapi({ description: "In the currency's smallest unit." });
const paid = {
  priceId: schema.id,
  amountPaid: money,
  currency: z.string().openapi({ example: "usd" }),
  receiptUrl: z.string().optional(),
};

const eventSchemas = [
  z.strictObject({ type: z.literal("purchase.paid"), ...message, ...whose, paymentIds, ...paid }),
  z.strictObject({
    type: z.literal("plan.paid"),
    ...message,
    ...whose,
    paymentIds,
    ...paid,
    subscriptionId: schema.id,
    periodStart: schema.date,
    periodEnd: schema.date,
    isMidPeriod: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("subscription.changed"),
    ...message,
    ...whose,
    subscriptionId: schema.id,
    priceId: schema.id,
    status: z.enum(SubscriptionStatus),
    anchor: schema.date,
    currentPeriodEnd: schema.date,
    cancelsAtPeriodEnd: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("checkout.completed"),
    ...message,
    userId: schema.id,
    customerId: schema.id.optional(),
    subscriptionId: schema.id.optional(),
  }),
  z.strictObject({
    type: z.literal("payment.linked"),
    ...message,
    paymentIds,
    receiptUrl: z.string().optional(),
  }),
  z.strictObject({
    type: z.literal("payment.refunded"),
    ...message,
    paymentIds,
    amountRefunded: money.optional(),
    refund: z.strictObject({ id: schema.id, amount: money }).optional(),
    amountPaid: money.optional(),
  }),
  z.strictObject({
    type: z.literal("dispute.changed"),
    ...message,
    disputeId: schema.id,
    paymentIds,
    amount: money,
    amountPaid: money.optional(),
    status: z.enum(["open", "won", "lost"]),
  }),
  z.strictObject({ type: z.literal("fraud.warned"), ...message, paymentIds }),
  z.strictObject({ type: z.literal("noted"), ...message, what: z.string() }),
] as const;

const PaymentEvent = z.discriminatedUnion("type", eventSchemas).openapi("PaymentEvent");

const PaymentEventResult = z
  .object({
    outcome: z.enum(["applied", "replayed", "ignored"]),
    waitsFor: z.array(z.string()).optional(),
    transactionId: schema.id.optional(),
  })
  .openapi("PaymentEventResult");

const errors = ["UNKNOWN_PRICE", "IDEMPOTENCY_CONFLICT", "BALANCE_OVERFLOW"] as const;

/** What payment providers told, and what they may sell. */
export const paymentOperations: readonly ApiOperation[] = [
  operation({
    id: "applyPaymentEvent",
    method: "post",
    path: "/payment-events",
    scope: "grant",
    tag: "payments",
    summary: "Do what a payment provider tells, once",
    description: "For a provider that has no adapter: whoever calls has verified the message.",
    body: PaymentEvent,
    result: PaymentEventResult,
    errors,
    run: (credits, { body }) => credits.applyPaymentEvent(body),
  }),
  operation({
    id: "getPaymentEvents",
    method: "get",
    path: "/payment-events",
    scope: "admin",
    tag: "payments",
    summary: "The newest messages of payment providers",
    query: z.strictObject({
      status: z.enum(inboxStatuses).optional(),
      limit: schema.whole.optional().openapi({ description: "1–1 000. Default 50." }),
    }),
    result: z.array(
      z
        .object({
          provider: z.string(),
          eventId: schema.id,
          type: z.string(),
          status: z.enum(inboxStatuses),
          waitsFor: z.array(z.string()),
          error: z.string().nullable(),
          occurredAt: schema.instant,
          receivedAt: schema.instant,
        })
        .openapi("InboxEvent"),
    ),
    errors: [],
    run: (credits, { query }) => credits.getPaymentEvents(given(query)),
  }),
  operation({
    id: "replayPaymentEvent",
    method: "post",
    path: "/payment-events/{eventId}/replay",
    scope: "admin",
    tag: "payments",
    summary: "Do again what a message says that failed, or waits",
    params: z.object({ eventId: schema.id }),
    query: z.strictObject({ provider: z.string().optional() }),
    result: PaymentEventResult,
    errors: ["UNKNOWN_EVENT", ...errors],
    run: (credits, { params, query }) => credits.replayPaymentEvent({ ...params, ...given(query) }),
  }),
  operation({
    id: "getNewestPayments",
    method: "get",
    path: "/payments",
    scope: "admin",
    tag: "payments",
    summary: "The newest 100 payments of all users",
    result: z.array(schema.Payment),
    errors: [],
    run: (credits) => credits.getNewestPayments(),
  }),
  operation({
    id: "getPayments",
    method: "get",
    path: "/users/{userId}/payments",
    scope: "read",
    tag: "payments",
    summary: "What a user has paid, newest first",
    params: userParams,
    result: z.array(schema.Payment),
    errors: [],
    run: (credits, { params }) => credits.getPayments(params),
  }),
  operation({
    id: "checkPurchase",
    method: "get",
    path: "/users/{userId}/purchase-check",
    scope: "read",
    tag: "payments",
    summary: "What a price sells, if this user may buy it now",
    description: "Asked before a checkout is opened, since a payment is always honoured.",
    params: userParams,
    query: z.strictObject({ priceId: schema.id }),
    result: z
      .object({
        kind: z.enum(["package", "plan"]),
        priceId: schema.id,
        packageId: schema.id.optional(),
        planId: schema.id.optional(),
        interval: z.enum(["month", "year"]).optional(),
      })
      .openapi("Sold"),
    errors: ["UNKNOWN_PRICE", "PURCHASE_NOT_ALLOWED", "BALANCE_LIMIT"],
    run: (credits, { params, query }) => credits.checkPurchase({ ...params, ...query }),
  }),
  operation({
    id: "getCustomer",
    method: "get",
    path: "/users/{userId}/customers/{provider}",
    scope: "read",
    tag: "payments",
    summary: "A user's customer id at a provider",
    params: userParams.extend({ provider: schema.id }),
    result: z.object({ customerId: schema.id.nullable() }),
    errors: [],
    run: async (credits, { params }) => ({ customerId: await credits.getCustomer(params) }),
  }),
  operation({
    id: "linkCustomer",
    method: "put",
    path: "/users/{userId}/customers/{provider}",
    scope: "grant",
    tag: "payments",
    summary: "Remember a user's customer at a provider; the first one stands",
    params: userParams.extend({ provider: schema.id }),
    body: z.strictObject({ customerId: schema.id }),
    result: z.object({ customerId: schema.id }),
    errors: ["IDEMPOTENCY_CONFLICT"],
    run: async (credits, { params, body }) => ({
      customerId: await credits.linkCustomer({ ...params, ...body }),
    }),
  }),
];
