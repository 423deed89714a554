import { afterEach, beforeEach, expect, it } from "vitest";
import { stripeProvider } from "../src/adapters/stripe.ts";
import type { Credits } from "../src/core/operations.ts";
import { type Ledger, openPgliteLedger } from "./ledger.ts";
import { config, fixture, fixtureNames, options, signed } from "./stripe.ts";

let ledger: Ledger;
let credits: Credits;
// The messages are all of one user, so each story has books of its own.
beforeEach(async () => {
  ledger = await openPgliteLedger();
  credits = ledger.with({ ...config, limitations: {} });
});
afterEach(() => ledger.close());

async function take(name: string) {
  const provider = stripeProvider({ ...options, books: credits, config: credits.config });
  const event = fixture(name);
  // Stripe's clock and the ledger's go together.
  ledger.clock.set(new Date(event.created * 1000));
  const meaning = await provider.readEvent(signed(JSON.stringify(event)));
  return meaning && (await credits.applyPaymentEvent(meaning)).outcome;
}

it("Stripe's messages of one user make the books they should", async () => {
  const balance = async () => (await credits.getInfo({ userId: "user_ada" })).availableCredits;

  expect(await take("checkout.session.completed")).toBe("applied");
  expect(await balance()).toBe(100);
  // Its receipt is told of by its charge.
  expect(await take("charge.succeeded")).toBe("applied");
  expect(await credits.getPayments({ userId: "user_ada" })).toMatchObject([
    { receiptUrl: expect.stringContaining("https://pay.stripe.com/receipts/") },
  ]);
  // The same payment, told again by another message.
  expect(await take("checkout.session.async_payment_succeeded")).toBe("applied");
  expect(await balance()).toBe(100);

  expect(await take("customer.subscription.created")).toBe("applied");
  expect(await take("invoice.paid")).toBe("applied");
  expect(await balance()).toBe(300);
  expect(await take("customer.subscription.updated")).toBe("applied");
  expect(await take("invoice_payment.paid")).toBe("applied");
  // From 200 a month to 500 a month, within the month (rule 18).
  expect(await take("invoice.paid.upgrade")).toBe("applied");
  expect(await balance()).toBe(600);

  // 4 of 10 dollars, told as a refund and as the charge's total.
  expect(await take("refund.created")).toBe("applied");
  expect(await take("charge.refunded")).toBe("applied");
  expect(await balance()).toBe(560);

  expect(await take("charge.dispute.created.inquiry")).toBe("ignored");
  expect(await balance()).toBe(560);
  expect(await take("charge.dispute.created")).toBe("applied");
  expect(await balance()).toBe(500);
  expect(await take("charge.dispute.closed.won")).toBe("applied");
  expect(await balance()).toBe(560);
});

it("a trial's invoice brings its credits at once, and the job nothing more (rule 17)", async () => {
  expect(await take("customer.subscription.created.trial")).toBe("applied");
  expect(await take("invoice.paid.trial")).toBe("applied");
  await credits.processDailyGrant();
  expect((await credits.getInfo({ userId: "user_ada" })).availableCredits).toBe(200);
  expect(await credits.getPayments({ userId: "user_ada" })).toMatchObject([{ amountPaid: 0, credits: 200 }]);
});

it("a plan that was canceled for want of payment grants nothing for the month that nobody paid (rule 17)", async () => {
  await take("customer.subscription.updated");
  await take("invoice.paid");
  await take("customer.subscription.deleted.unpaid");
  await credits.processDailyGrant();
  const { items } = await credits.getTransactions({ userId: "user_ada" });
  expect(items.filter(({ sourcePlan }) => sourcePlan === "pro")).toHaveLength(1);
});

it("the ledger takes each of Stripe's messages, or waits with it", async () => {
  const inOrder = fixtureNames.toSorted((one, other) => fixture(one).created - fixture(other).created);
  for (const name of inOrder) {
    expect(["applied", "replayed", "ignored", null], name).toContain(await take(name));
  }
  expect(await credits.audit()).toEqual({ ok: true, violations: [] });
});
