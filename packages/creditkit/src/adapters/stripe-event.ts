import { findPlanPrice, type ResolvedConfig } from "../core/config.ts";
import type { PaymentEvent } from "../core/payment-event.ts";
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

/** The sessions that have paid for something: https://docs.stripe.com/checkout/fulfillment */
const paidStatuses = new Set<unknown>(["paid", "no_payment_required"]);

/**
 * What a verified event of Stripe means for credits; null: nothing.
 * @throws `INVALID_WEBHOOK` for one that makes no sense.
 */
export function readStripeEvent(event: Json, config: ResolvedConfig): PaymentEvent | null {
  const { object } = record(event.data, "data");
  return new StripeEvent(event, record(object, "data.object"), config).read();
}

class StripeEvent {
  private readonly said: { provider: string; eventId: string; occurredAt: Date };
  private readonly type: string;

  constructor(
    event: Json,
    private readonly object: Json,
    private readonly config: ResolvedConfig,
  ) {
    this.type = text(event.type, "type");
    this.said = {
      provider: "stripe",
      eventId: text(event.id, "id"),
      occurredAt: date(event.created, "created"),
    };
  }

  read(): PaymentEvent | null {
    switch (this.type) {
      case "checkout.session.completed":
      case "checkout.session.async_payment_succeeded":
        return this.session();
      case "invoice.paid":
        return this.invoice();
      case "invoice_payment.paid":
        return this.invoicePayment();
      case "customer.subscription.created":
      case "customer.subscription.updated":
      case "customer.subscription.deleted":
      case "customer.subscription.paused":
      case "customer.subscription.resumed":
        return this.subscription();
      case "charge.refunded":
        return {
          ...this.said,
          type: "payment.refunded",
          paymentIds: this.chargeIds(this.object),
          amountRefunded: amount(this.object.amount_refunded, "amount_refunded"),
        };
      case "refund.created":
      case "refund.updated":
      case "refund.failed":
      case "charge.refund.updated":
        return this.refund();
      case "charge.dispute.created":
      case "charge.dispute.updated":
      case "charge.dispute.closed":
      case "charge.dispute.funds_withdrawn":
      case "charge.dispute.funds_reinstated":
        return this.dispute();
      case "radar.early_fraud_warning.created":
        return { ...this.said, type: "fraud.warned", paymentIds: this.paymentIds() };
      case "checkout.session.async_payment_failed":
      case "checkout.session.expired":
      case "invoice.payment_failed":
        return this.noted();
      default:
        return null;
    }
  }

  private noted(): PaymentEvent {
    return { ...this.said, type: "noted", what: this.type };
  }

  private session(): PaymentEvent | null {
    const { object } = this;
    const metadata = optionalRecord(object.metadata) ?? {};
    const reference = optionalText(object.client_reference_id);
    const named = optionalText(metadata.userId);
    // A session of something else that this account sells.
    if (reference === undefined && named === undefined) return null;
    if (reference !== undefined && named !== undefined && reference !== named)
      throw invalidWebhook("client_reference_id and metadata name two users");
    const userId = reference ?? named ?? "";
    const customerId = idOf(object.customer);
    if (object.mode === "subscription") {
      const subscriptionId = idOf(object.subscription);
      return { ...this.said, type: "checkout.completed", userId, customerId, subscriptionId };
    }
    if (object.mode !== "payment") return null;
    if (!paidStatuses.has(object.payment_status)) return this.noted();
    const session = text(object.id, "id");
    const intent = idOf(object.payment_intent);
    const [item] = items(object.line_items);
    // The line items when the endpoint expands them; else what the server put there. No amount of credits is read (rule 15).
    const priceId = idOf(item?.price) ?? optionalText(metadata.priceId);
    if (priceId === undefined) throw invalidWebhook("no price");
    return {
      ...this.said,
      type: "purchase.paid",
      userId,
      customerId,
      paymentIds: intent === undefined ? [session] : [intent, session],
      priceId,
      amountPaid: amount(object.amount_total, "amount_total"),
      currency: text(object.currency, "currency"),
    };
  }

  /** An invoice in either shape: `parent.subscription_details` since API version 2025-03-31, `subscription` before. */
  private invoice(): PaymentEvent | null {
    const { object } = this;
    const details =
      optionalRecord(optionalRecord(object.parent)?.subscription_details) ??
      optionalRecord(object.subscription_details);
    const subscriptionId = idOf(details?.subscription) ?? idOf(object.subscription);
    if (subscriptionId === undefined) return null;
    const found = this.planLine(items(object.lines));
    // An invoice of something that grants nothing.
    if (found === undefined) return null;
    const period = record(found.line.period, "period");
    const ids = [object.payment_intent, object.charge].flatMap((id) => idOf(id) ?? []);
    return {
      ...this.said,
      type: "plan.paid",
      userId: optionalText(optionalRecord(details?.metadata)?.userId),
      customerId: idOf(object.customer),
      subscriptionId,
      paymentIds: [text(object.id, "id"), ...ids],
      priceId: found.priceId,
      periodStart: date(period.start, "period.start"),
      periodEnd: date(period.end, "period.end"),
      isMidPeriod: object.billing_reason === "subscription_update",
      amountPaid: amount(object.amount_paid, "amount_paid"),
      currency: text(object.currency, "currency"),
      receiptUrl: optionalText(object.hosted_invoice_url),
    };
  }

  /**
   * The line that pays for a plan. A change of plan is invoiced as two prorations: the old plan's is negative, and the later one
   * says what the subscription is on now.
   */
  private planLine(lines: readonly Json[]): { line: Json; priceId: string } | undefined {
    const plans = lines.flatMap((line) => {
      const priceId = priceOfLine(line);
      const isPaid = Number(line.amount) >= 0;
      if (priceId === undefined || !isPaid || findPlanPrice(this.config, priceId) === undefined) return [];
      return [{ line, priceId, isProration: isProration(line) }];
    });
    return plans.find((plan) => !plan.isProration) ?? plans.at(-1);
  }

  private invoicePayment(): PaymentEvent | null {
    const payment = optionalRecord(this.object.payment);
    const ids = [this.object.invoice, payment?.payment_intent, payment?.charge].flatMap(
      (id) => idOf(id) ?? [],
    );
    const [first, ...others] = ids;
    if (first === undefined || others.length === 0) return null;
    return { ...this.said, type: "payment.linked", paymentIds: [first, ...others] };
  }

  private subscription(): PaymentEvent | null {
    const { object } = this;
    const found = items(object.items).flatMap((item) => {
      const priceId = idOf(item.price);
      return priceId !== undefined && findPlanPrice(this.config, priceId) !== undefined
        ? [{ item, priceId }]
        : [];
    })[0];
    if (found === undefined) return null;
    // On the item since API version 2025-03-31, on the subscription before.
    const end = found.item.current_period_end ?? object.current_period_end;
    return {
      ...this.said,
      type: "subscription.changed",
      userId: optionalText(optionalRecord(object.metadata)?.userId),
      customerId: idOf(object.customer),
      subscriptionId: text(object.id, "id"),
      priceId: found.priceId,
      status: this.status(),
      anchor: date(object.billing_cycle_anchor, "billing_cycle_anchor"),
      currentPeriodEnd: date(end, "current_period_end"),
      cancelsAtPeriodEnd: object.cancel_at_period_end === true || typeof object.cancel_at === "number",
    };
  }

  private status() {
    const status = text(this.object.status, "status");
    if (this.type === "customer.subscription.deleted") return "canceled";
    // Paused collection keeps the status at `active` while nothing is paid.
    if (
      this.type === "customer.subscription.paused" ||
      optionalRecord(this.object.pause_collection) !== undefined
    )
      return "paused";
    if (!isStatus(status)) throw invalidWebhook(`status ${status}`);
    return status;
  }

  private refund(): PaymentEvent {
    // Pending money has not gone back yet; failed money never did.
    if (this.object.status !== "succeeded") return this.noted();
    return {
      ...this.said,
      type: "payment.refunded",
      paymentIds: this.paymentIds(),
      refund: { id: text(this.object.id, "id"), amount: amount(this.object.amount, "amount") },
    };
  }

  private dispute(): PaymentEvent {
    const { object } = this;
    const status = text(object.status, "status");
    const isWithdrawn = this.type === "charge.dispute.funds_withdrawn";
    // An inquiry: no money has moved, and none has to be given back.
    if (status.startsWith("warning_") && !isWithdrawn) return this.noted();
    const isWon = status === "won" || this.type === "charge.dispute.funds_reinstated";
    return {
      ...this.said,
      type: "dispute.changed",
      disputeId: text(object.id, "id"),
      paymentIds: this.paymentIds(),
      amount: amount(object.amount, "amount"),
      status: isWon ? "won" : status === "lost" ? "lost" : "open",
    };
  }

  /** The payment that a refund, a dispute or a warning is about. */
  private paymentIds(): [string, ...string[]] {
    const [first, ...others] = [this.object.payment_intent, this.object.charge].flatMap(
      (id) => idOf(id) ?? [],
    );
    if (first === undefined) throw invalidWebhook("no payment");
    return [first, ...others];
  }

  private chargeIds(charge: Json): [string, ...string[]] {
    const id = text(charge.id, "id");
    const [intent, invoice] = [idOf(charge.payment_intent), idOf(charge.invoice)];
    return [intent ?? id, id, ...(invoice === undefined ? [] : [invoice])];
  }
}

const statuses = [
  "active",
  "trialing",
  "past_due",
  "canceled",
  "unpaid",
  "incomplete",
  "incomplete_expired",
  "paused",
] as const;

function isStatus(status: string): status is (typeof statuses)[number] {
  return (statuses as readonly string[]).includes(status);
}

/** `pricing.price_details.price` since API version 2025-03-31, `price` before, `plan` before that. */
function priceOfLine(line: Json): string | undefined {
  const details = optionalRecord(optionalRecord(line.pricing)?.price_details);
  return idOf(details?.price) ?? idOf(line.price) ?? idOf(line.plan);
}

function isProration(line: Json): boolean {
  const item = optionalRecord(optionalRecord(line.parent)?.subscription_item_details);
  return line.proration === true || item?.proration === true;
}

function items(list: unknown): Json[] {
  const data = optionalRecord(list)?.data;
  if (!Array.isArray(data)) return [];
  return data.map(optionalRecord).filter((item) => item !== undefined);
}

/** Stripe counts seconds. */
function date(value: unknown, name: string): Date {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw invalidWebhook(`no ${name}`);
  return new Date((value as number) * 1000);
}
