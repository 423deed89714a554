import { expect, it } from "vitest";
import { readCreemEvent } from "../src/adapters/creem-event.ts";
import { readStripeEvent } from "../src/adapters/stripe-event.ts";
import { Field } from "../src/adapters/stripe-message.ts";
import { type CreditsConfig, defaultCreditsConfig, resolveConfig } from "../src/core/config.ts";
import type { Credits } from "../src/core/operations.ts";
import type { PaymentEvent } from "../src/core/payment-event.ts";
import { CreemStory } from "./creem-story.ts";
import { describeLedger, newUser } from "./ledger.ts";
import { StripeStory } from "./stripe-story.ts";

const config: CreditsConfig = {
  ...defaultCreditsConfig,
  subscription: {
    ...defaultCreditsConfig.subscription,
    team: { id: "team", enabled: true, monthlyGrant: 500, validityDays: 30 },
  },
  planPrices: [
    { priceId: "price_pro", planId: "pro", interval: "month", amount: 19, currency: "USD" },
    { priceId: "price_team", planId: "team", interval: "month", amount: 49, currency: "USD" },
  ],
};

/** Fewer where all calls go through one connection anyway. */
const seedsOf = { PostgreSQL: 50, PGlite: 10 };
const deliveries = 5;
const atOnce = 8;

const minute = (n: number) => new Date(Date.UTC(2026, 0, 15, 9, n));
const periodEnd = new Date(Date.UTC(2026, 1, 15, 9, 0));

/** What a provider tells of one customer, in the order in which it happened. */
function storyOf(userId: string): PaymentEvent[] {
  let count = 0;
  const said = (n: number) => ({
    provider: "stripe",
    eventId: `evt_${++count}_${userId}`,
    occurredAt: minute(n),
  });
  const customerId = `cus_${userId}`;
  const subscriptionId = `sub_${userId}`;
  const names = (name: string) => [`pi_${name}_${userId}`, `ch_${name}_${userId}`] as [string, string];
  const bought = (n: number, name: string, priceId: string): PaymentEvent => ({
    ...said(n),
    type: "purchase.paid",
    userId,
    customerId,
    paymentIds: names(name),
    priceId,
    amountPaid: 1000,
    currency: "usd",
  });
  const state = (n: number, priceId: string, status: "active" | "incomplete" | "past_due"): PaymentEvent => ({
    ...said(n),
    type: "subscription.changed",
    customerId,
    subscriptionId,
    priceId,
    status,
    anchor: minute(10),
    currentPeriodEnd: periodEnd,
  });
  const invoice = (n: number, name: string, priceId: string): PaymentEvent => ({
    ...said(n),
    type: "plan.paid",
    customerId,
    subscriptionId,
    paymentIds: [`in_${name}_${userId}`],
    priceId,
    periodStart: minute(n),
    periodEnd,
    isMidPeriod: n > 10,
    amountPaid: 1900,
    currency: "usd",
  });
  const refunded = (n: number, name: string, amountRefunded: number): PaymentEvent => ({
    ...said(n),
    type: "payment.refunded",
    paymentIds: [`ch_${name}_${userId}`],
    amountRefunded,
  });
  const refund = (n: number, name: string, id: string, amount: number): PaymentEvent => ({
    ...said(n),
    type: "payment.refunded",
    paymentIds: [`pi_${name}_${userId}`],
    refund: { id: `${id}_${userId}`, amount },
  });
  const dispute = (
    n: number,
    name: string,
    status: "open" | "won" | "lost",
    amount = 1000,
  ): PaymentEvent => ({
    ...said(n),
    type: "dispute.changed",
    paymentIds: [`pi_${name}_${userId}`],
    disputeId: `dp_${name}_${userId}`,
    amount,
    status,
  });
  return [
    bought(0, "one", "price_credits_lite"),
    // The same payment, told by another message.
    bought(1, "one", "price_credits_lite"),
    refunded(2, "one", 250),
    refund(2, "one", "re_1", 250),
    bought(3, "two", "price_credits_standard"),
    dispute(4, "two", "open"),
    dispute(5, "two", "won"),
    bought(6, "three", "price_credits_pro"),
    refund(7, "three", "re_2", 300),
    dispute(8, "three", "open", 700),
    dispute(9, "three", "lost", 700),
    {
      ...said(10),
      type: "checkout.completed",
      userId,
      customerId,
      subscriptionId,
    },
    state(10, "price_pro", "incomplete"),
    state(11, "price_pro", "active"),
    invoice(10, "first", "price_pro"),
    state(20, "price_team", "active"),
    invoice(20, "second", "price_team"),
    state(21, "price_team", "past_due"),
    state(22, "price_team", "active"),
    { ...said(23), type: "payment.linked", paymentIds: [`in_second_${userId}`, `pi_second_${userId}`] },
    refund(24, "second", "re_3", 950),
    { ...said(25), type: "noted", what: "checkout.session.expired" },
  ];
}

/** Repeatable: a test that failed fails again. */
function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  let state = seed * 2_654_435_761 + 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other] as Item, result[last] as Item];
  }
  return result;
}

/** Where the books stand, whatever way they took: names that differ from user to user are left out. */
async function booksOf(credits: Credits, userId: string) {
  const { availableCredits, debt } = await credits.getInfo({ userId });
  const wallet = await credits.getWallet({ userId });
  const payments = await credits.getPayments({ userId });
  const subscription = await credits.getSubscription({ userId });
  // What a period got may be one batch or two, as its invoices came: what is left, by when it expires, is the same.
  const left: Record<string, number> = {};
  for (const { remaining, expiresAt } of wallet?.batches ?? []) {
    const day = expiresAt?.toISOString() ?? "never";
    left[day] = (left[day] ?? 0) + remaining;
  }
  return {
    availableCredits,
    debt,
    left,
    payments: payments.map(({ paymentId: _, userId: __, ...payment }) => payment),
    subscription: subscription && { ...subscription, subscriptionId: null },
  };
}

const resolved = resolveConfig(config);
const meant = (events: (PaymentEvent | null)[]) => events.filter((event) => event !== null);
const stripe = (shape: "basil" | "acacia") => (userId: string) =>
  meant(
    new StripeStory(userId, shape)
      .events()
      .map((event) => readStripeEvent(resolved, new Field(event, "event"))),
  );
const creem = (userId: string) =>
  meant(new CreemStory(userId).events().map((event) => readCreemEvent({ ...event }, resolved)));

/** What is left of two packages and a period of a plan, in closed form. */
const stories: [name: string, storyOf: (userId: string) => PaymentEvent[], availableCredits: number][] = [
  // lite 110 − a quarter · standard 550 · pro 1 700, all gone · the plan 500, of which half of its second invoice's 300.
  ["the library's words", storyOf, 110 - 27 + 550 + (500 - 150)],
  // lite 110 − a third · standard 550 − a third · pro 1 700, whose dispute was won · the plan 500 − half of its first invoice's 200.
  ["Stripe's events since 2025-03-31", stripe("basil"), 110 - 36 + (550 - 183) + 1700 + (500 - 100)],
  ["Stripe's events before", stripe("acacia"), 110 - 36 + (550 - 183) + 1700 + (500 - 100)],
  // lite 110 − a third · standard, disputed · the plan 200 − half.
  ["Creem's events", creem, 110 - 36 + (200 - 100)],
];

it("has at least 40 events of both providers", () => {
  const events = [...new StripeStory("x").events(), ...new CreemStory("x").events()];
  expect(events.length).toBeGreaterThanOrEqual(40);
});

describeLedger("what a provider tells", (ledger) => {
  it.each(stories)(
    `leads to the same books in %s, each message ${deliveries} times, shuffled, ${atOnce} at once`,
    async (_name, storyOf, availableCredits) => {
      const credits = ledger().with(config);
      ledger().clock.set(minute(40));
      const calm = newUser();
      for (const event of storyOf(calm)) await credits.applyPaymentEvent(event);
      const expected = await booksOf(credits, calm);
      expect(expected.availableCredits).toBe(availableCredits);
      for (let seed = 1; seed <= seedsOf[ledger().engine]; seed++) {
        const userId = newUser();
        const messages = shuffled(Array(deliveries).fill(storyOf(userId)).flat() as PaymentEvent[], seed);
        const left = [...messages];
        const take = async () => {
          for (let event = left.shift(); event !== undefined; event = left.shift())
            await credits.applyPaymentEvent(event);
        };
        await Promise.all(Array.from({ length: atOnce }, take));
        expect({ seed, ...(await booksOf(credits, userId)) }).toEqual({ seed, ...expected });
      }
      expect(await credits.getPaymentEvents({ status: "parked" })).toEqual([]);
      expect(await credits.getPaymentEvents({ status: "failed" })).toEqual([]);
      expect(await credits.audit()).toEqual({ ok: true, violations: [] });
    },
    600_000,
  );
});
