import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CreditsConfig, defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import type { PaymentEvent } from "../src/core/payment-event.ts";
import { type Ledger, losingAnswers, newUser, openPostgresLedger } from "./ledger.ts";
import type { PayerOrder, PayerReport } from "./programs/payer.ts";
import { startProgram } from "./programs/program.ts";

const config: CreditsConfig = {
  ...defaultCreditsConfig,
  planPrices: [{ priceId: "price_pro", planId: "pro", interval: "month", amount: 19, currency: "USD" }],
};

/** A purchase, a plan that begins and its renewal. */
function eventsOf(userId: string): PaymentEvent[] {
  const start = new Date();
  const renewal = new Date(start.getTime() + 1000);
  const end = new Date(start.getTime() + 30 * 24 * 60 * 60 * 1000);
  const said = (id: string) => ({ provider: "stripe", eventId: `${id}-${userId}`, occurredAt: start });
  const plan = { subscriptionId: `sub-${userId}`, customerId: `cus-${userId}`, priceId: "price_pro" };
  const paid = { amountPaid: 1900, currency: "usd" };
  return [
    {
      ...said("purchase"),
      type: "purchase.paid",
      userId,
      paymentIds: [`pi-${userId}`],
      priceId: "price_credits_lite",
      ...paid,
    },
    {
      ...said("state"),
      type: "subscription.changed",
      userId,
      ...plan,
      status: "active",
      anchor: start,
      currentPeriodEnd: end,
    },
    {
      ...said("invoice"),
      type: "plan.paid",
      ...plan,
      paymentIds: [`in-1-${userId}`],
      periodStart: start,
      periodEnd: renewal,
      ...paid,
    },
    {
      ...said("renewal"),
      type: "plan.paid",
      ...plan,
      paymentIds: [`in-2-${userId}`],
      periodStart: new Date(start.getTime() + 31 * 24 * 60 * 60 * 1000),
      periodEnd: end,
      ...paid,
    },
    { ...said("refund"), type: "payment.refunded", paymentIds: [`pi-${userId}`], amountRefunded: 950 },
  ];
}

describe("taking in what a payment provider tells (rule 30)", () => {
  let ledger: Ledger & { url: string };
  beforeAll(async () => {
    ledger = await openPostgresLedger();
  });
  afterAll(() => ledger.close());

  const credits = () => createCredits({ database: ledger.database, config });
  const books = async (userId: string) => {
    const { availableCredits, debt } = await credits().getInfo({ userId });
    const { items } = await credits().getTransactions({ userId });
    return { availableCredits, debt, history: items.map(({ type, amount }) => [type, amount]) };
  };

  it("acts once whichever statement kill -9 hits, and is told again", async () => {
    const run = async (order: Pick<PayerOrder, "events" | "statement" | "when">) => {
      const payer = await startProgram<PayerOrder, PayerReport>("payer");
      payer.send({ url: ledger.url, config, ...order });
      return payer;
    };
    const calm = newUser();
    const whole = await run({ events: JSON.stringify(eventsOf(calm)) });
    const { statements } = await whole.next();
    await whole.kill();
    // The check of the installation, and one for each event.
    expect(statements).toBe(6);
    const expected = await books(calm);
    expect(expected.history).toHaveLength(4);

    for (let statement = 0; statement < statements; statement++) {
      for (const when of ["before", "during", "after"] as const) {
        const userId = newUser();
        const events = eventsOf(userId);
        const payer = await run({ events: JSON.stringify(events), statement, when });
        await payer.ended();
        // What the process had sent may still be running on the server.
        for (let isAlive = true; isAlive; ) {
          const backends = await ledger.sql(
            "select from pg_stat_activity where datname = current_database() and application_name = 'creditkit test payer'",
          );
          isAlive = backends.length > 0;
        }
        for (const event of events) await credits().applyPaymentEvent(event);
        expect({ statement, when, ...(await books(userId)) }).toEqual({ statement, when, ...expected });
      }
    }
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  }, 300_000);

  it("answers what it did when the answer got lost, and not that it was done before (rule 29)", async () => {
    const userId = newUser();
    const [purchase] = eventsOf(userId);
    if (purchase === undefined) throw new Error("There is no purchase");
    const unlucky = createCredits({ database: losingAnswers(ledger.database, 1), config });
    expect(await unlucky.applyPaymentEvent(purchase)).toMatchObject({ outcome: "applied" });
    expect(await unlucky.applyPaymentEvent(purchase)).toMatchObject({ outcome: "replayed" });
    expect((await books(userId)).history).toEqual([["purchase", 110]]);
  });
});
