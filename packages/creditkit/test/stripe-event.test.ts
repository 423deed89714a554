import { describe, expect, it } from "vitest";
import { stripeProvider } from "../src/adapters/stripe.ts";
import { readStripeEvent } from "../src/adapters/stripe-event.ts";
import { Field } from "../src/adapters/stripe-message.ts";
import { changed, config, fixture, fixtureNames, options, type StripeEvent, signed } from "./stripe.ts";

const read = (event: StripeEvent) => readStripeEvent(config, new Field(event, "event"));
const at = (iso: string) => new Date(iso);

const customerId = "cus_TnHkR5y2wQ8dLb";
const subscriptionId = "sub_1SpbK0LkdIwHu7ixQ2m8Zt5e";
const sessionId = "cs_test_a1Z8HqkCpqYfEo3hBnbl2Yk0IDWqCrUZ5J5Yq6m0tLQf0bE6sXgWc9hUuP";
const intentId = "pi_3SpbJtLkdIwHu7ix1R2vTn0C";
const chargeId = "ch_3SpbJtLkdIwHu7ix1Bz5Vh9e";
const invoiceId = "in_1SpbK0LkdIwHu7ixbB7nWq3D";
const charged = [intentId, chargeId];
const start = at("2026-01-15T10:00:00Z");
const middle = at("2026-01-30T10:00:00Z");
const end = at("2026-02-15T10:00:00Z");

const purchase = {
  type: "purchase.paid",
  userId: "user_ada",
  customerId,
  paymentIds: [intentId, sessionId],
  priceId: "price_hundred",
  amountPaid: 1000,
  currency: "usd",
};
const period = {
  type: "plan.paid",
  userId: "user_ada",
  customerId,
  paymentIds: [invoiceId],
  subscriptionId,
  priceId: "price_pro",
  periodStart: start,
  periodEnd: end,
  isMidPeriod: false,
  amountPaid: 1900,
  currency: "usd",
  receiptUrl: expect.stringMatching(/^https:\/\/invoice\.stripe\.com\//),
};
const upgrade = {
  ...period,
  priceId: "price_max",
  periodStart: middle,
  isMidPeriod: true,
  amountPaid: 1500,
};
const state = {
  type: "subscription.changed",
  userId: "user_ada",
  customerId,
  subscriptionId,
  priceId: "price_pro",
  status: "active",
  anchor: start,
  currentPeriodEnd: end,
  cancelsAtPeriodEnd: false,
};
const trialEnd = at("2026-01-29T10:00:00Z");
const dispute = {
  type: "dispute.changed",
  disputeId: "du_1Sq9RtLkdIwHu7ixVd8sKy3H",
  paymentIds: charged,
  amount: 1000,
  status: "open",
};
const refund = {
  type: "payment.refunded",
  paymentIds: charged,
  refund: { id: "re_3SpbJtLkdIwHu7ix1Qm2Rf7w", amount: 400 },
};
const noted = (what: string) => ({ type: "noted", what });

/** Every fixture, and what it means. */
const meanings: Record<string, object | null> = {
  "checkout.session.completed": purchase,
  "checkout.session.completed.before-2025": purchase,
  "checkout.session.completed.line-items": purchase,
  "checkout.session.completed.unpaid": noted("checkout.session.completed: unpaid"),
  // No payment intent: the session is the payment.
  "checkout.session.completed.free": { ...purchase, paymentIds: [sessionId], amountPaid: 0 },
  "checkout.session.completed.subscription": {
    type: "checkout.completed",
    userId: "user_ada",
    customerId,
    subscriptionId,
  },
  "checkout.session.completed.foreign": null,
  "checkout.session.async_payment_succeeded": purchase,
  "checkout.session.async_payment_failed": noted("checkout.session.async_payment_failed"),
  "checkout.session.expired": noted("checkout.session.expired"),
  "invoice.paid": period,
  // The new plan's own period, not the prorations before it.
  "invoice.paid.renewal": {
    ...period,
    paymentIds: ["in_1T0yPqLkdIwHu7ixHs5cVe9G"],
    priceId: "price_max",
    periodStart: end,
    periodEnd: at("2026-03-15T10:00:00Z"),
    amountPaid: 6400,
  },
  "invoice.paid.upgrade": { ...upgrade, paymentIds: ["in_1Sv2CWLkdIwHu7ixKp4dXo1R"] },
  // Of nothing: it brings the trial's credits.
  "invoice.paid.trial": {
    ...period,
    paymentIds: [expect.stringMatching(/^in_/)],
    periodStart: expect.any(Date),
    periodEnd: trialEnd,
    amountPaid: 0,
    receiptUrl: expect.any(String),
  },
  "invoice.paid.before-2025": {
    ...period,
    paymentIds: ["in_1OpbK0LkdIwHu7ixcC8mXr4E", "pi_3OpbK1LkdIwHu7ix0mBtQ9gk", "ch_3OpbK1LkdIwHu7ix0nYsWd7a"],
  },
  "invoice.paid.upgrade.before-2025": {
    ...upgrade,
    paymentIds: ["in_1OvbCWLkdIwHu7ixNq2tZe8S", "pi_3OvbCXLkdIwHu7ix1fHuVs3y", "ch_3OvbCXLkdIwHu7ix1kWqZd9b"],
  },
  "invoice.paid.single": null,
  "invoice.payment_failed": noted("invoice.payment_failed"),
  "invoice_payment.paid": {
    type: "payment.linked",
    paymentIds: [invoiceId, "pi_3SpbK1LkdIwHu7ix1oKcPw6t"],
  },
  "customer.subscription.created": { ...state, status: "incomplete" },
  // Counted from the trial's start: Stripe's anchor is the trial's end, still to come.
  "customer.subscription.created.trial": { ...state, status: "trialing", currentPeriodEnd: trialEnd },
  "customer.subscription.updated": state,
  "customer.subscription.updated.before-2025": state,
  "customer.subscription.updated.canceling": { ...state, cancelsAtPeriodEnd: true },
  "customer.subscription.updated.pause-collection": { ...state, status: "paused" },
  "customer.subscription.updated.foreign": null,
  "customer.subscription.paused": {
    ...state,
    status: "paused",
    anchor: trialEnd,
    currentPeriodEnd: trialEnd,
  },
  "customer.subscription.resumed": { ...state, anchor: middle, currentPeriodEnd: at("2026-03-02T10:00:00Z") },
  "customer.subscription.deleted": { ...state, status: "canceled" },
  // Never paid for: its period ends where it began (rule 17).
  "customer.subscription.deleted.unpaid": { ...state, status: "canceled", currentPeriodEnd: end },
  "charge.succeeded": {
    type: "payment.linked",
    paymentIds: charged,
    receiptUrl: "https://pay.stripe.com/receipts/payment/CAcaFwoVYWNjdF8xU2swWjlMa2RJd0h1N2l4",
  },
  "charge.refunded": { type: "payment.refunded", paymentIds: charged, amountRefunded: 400 },
  "refund.created": refund,
  "refund.created.pending": noted("refund.created: no money returned"),
  "refund.updated": refund,
  "charge.refund.updated.failed": noted("charge.refund.updated: no money returned"),
  "charge.dispute.created": dispute,
  "charge.dispute.created.inquiry": noted("charge.dispute.created: inquiry"),
  "charge.dispute.updated": dispute,
  "charge.dispute.closed.inquiry": { ...dispute, disputeId: "du_1Sq9RtLkdIwHu7ixMb4gTz7L", status: "won" },
  "charge.dispute.closed.won": { ...dispute, status: "won" },
  "charge.dispute.closed.lost": { ...dispute, status: "lost" },
  "charge.dispute.funds_withdrawn": dispute,
  "charge.dispute.funds_withdrawn.inquiry": { ...dispute, disputeId: "du_1Sq9RtLkdIwHu7ixMb4gTz7L" },
  "charge.dispute.funds_reinstated": { ...dispute, status: "won" },
  "radar.early_fraud_warning.created": { type: "fraud.warned", paymentIds: charged },
  "customer.created": null,
};

describe("a Stripe event", () => {
  it("has an expectation for each fixture", () => {
    expect(fixtureNames.length).toBeGreaterThan(25);
    expect(Object.keys(meanings).sort()).toEqual([...fixtureNames].sort());
  });

  it.each(fixtureNames)("%s means what the table says, through a signed message", async (name) => {
    const event = fixture(name);
    const said = {
      provider: "stripe",
      eventId: event.id,
      occurredAt: new Date(event.created * 1000),
    };
    const meaning = meanings[name] ?? null;
    const answer = await stripeProvider(options).readEvent(signed(JSON.stringify(event)));
    expect(answer).toEqual(meaning && { ...said, ...meaning });
  });

  it.each(fixtureNames)("%s without any one of its fields makes sense, or is INVALID_WEBHOOK", (name) => {
    const { object } = fixture(name).data;
    for (const field of Object.keys(object)) {
      for (const nonsense of [undefined, null, "", 7.5, -1, [], {}, { data: 1 }, { data: [null] }]) {
        try {
          read(changed(name, { [field]: nonsense }));
        } catch (error) {
          expect(error).toMatchObject({ code: "INVALID_WEBHOOK" });
        }
      }
    }
  });
});

describe("a checkout", () => {
  const name = "checkout.session.completed";

  it("is the user's that client_reference_id or metadata names", () => {
    expect(read(changed(name, { metadata: { priceId: "price_hundred" } }))).toMatchObject(purchase);
    expect(read(changed(name, { client_reference_id: null }))).toMatchObject(purchase);
  });

  it("that names two users is refused (rule 15)", () => {
    const two = changed(name, { metadata: { userId: "user_eve", priceId: "price_hundred" } });
    expect(() => read(two)).toThrow(expect.objectContaining({ code: "INVALID_WEBHOOK" }));
  });

  it("says the price that was paid, whatever the metadata says", () => {
    const session = fixture("checkout.session.completed.line-items").data.object;
    const event = changed(name, {
      line_items: session.line_items,
      metadata: { userId: "user_ada", priceId: "price_dear" },
    });
    expect(read(event)).toMatchObject({ priceId: "price_hundred" });
  });

  it("of ours without a price is refused rather than lost", () => {
    expect(() => read(changed(name, { metadata: {} }))).toThrow(
      expect.objectContaining({ code: "INVALID_WEBHOOK", message: expect.stringContaining("price") }),
    );
  });

  it("carries nothing else of its metadata: a huge amount of credits is not even read (rule 15)", () => {
    const metadata = { userId: "user_ada", priceId: "price_hundred", credits: "999999999", amount: "1" };
    expect(read(changed(name, { metadata }))).toEqual(read(fixture(name)));
  });
});

describe("an invoice", () => {
  const lineOf = (name: string) => fixture(name).data.object.lines.data[0];

  it("that a coupon or the customer's balance paid is a paid period", () => {
    expect(read(changed("invoice.paid", { amount_paid: 0 }))).toMatchObject({
      type: "plan.paid",
      amountPaid: 0,
    });
  });

  it("of our subscription at a price nobody configured is told, so that the ledger refuses it by name", () => {
    const line = lineOf("invoice.paid");
    line.pricing.price_details.price = "price_gone";
    const lines = { object: "list", data: [line], has_more: false };
    expect(read(changed("invoice.paid", { lines }))).toMatchObject({
      type: "plan.paid",
      priceId: "price_gone",
    });
    // Somebody else's subscription in the same account.
    const parent = {
      type: "subscription_details",
      subscription_details: { subscription: "sub_other", metadata: {} },
    };
    expect(read(changed("invoice.paid", { lines, parent }))).toBeNull();
  });

  it("does not take what was added by hand for the plan", () => {
    const line = lineOf("invoice.paid.single");
    line.pricing.price_details.price = "price_max";
    const lines = { object: "list", data: [line, lineOf("invoice.paid")], has_more: false };
    expect(read(changed("invoice.paid", { lines }))).toMatchObject({ priceId: "price_pro" });
  });

  it("of a downgrade, which only gives back, pays for nothing", () => {
    const { lines } = fixture("invoice.paid.upgrade").data.object;
    const back = lines.data.filter(({ amount }: { amount: number }) => amount < 0);
    expect(read(changed("invoice.paid.upgrade", { lines: { ...lines, data: back } }))).toBeNull();
  });
});

describe("a subscription", () => {
  const name = "customer.subscription.updated";

  it("that ends in a later period does not end with this one", () => {
    const later = Math.floor(end.getTime() / 1000) + 86_400;
    expect(read(changed(name, { cancel_at: later }))).toMatchObject({ cancelsAtPeriodEnd: false });
    expect(read(changed(name, { cancel_at_period_end: true }))).toMatchObject({ cancelsAtPeriodEnd: true });
  });

  it("that is over stays over, whether or not its collection was paused", () => {
    const paused = { pause_collection: { behavior: "void", resumes_at: null } };
    for (const status of ["canceled", "unpaid", "incomplete_expired"])
      expect(read(changed(name, { ...paused, status }))).toMatchObject({ status });
  });

  it("that was canceled for a dispute is paid no longer", () => {
    const reason = { cancellation_details: { comment: null, feedback: null, reason: "payment_disputed" } };
    expect(read(changed("customer.subscription.deleted", reason))).toMatchObject({
      currentPeriodEnd: middle,
    });
  });

  it("in a state that nobody knows is refused, not guessed", () => {
    expect(() => read(changed(name, { status: "dormant" }))).toThrow(
      expect.objectContaining({ code: "INVALID_WEBHOOK" }),
    );
  });
});

describe("a charge that succeeded", () => {
  it("says nothing where it is not of our checkout, or has no receipt", () => {
    expect(read(changed("charge.succeeded", { metadata: {} }))).toBeNull();
    expect(read(changed("charge.succeeded", { receipt_url: null }))).toBeNull();
    expect(read(changed("charge.succeeded", { receipt_url: "javascript:alert(1)" }))).toBeNull();
  });
});

describe("a payment without a payment intent", () => {
  it("is known by its charge", () => {
    expect(read(changed("charge.refunded", { payment_intent: null }))).toMatchObject({
      paymentIds: [chargeId],
    });
    expect(read(changed("charge.dispute.created", { payment_intent: null }))).toMatchObject({
      paymentIds: [chargeId],
    });
  });
});
