import "server-only";
import { randomUUID } from "node:crypto";
import { type Credits, CreditsError, type PaymentEvent, type PaymentProvider } from "creditkit";
import { z } from "zod";
import { creditsConfig } from "@/config/credits";
import { readEnvironment } from "@/env";
import { isSigned, isSignedLately, sign, signWithTime } from "@/payments/demo-signature";

/** What is bought in a checkout: it travels through the browser, signed, so that nothing has to be remembered. */
const orderShape = z.object({
  id: z.string(),
  userId: z.string(),
  priceId: z.string(),
  successUrl: z.string(),
  cancelUrl: z.string(),
});
export type DemoOrder = z.infer<typeof orderShape>;

/** How long a bank takes that pays later. */
const laterMs = 8_000;
const dates = new Set(["occurredAt", "periodStart", "periodEnd", "anchor", "currentPeriodEnd"]);

export interface DemoProvider extends PaymentProvider {
  /** The order of a checkout; null when somebody else made it up. */
  readOrder(token: string): Promise<DemoOrder | null>;
  /** What the buyer decides in the checkout. */
  pay(order: DemoOrder): Promise<void>;
  payLater(order: DemoOrder): Promise<void>;
  fail(order: DemoOrder): Promise<void>;
  /** What happens to payments afterwards. */
  refund(paymentId: string, amountRefunded: number): Promise<void>;
  dispute(paymentId: string, amount: number, status: "open" | "won" | "lost"): Promise<void>;
  renew(userId: string): Promise<void>;
  /** What a user decides in the portal: to end the plan with the period that is paid, or not to. */
  end(userId: string, isEnding: boolean): Promise<void>;
}

/**
 * A payment provider that moves no money: its checkout is a page of this app, and what happens there it tells by signed webhooks over
 * HTTP to this app's own route, as any provider does. So the whole life of a payment can be tried without an account.
 */
export function createDemoProvider(credits: Credits): DemoProvider {
  const said = () => ({ provider: "demo", eventId: `demo_${randomUUID()}`, occurredAt: new Date() });

  const paidEvents = (order: DemoOrder): PaymentEvent[] => {
    const { id, userId, priceId } = order;
    const plan = creditsConfig.planPrices.find((price) => price.priceId === priceId);
    const sold = Object.values(creditsConfig.packages).find((one) => one.priceId === priceId) ?? plan;
    const paid = {
      priceId,
      paymentIds: [`pay_${id}`] as [string],
      amountPaid: Math.round((sold?.amount ?? 0) * 100),
      currency: (sold?.currency ?? "USD").toLowerCase(),
    };
    const whose = { userId, customerId: `customer_${userId}` };
    if (plan === undefined) return [{ ...said(), type: "purchase.paid", ...whose, ...paid }];
    const start = new Date();
    return planEvents(`sub_${id}`, start, afterPeriod(start, plan.interval), whose, paid);
  };

  const planEvents = (
    subscriptionId: string,
    start: Date,
    end: Date,
    whose: { userId: string; customerId: string },
    paid: { priceId: string; paymentIds: [string]; amountPaid: number; currency: string },
  ): PaymentEvent[] => [
    {
      ...said(),
      type: "subscription.changed",
      ...whose,
      subscriptionId,
      priceId: paid.priceId,
      status: "active",
      anchor: start,
      currentPeriodEnd: end,
    },
    { ...said(), type: "plan.paid", ...whose, ...paid, subscriptionId, periodStart: start, periodEnd: end },
  ];

  const tell = async (...events: PaymentEvent[]) => {
    for (const event of events) await post(event);
  };

  return {
    name: "demo",
    readEvent: async ({ body, headers }) => {
      if (!(await isSignedLately("webhook", body, headers.get("demo-signature") ?? "", new Date())))
        throw new CreditsError("INVALID_WEBHOOK", "Invalid webhook: the signature is wrong or too old");
      return JSON.parse(body, (key, value) => (dates.has(key) ? new Date(value) : value));
    },
    createCheckout: async ({ userId, priceId, successUrl, cancelUrl }) => {
      await credits.checkPurchase({ userId, priceId });
      const order: DemoOrder = { id: randomUUID(), userId, priceId, successUrl, cancelUrl };
      const text = Buffer.from(JSON.stringify(order)).toString("base64url");
      return { url: new URL(`/demo-pay?order=${text}.${await sign("order", text)}`, successUrl).href };
    },
    createPortal: async ({ returnUrl }) => ({ url: new URL("/demo-pay/portal", returnUrl).href }),
    readOrder: async (token) => {
      const [text = "", signature = ""] = token.split(".");
      if (!(await isSigned("order", text, signature))) return null;
      const order = orderShape.safeParse(JSON.parse(Buffer.from(text, "base64url").toString()));
      return order.success ? order.data : null;
    },
    pay: (order) => tell(...paidEvents(order)),
    payLater: async (order) => {
      await tell({ ...said(), type: "noted", what: "demo.payment.pending" });
      const timer = setTimeout(() => {
        tell(...paidEvents(order)).catch(() => console.error("[Demo payments] a late payment was lost"));
      }, laterMs);
      timer.unref();
    },
    fail: () => tell({ ...said(), type: "noted", what: "demo.payment.failed" }),
    refund: (paymentId, amountRefunded) =>
      tell({ ...said(), type: "payment.refunded", paymentIds: [paymentId], amountRefunded }),
    dispute: (paymentId, amount, status) =>
      tell({
        ...said(),
        type: "dispute.changed",
        disputeId: `dispute_${paymentId}`,
        paymentIds: [paymentId],
        amount,
        status,
      }),
    end: async (userId, isEnding) => {
      const subscription = await credits.getSubscription({ userId });
      const price = priceOf(subscription);
      if (subscription === null || price === undefined) return;
      const { subscriptionId, anchor, currentPeriodEnd } = subscription;
      await tell({
        ...said(),
        type: "subscription.changed",
        userId,
        subscriptionId,
        priceId: price.priceId,
        status: "active",
        anchor,
        currentPeriodEnd,
        cancelsAtPeriodEnd: isEnding,
      });
    },
    renew: async (userId) => {
      const subscription = await credits.getSubscription({ userId });
      const price = priceOf(subscription);
      if (subscription === null || price === undefined) return;
      const start = subscription.currentPeriodEnd;
      const paid = {
        priceId: price.priceId,
        paymentIds: [`pay_${randomUUID()}`] as [string],
        amountPaid: Math.round(price.amount * 100),
        currency: price.currency.toLowerCase(),
      };
      const whose = { userId, customerId: `customer_${userId}` };
      await tell(
        ...planEvents(subscription.subscriptionId, start, afterPeriod(start, price.interval), whose, paid),
      );
    },
  };
}

function priceOf(subscription: { planId: string; interval: string } | null) {
  return creditsConfig.planPrices.find(
    ({ planId, interval }) => planId === subscription?.planId && interval === subscription.interval,
  );
}

/** Sends a webhook to this app's own route, and sends it again while it is not taken, as providers do. */
async function post(event: PaymentEvent): Promise<void> {
  const body = JSON.stringify(event);
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(`http://127.0.0.1:${readEnvironment().PORT}/api/webhooks/demo`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "demo-signature": await signWithTime("webhook", body, new Date()),
      },
      body,
    });
    if (response.ok) return;
    if (attempt === 3) throw new Error(`The webhook was answered ${response.status}`);
    await new Promise((resolve) => setTimeout(resolve, 200 * attempt));
  }
}

function afterPeriod(start: Date, interval: "month" | "year"): Date {
  const end = new Date(start);
  if (interval === "year") end.setUTCFullYear(end.getUTCFullYear() + 1);
  else end.setUTCMonth(end.getUTCMonth() + 1);
  return end;
}
