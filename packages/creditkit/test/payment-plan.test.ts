import { expect, it } from "vitest";
import { type CreditsConfig, defaultCreditsConfig } from "../src/core/config.ts";
import type { PaymentEvent, SubscriptionChanged } from "../src/core/payment-event.ts";
import { describeLedger, newUser } from "./ledger.ts";
import { dayMs, periodStart } from "./model.ts";

const config: CreditsConfig = {
  ...defaultCreditsConfig,
  subscription: {
    ...defaultCreditsConfig.subscription,
    team: { id: "team", enabled: true, monthlyGrant: 500, validityDays: 30 },
  },
  planPrices: [
    { priceId: "price_pro", planId: "pro", interval: "month", amount: 19, currency: "USD" },
    { priceId: "price_pro_year", planId: "pro", interval: "year", amount: 190, currency: "USD" },
    { priceId: "price_team", planId: "team", interval: "month", amount: 49, currency: "USD" },
  ],
};

let nextEvent = 0;

/** One customer's subscription, as a provider tells of it. */
class Story {
  readonly userId = newUser();
  readonly subscriptionId: string;
  private readonly customerId: string;

  constructor(name = "sub") {
    this.subscriptionId = `${name}_${this.userId}`;
    this.customerId = `cus_${this.userId}`;
  }

  private said(at: Date) {
    return {
      provider: "stripe",
      eventId: `evt_plan_${++nextEvent}`,
      occurredAt: at,
      customerId: this.customerId,
      subscriptionId: this.subscriptionId,
    };
  }

  changed(at: Date, change: Partial<SubscriptionChanged> = {}): PaymentEvent {
    return {
      ...this.said(at),
      type: "subscription.changed",
      userId: this.userId,
      priceId: "price_pro",
      status: "active",
      anchor: at,
      currentPeriodEnd: new Date(periodStart(at.getTime(), 1)),
      ...change,
    };
  }

  paid(
    at: Date,
    {
      priceId = "price_pro",
      start = at,
      end = new Date(periodStart(at.getTime(), 1)),
      isMidPeriod = false,
    } = {},
  ): PaymentEvent {
    return {
      ...this.said(at),
      type: "plan.paid",
      paymentIds: [`in_${nextEvent}_${this.userId}`],
      priceId,
      periodStart: start,
      periodEnd: end,
      amountPaid: 1900,
      currency: "usd",
      isMidPeriod,
    };
  }
}

const utc = (text: string) => new Date(`${text}T09:00:00.000Z`);

describeLedger("payments of a plan", (ledger) => {
  const credits = () => ledger().with(config);
  const apply = (event: PaymentEvent) => credits().applyPaymentEvent(event);
  const available = async (userId: string) => (await credits().getInfo({ userId })).availableCredits;
  const grants = async (userId: string) =>
    (await credits().getTransactions({ userId, pageSize: 100 })).items
      .filter(({ type }) => type === "monthly_grant")
      .map(({ amount }) => amount)
      .reverse();
  const clean = async () => expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  const now = (at: Date) => ledger().clock.set(at);

  it("grant the period that begins with each invoice, once, and record the plan", async () => {
    const story = new Story();
    const start = utc("2026-01-20");
    now(start);
    await apply(story.changed(start));
    const invoice = story.paid(start);
    await apply(invoice);
    await apply(invoice);
    expect(await grants(story.userId)).toEqual([200]);
    expect(await credits().getSubscription({ userId: story.userId })).toMatchObject({
      planId: "pro",
      status: "active",
      interval: "month",
      currentPeriodEnd: utc("2026-02-20"),
      provider: "stripe",
    });
    expect(await credits().getPayments({ userId: story.userId })).toMatchObject([
      { kind: "plan", priceId: "price_pro", credits: 200 },
    ]);
    now(utc("2026-02-20"));
    await apply(story.paid(utc("2026-02-20")));
    expect(await grants(story.userId)).toEqual([200, 200]);
    await clean();
  });

  it("give one grant when the job and the invoice of a period come at once (rule 13)", async () => {
    const story = new Story();
    const start = utc("2026-03-01");
    now(start);
    await apply(story.changed(start));
    await Promise.all([
      apply(story.paid(start)),
      credits().processDailyGrant(),
      credits().processDailyGrant(),
    ]);
    expect(await grants(story.userId)).toEqual([200]);
    await clean();
  });

  it("wait until it is known whose they are", async () => {
    const story = new Story();
    const start = utc("2026-03-02");
    now(start);
    const invoice = story.paid(start);
    expect(await apply(invoice)).toMatchObject({ outcome: "ignored", waitsFor: expect.any(Array) });
    await apply({
      type: "checkout.completed",
      provider: "stripe",
      eventId: `evt_checkout_${story.userId}`,
      occurredAt: start,
      userId: story.userId,
      customerId: `cus_${story.userId}`,
      subscriptionId: story.subscriptionId,
    });
    expect(await grants(story.userId)).toEqual([200]);
    expect(await credits().getCustomer({ userId: story.userId, provider: "stripe" })).toBe(
      `cus_${story.userId}`,
    );
  });

  it("grant only the difference in a change of plan, A→B→A→B, each message five times (rule 18)", async () => {
    const story = new Story();
    const start = utc("2026-03-03");
    const minute = (n: number) => new Date(start.getTime() + n * 60_000);
    now(minute(10));
    const end = new Date(periodStart(start.getTime(), 1));
    const state = (n: number, priceId: string) =>
      story.changed(minute(n), { priceId, anchor: start, currentPeriodEnd: end });
    const invoice = (n: number, priceId: string) =>
      story.paid(minute(n), { priceId, start: minute(n), end, isMidPeriod: true });
    const events = [
      state(0, "price_pro"),
      story.paid(start, { end }),
      state(1, "price_team"),
      invoice(1, "price_team"),
      state(2, "price_pro"),
      state(3, "price_team"),
      invoice(3, "price_team"),
    ];
    for (const event of events) for (let time = 0; time < 5; time++) await apply(event);
    expect(await grants(story.userId)).toEqual([200, 300]);
    await credits().processDailyGrant();
    expect(await available(story.userId)).toBe(500);
    expect(await credits().getSubscription({ userId: story.userId })).toMatchObject({ planId: "team" });
    await clean();
  });

  it("keep the plan until the end of the period when it is canceled, and grant nothing after (rule 17)", async () => {
    const story = new Story();
    const start = utc("2026-03-04");
    now(start);
    await apply(story.changed(start));
    await apply(story.paid(start));
    const end = utc("2026-04-04");
    await apply(
      story.changed(utc("2026-03-10"), { anchor: start, currentPeriodEnd: end, cancelsAtPeriodEnd: true }),
    );
    expect(await credits().getSubscription({ userId: story.userId })).toMatchObject({
      status: "active",
      cancelsAtPeriodEnd: true,
    });
    now(end);
    await apply(story.changed(end, { status: "canceled", anchor: start, currentPeriodEnd: end }));
    await credits().processDailyGrant();
    expect(await credits().getSubscription({ userId: story.userId })).toBeNull();
    // The free plan's month, and nothing of the paid one.
    expect((await grants(story.userId)).filter((amount) => amount === 200)).toEqual([200]);
  });

  it("grant nothing while an invoice is past due, and its period once it is paid", async () => {
    const story = new Story();
    const start = utc("2026-05-05");
    now(start);
    await apply(story.changed(start));
    await apply(story.paid(start));
    const renewal = utc("2026-06-05");
    const end = utc("2026-07-05");
    now(renewal);
    const late = story.changed(renewal, { status: "past_due", anchor: start, currentPeriodEnd: end });
    await apply(late);
    await credits().processDailyGrant();
    expect(await grants(story.userId)).toEqual([200]);
    const paid = new Date(renewal.getTime() + 3 * dayMs);
    now(paid);
    await apply({ ...story.paid(paid, { start: renewal, end }) });
    expect(await grants(story.userId)).toEqual([200, 200]);
    expect(await credits().getSubscription({ userId: story.userId })).toMatchObject({ status: "active" });
    // The message of before comes again under another id.
    await apply({ ...late, eventId: `${late.eventId}-again` });
    expect(await credits().getSubscription({ userId: story.userId })).toMatchObject({ status: "active" });
    await clean();
  });

  it("go from a trial to the paid plan", async () => {
    const story = new Story();
    const start = utc("2026-08-06");
    const trialEnd = utc("2026-08-13");
    now(start);
    await apply(story.changed(start, { status: "trialing", currentPeriodEnd: trialEnd }));
    await credits().processDailyGrant();
    expect(await grants(story.userId)).toEqual([200]);
    now(trialEnd);
    await apply(story.changed(trialEnd));
    await apply(story.paid(trialEnd));
    // The trial and the first paid period begin in one month: together they get what the month gives.
    expect(await grants(story.userId)).toEqual([200]);
    now(utc("2026-09-13"));
    await apply(story.paid(utc("2026-09-13")));
    expect(await grants(story.userId)).toEqual([200, 200]);
  });

  it("pay a year and grant monthly, twelve times (rule 16)", async () => {
    const story = new Story();
    const start = utc("2027-01-31");
    now(start);
    const end = utc("2028-01-31");
    await apply(story.changed(start, { priceId: "price_pro_year", currentPeriodEnd: end }));
    await apply(story.paid(start, { priceId: "price_pro_year", end }));
    for (let month = 0; month < 14; month++) {
      now(new Date(periodStart(start.getTime(), month) + 60_000));
      await credits().processDailyGrant();
    }
    expect(await grants(story.userId)).toEqual(Array(12).fill(200));
  });

  it("renew on the 31st through a leap year, each period once (rule 16)", async () => {
    const story = new Story();
    const start = utc("2027-10-31");
    now(start);
    await apply(story.changed(start));
    const starts: string[] = [];
    for (let month = 0; month < 8; month++) {
      const renewal = new Date(periodStart(start.getTime(), month));
      starts.push(renewal.toISOString().slice(0, 10));
      now(renewal);
      const end = new Date(periodStart(start.getTime(), month + 1));
      await apply(story.changed(renewal, { anchor: start, currentPeriodEnd: end }));
      await apply(story.paid(renewal, { end }));
      await credits().processDailyGrant();
    }
    expect(starts.slice(2, 6)).toEqual(["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]);
    expect(await grants(story.userId)).toEqual(Array(8).fill(200));
    await clean();
  });

  it("leave a newer subscription alone when the end of an old one is told late", async () => {
    const old = new Story("old");
    const start = utc("2029-01-10");
    now(start);
    await apply(old.changed(start));
    await apply(old.paid(start));
    const again = utc("2029-02-01");
    now(again);
    const newer = { subscriptionId: `new_${old.userId}` };
    await apply({ ...old.changed(again, newer) });
    await apply({ ...old.paid(again), ...newer } as PaymentEvent);
    await apply(
      old.changed(utc("2029-01-20"), {
        status: "canceled",
        anchor: start,
        currentPeriodEnd: utc("2029-01-20"),
      }),
    );
    expect(await credits().getSubscription({ userId: old.userId })).toMatchObject({
      subscriptionId: newer.subscriptionId,
      status: "active",
    });
    await credits().processDailyGrant();
    expect(await grants(old.userId)).toEqual([200, 200]);
  });

  it("ignore a state that is older than the one they have, and a plan that is not sold", async () => {
    const story = new Story();
    const start = utc("2029-03-10");
    now(start);
    await apply(
      story.changed(utc("2029-03-12"), {
        status: "canceled",
        anchor: start,
        currentPeriodEnd: utc("2029-04-10"),
      }),
    );
    expect(await apply(story.changed(utc("2029-03-11"), { anchor: start }))).toMatchObject({
      outcome: "ignored",
    });
    expect(await credits().getSubscription({ userId: story.userId })).toMatchObject({ status: "canceled" });
    expect(await apply(new Story().changed(start, { priceId: "price_other" }))).toMatchObject({
      outcome: "ignored",
    });
  });

  it("take a refunded invoice's credits back", async () => {
    const story = new Story();
    const start = utc("2029-05-10");
    now(start);
    await apply(story.changed(start));
    const invoice = story.paid(start);
    await apply(invoice);
    const [{ paymentId = "" } = {}] = await credits().getPayments({ userId: story.userId });
    await apply({
      type: "payment.refunded",
      provider: "stripe",
      eventId: `evt_refund_${story.userId}`,
      occurredAt: start,
      paymentIds: [paymentId],
      amountRefunded: 950,
    });
    expect(await available(story.userId)).toBe(100);
    await clean();
  });
});
