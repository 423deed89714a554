import { describe, expect, it } from "vitest";
import { readStripeEvent } from "../src/adapters/stripe-event.ts";
import { defaultCreditsConfig, resolveConfig } from "../src/core/config.ts";
import { type Shape, StripeStory } from "./fixtures/stripe.ts";
import { refusal } from "./ledger.ts";

const config = resolveConfig({
  ...defaultCreditsConfig,
  subscription: {
    ...defaultCreditsConfig.subscription,
    team: { id: "team", enabled: true, monthlyGrant: 500, validityDays: 30 },
  },
  planPrices: [
    { priceId: "price_pro", planId: "pro", interval: "month", amount: 19, currency: "USD" },
    { priceId: "price_team", planId: "team", interval: "month", amount: 49, currency: "USD" },
  ],
});
const at = (minutes: number) => new Date(Date.UTC(2026, 0, 15, 9, minutes));
const read = (event: object) => readStripeEvent(event as Record<string, unknown>, config);

describe.each<[Shape]>([["basil"], ["acacia"]])("an event of Stripe, in the shape of %s,", (shape) => {
  const story = new StripeStory("ada", shape);
  const one = (type: string, object: Record<string, unknown>) => read(story.event(type, object, 3));

  it("says who paid for what", () => {
    expect(one("checkout.session.completed", story.session("one", "price_credits_lite", 999))).toEqual({
      type: "purchase.paid",
      provider: "stripe",
      eventId: expect.stringMatching(/^evt_/),
      occurredAt: at(3),
      userId: "ada",
      customerId: "cus_ada",
      paymentIds: ["pi_one_ada", "cs_test_one_ada"],
      priceId: "price_credits_lite",
      amountPaid: 999,
      currency: "usd",
    });
    const expanded = { line_items: { data: [{ price: { id: "price_credits_max" } }] } };
    expect(
      one("checkout.session.completed", story.session("x", "price_credits_lite", 1, expanded)),
    ).toMatchObject({
      priceId: "price_credits_max",
    });
    const free = { payment_status: "no_payment_required", payment_intent: null };
    expect(
      one("checkout.session.completed", story.session("x", "price_credits_lite", 0, free)),
    ).toMatchObject({
      type: "purchase.paid",
      paymentIds: ["cs_test_x_ada"],
    });
  });

  it("reads no amount of credits, whatever the metadata says (rule 15)", () => {
    const greedy = { metadata: { userId: "ada", priceId: "price_credits_lite", credits: "1000000000" } };
    const event = one("checkout.session.completed", story.session("x", "price_credits_lite", 999, greedy));
    expect(JSON.stringify(event)).not.toContain("1000000000");
  });

  it("is refused when it names two users", async () => {
    const thief = { metadata: { userId: "eve", priceId: "price_credits_lite" } };
    const work = Promise.resolve().then(() =>
      one("checkout.session.completed", story.session("x", "price_credits_lite", 999, thief)),
    );
    expect(await refusal(work)).toMatchObject({ code: "INVALID_WEBHOOK" });
  });

  it("grants nothing for a session that is not paid, and says nothing of one that is not ours", () => {
    const unpaid = story.session("x", "price_credits_lite", 999, { payment_status: "unpaid" });
    expect(one("checkout.session.completed", unpaid)).toMatchObject({ type: "noted" });
    const foreign = { client_reference_id: null, metadata: {} };
    expect(one("checkout.session.completed", story.session("x", "p", 1, foreign))).toBeNull();
    const setup = { mode: "setup" };
    expect(one("checkout.session.completed", story.session("x", "p", 1, setup))).toBeNull();
  });

  it("takes a period from the invoice's line", () => {
    expect(one("invoice.paid", story.invoice("first"))).toMatchObject({
      type: "plan.paid",
      userId: "ada",
      customerId: "cus_ada",
      subscriptionId: "sub_ada",
      paymentIds: shape === "basil" ? ["in_first_ada"] : ["in_first_ada", "pi_first_ada", "ch_first_ada"],
      priceId: "price_pro",
      periodStart: at(0),
      periodEnd: new Date(at(0).getTime() + 31 * 86_400_000),
      isMidPeriod: false,
      amountPaid: 1900,
      receiptUrl: "https://invoice.stripe.com/i/first",
    });
    const change = { priceId: "price_team", amount: 4700, minutes: 30, replaces: "price_pro" };
    expect(one("invoice.paid", story.invoice("change", change))).toMatchObject({
      priceId: "price_team",
      periodStart: at(30),
      isMidPeriod: true,
    });
    expect(one("invoice.paid", story.invoice("other", { priceId: "price_other" }))).toBeNull();
    const single = {
      ...story.invoice("single"),
      parent: null,
      subscription: null,
      subscription_details: null,
    };
    expect(one("invoice.paid", single)).toBeNull();
  });

  it("says which payment paid an invoice", () => {
    expect(one("invoice_payment.paid", story.invoicePayment("first"))).toMatchObject({
      type: "payment.linked",
      paymentIds: ["in_first_ada", "pi_first_ada"],
    });
  });

  it("tells a subscription's state", () => {
    expect(
      one("customer.subscription.updated", story.subscriptionObject("price_pro", "active")),
    ).toMatchObject({
      type: "subscription.changed",
      userId: "ada",
      subscriptionId: "sub_ada",
      priceId: "price_pro",
      status: "active",
      anchor: at(0),
      currentPeriodEnd: new Date(at(0).getTime() + 31 * 86_400_000),
      cancelsAtPeriodEnd: false,
    });
    const status = (type: string, change: Record<string, unknown> = {}) =>
      one(type, story.subscriptionObject("price_pro", "active", change));
    expect(status("customer.subscription.deleted")).toMatchObject({ status: "canceled" });
    expect(status("customer.subscription.paused")).toMatchObject({ status: "paused" });
    expect(status("customer.subscription.updated", { pause_collection: { behavior: "void" } })).toMatchObject(
      {
        status: "paused",
      },
    );
    expect(status("customer.subscription.updated", { cancel_at_period_end: true })).toMatchObject({
      cancelsAtPeriodEnd: true,
    });
    expect(
      one("customer.subscription.updated", story.subscriptionObject("price_other", "active")),
    ).toBeNull();
  });

  it("tells what went back, and what is disputed", () => {
    expect(one("charge.refunded", story.charge("one", 999, 333))).toMatchObject({
      type: "payment.refunded",
      paymentIds: ["pi_one_ada", "ch_one_ada"],
      amountRefunded: 333,
    });
    expect(one("refund.created", story.refund("one", "a", 333))).toMatchObject({
      refund: { id: "re_a_ada", amount: 333 },
    });
    expect(one("refund.created", story.refund("one", "a", 333, "pending"))).toMatchObject({ type: "noted" });
    expect(one("refund.failed", story.refund("one", "a", 333, "failed"))).toMatchObject({ type: "noted" });
    const dispute = (type: string, status: string) =>
      one(`charge.dispute.${type}`, story.dispute("one", 999, status));
    expect(dispute("created", "needs_response")).toMatchObject({
      type: "dispute.changed",
      disputeId: "du_one_ada",
      paymentIds: ["pi_one_ada", "ch_one_ada"],
      amount: 999,
      status: "open",
    });
    expect(dispute("closed", "won")).toMatchObject({ status: "won" });
    expect(dispute("closed", "lost")).toMatchObject({ status: "lost" });
    expect(dispute("funds_reinstated", "under_review")).toMatchObject({ status: "won" });
    // An inquiry moves no money, unless Stripe says that it did.
    expect(dispute("created", "warning_needs_response")).toMatchObject({ type: "noted" });
    expect(dispute("funds_withdrawn", "warning_under_review")).toMatchObject({ status: "open" });
    expect(one("radar.early_fraud_warning.created", story.warning("one"))).toMatchObject({
      type: "fraud.warned",
    });
  });

  it("says nothing of what does not concern credits", () => {
    expect(one("customer.updated", { id: "cus_ada" })).toBeNull();
  });

  it.each([
    ["no object", {}],
    ["no price", { ...story.session("x", "p", 1), metadata: { userId: "ada" } }],
    ["an amount that is none", story.session("x", "p", -1)],
    ["an amount with a fraction", story.session("x", "p", 9.5)],
  ])("is refused with %s", async (_what, object) => {
    const work = Promise.resolve().then(() =>
      read({
        ...story.event("checkout.session.completed", object, 0),
        ...(Object.keys(object).length === 0 ? { data: {} } : {}),
      }),
    );
    expect(await refusal(work)).toMatchObject({ code: "INVALID_WEBHOOK" });
  });
});
