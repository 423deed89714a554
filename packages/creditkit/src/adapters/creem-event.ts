import { findPlanPrice, ownValue, type ResolvedConfig } from "../core/config.ts";
import type { PaymentEvent, SubscriptionChanged } from "../core/payment-event.ts";
import {
  amount,
  idOf,
  invalidWebhook,
  type Json,
  optionalRecord,
  optionalText,
  record,
  text,
} from "../core/webhook-json.ts";

/** What a subscription's events say of it; Creem's own `status` names some of them differently. */
const statuses: Record<string, SubscriptionChanged["status"]> = {
  "subscription.active": "active",
  "subscription.trialing": "trialing",
  "subscription.scheduled_cancel": "active",
  "subscription.canceled": "canceled",
  "subscription.paused": "paused",
  "subscription.past_due": "past_due",
  "subscription.unpaid": "unpaid",
  // The period is over and not paid; Creem goes on trying, and only `canceled` is the end: https://docs.creem.io/code/webhooks
  "subscription.expired": "past_due",
};

const stated: Record<string, SubscriptionChanged["status"]> = {
  active: "active",
  trialing: "trialing",
  scheduled_cancel: "active",
  canceled: "canceled",
  paused: "paused",
  past_due: "past_due",
  unpaid: "unpaid",
  expired: "past_due",
};

/**
 * What a verified event of Creem means for credits; null: nothing. A product is what Stripe calls a price.
 * @throws `INVALID_WEBHOOK` for one that makes no sense.
 */
export function readCreemEvent(event: Json, config: ResolvedConfig): PaymentEvent | null {
  return new CreemEvent(event, record(event.object, "object"), config).read();
}

class CreemEvent {
  private readonly type: string;
  private readonly said: { provider: string; eventId: string; occurredAt: Date };

  constructor(
    event: Json,
    private readonly object: Json,
    private readonly config: ResolvedConfig,
  ) {
    this.type = text(event.eventType, "eventType");
    // It carries no signed time that could grow old: its id is remembered for ever (rule 32).
    this.said = {
      provider: "creem",
      eventId: text(event.id, "id"),
      occurredAt: date(event.created_at, "created_at"),
    };
  }

  read(): PaymentEvent | null {
    switch (this.type) {
      case "checkout.completed":
        return this.checkout();
      case "subscription.paid":
        return this.planPaid();
      case "subscription.update":
        return this.subscription(ownValue(stated, text(this.object.status, "status")));
      case "refund.created":
        return this.refund();
      case "dispute.created":
        return {
          ...this.said,
          type: "dispute.changed",
          disputeId: text(this.object.id, "id"),
          paymentIds: this.paymentIds(),
          amount: amount(this.object.amount, "amount"),
          amountPaid: this.amountPaid(),
          status: "open",
        };
      default:
        return Object.hasOwn(statuses, this.type) ? this.subscription(statuses[this.type]) : null;
    }
  }

  private checkout(): PaymentEvent | null {
    const { object } = this;
    const userId = optionalText(optionalRecord(object.metadata)?.userId);
    // A checkout of something else that this account sells.
    if (userId === undefined) return null;
    const customerId = idOf(object.customer);
    const subscriptionId = idOf(object.subscription);
    const isRecurring = optionalRecord(object.order)?.type === "recurring";
    if (subscriptionId !== undefined || isRecurring)
      return { ...this.said, type: "checkout.completed", userId, customerId, subscriptionId };
    const order = record(object.order, "order");
    if (order.status !== "paid") return { ...this.said, type: "noted", what: this.type };
    const names = [idOf(order.transaction), optionalText(object.id)].flatMap((name) => name ?? []);
    return {
      ...this.said,
      type: "purchase.paid",
      userId,
      customerId: customerId ?? idOf(order.customer),
      paymentIds: [text(order.id, "order.id"), ...names],
      // The product that was paid; nothing in the metadata decides what it is worth (rule 15).
      priceId: idOf(order.product) ?? idOf(object.product) ?? text(undefined, "product"),
      amountPaid: amount(order.amount_paid ?? order.amount, "order.amount"),
      currency: text(order.currency, "order.currency"),
    };
  }

  private planPaid(): PaymentEvent | null {
    const { object } = this;
    const product = optionalRecord(object.product);
    const last = optionalRecord(object.last_transaction);
    const priceId = idOf(object.product);
    if (priceId === undefined || findPlanPrice(this.config, priceId) === undefined) return null;
    return {
      ...this.said,
      type: "plan.paid",
      ...this.whose(),
      subscriptionId: text(object.id, "id"),
      paymentIds: [text(object.last_transaction_id, "last_transaction_id")],
      priceId,
      periodStart: date(object.current_period_start_date, "current_period_start_date"),
      periodEnd: date(object.current_period_end_date, "current_period_end_date"),
      // The product's price is before tax: then a refund's transaction says what was paid with it.
      amountPaid: amount(last?.amount_paid ?? product?.price ?? 0, "product.price"),
      currency: text(product?.currency, "product.currency"),
    };
  }

  private subscription(status: SubscriptionChanged["status"] | undefined): PaymentEvent | null {
    const { object } = this;
    const priceId = idOf(object.product);
    const plan = priceId === undefined ? undefined : findPlanPrice(this.config, priceId);
    if (priceId === undefined || plan === undefined) return null;
    if (status === undefined) throw invalidWebhook(`status ${String(object.status)}`);
    const start = date(object.current_period_start_date ?? object.created_at, "created_at");
    return {
      ...this.said,
      type: "subscription.changed",
      ...this.whose(),
      subscriptionId: text(object.id, "id"),
      priceId,
      status,
      // A later period's start is a renewal of the first one's: the ledger keeps that (rule 16).
      anchor: start,
      currentPeriodEnd:
        object.current_period_end_date === undefined || object.current_period_end_date === null
          ? afterPeriod(start, plan.interval)
          : date(object.current_period_end_date, "current_period_end_date"),
      cancelsAtPeriodEnd:
        this.type === "subscription.scheduled_cancel" || object.status === "scheduled_cancel",
    };
  }

  private refund(): PaymentEvent {
    const { object } = this;
    if (object.status !== "succeeded") return { ...this.said, type: "noted", what: this.type };
    return {
      ...this.said,
      type: "payment.refunded",
      paymentIds: this.paymentIds(),
      amountPaid: this.amountPaid(),
      refund: { id: text(object.id, "id"), amount: amount(object.refund_amount, "refund_amount") },
    };
  }

  /** A subscription's payments share one order: there only the transaction tells which. */
  private paymentIds(): [string, ...string[]] {
    const transaction = optionalRecord(this.object.transaction);
    const order = idOf(this.object.order) ?? idOf(transaction?.order);
    const isOfPlan =
      idOf(transaction?.subscription) !== undefined || idOf(this.object.subscription) !== undefined;
    const names = [idOf(this.object.transaction), isOfPlan ? undefined : order].flatMap((name) => name ?? []);
    const [first, ...others] = names;
    if (first === undefined) throw invalidWebhook("no transaction");
    return [first, ...others];
  }

  private amountPaid(): number | undefined {
    const paid = optionalRecord(this.object.transaction)?.amount_paid;
    return paid === undefined || paid === null ? undefined : amount(paid, "transaction.amount_paid");
  }

  private whose() {
    return {
      userId: optionalText(optionalRecord(this.object.metadata)?.userId),
      customerId: idOf(this.object.customer),
    };
  }
}

/** Clamped to the month's end, as all periods (rule 16). */
function afterPeriod(start: Date, interval: "month" | "year"): Date {
  const month = start.getUTCMonth() + (interval === "year" ? 12 : 1);
  const lastDay = new Date(Date.UTC(start.getUTCFullYear(), month + 1, 0)).getUTCDate();
  const end = new Date(start);
  end.setUTCFullYear(start.getUTCFullYear(), month, Math.min(start.getUTCDate(), lastDay));
  return end;
}

/** Milliseconds, or an ISO 8601 date. */
function date(value: unknown, name: string): Date {
  const found =
    typeof value === "number" || typeof value === "string" ? new Date(value) : new Date(Number.NaN);
  if (Number.isNaN(found.getTime())) throw invalidWebhook(`no ${name}`);
  return found;
}
