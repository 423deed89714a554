import { findPlanPrice, type ResolvedConfig } from "../core/config.ts";
import type { SubscriptionChanged } from "../core/payment-event.ts";
import { distinctIds, type Field, invalidWebhook, type Meaning } from "./stripe-message.ts";

interface InvoiceLine {
  priceId: string | undefined;
  isOfSubscription: boolean;
  isProration: boolean;
  amount: number;
  period: Field;
}

export function invoicePaid(config: ResolvedConfig, invoice: Field): Meaning | null {
  const details = invoice.at("parent").at("subscription_details");
  const subscriptionId = details.at("subscription").optionalId() ?? invoice.at("subscription").optionalId();
  if (subscriptionId === undefined) return null;
  const userId =
    details.at("metadata").at("userId").optionalId() ??
    invoice.at("subscription_details").at("metadata").at("userId").optionalId();

  const line = soldLine(config, invoice.at("lines").listed().map(lineOf), userId !== undefined);
  if (line?.priceId === undefined) return null;
  const amountPaid = invoice.at("amount_paid").amount();
  // A trial begins with an invoice of nothing whose period is the trial's: it brings the trial's credits at once (rule 17).
  return {
    type: "plan.paid",
    userId,
    customerId: invoice.at("customer").optionalId(),
    // Up to 2025 an invoice names its payment itself; since then `invoice_payment.paid` does.
    paymentIds: distinctIds(
      invoice.at("id").id(),
      invoice.at("payment_intent").optionalId(),
      invoice.at("charge").optionalId(),
    ),
    subscriptionId,
    priceId: line.priceId,
    periodStart: line.period.at("start").date(),
    periodEnd: line.period.at("end").date(),
    isMidPeriod: line.isProration,
    amountPaid,
    currency: invoice.at("currency").id(),
    receiptUrl: invoice.at("hosted_invoice_url").url(),
  };
}

/** The line that says which plan was paid, and for when. */
function soldLine(
  config: ResolvedConfig,
  lines: readonly InvoiceLine[],
  isOurs: boolean,
): InvoiceLine | undefined {
  const ofSubscription = lines.filter((line) => line.isOfSubscription && line.priceId !== undefined);
  const sold = ofSubscription.filter(({ priceId }) => findPlanPrice(config, priceId ?? "") !== undefined);
  const whole = sold.find((line) => !line.isProration);
  if (whole !== undefined) return whole;
  // A change of plan that is invoiced at once has prorations only: one gives back the rest of the old plan, the other charges for the
  // rest of the new one.
  const changes = sold.filter((line) => line.isProration && line.amount > 0);
  const startOf = (line: InvoiceLine) => line.period.at("start").date().getTime();
  const [change] = changes.sort((one, other) => startOf(other) - startOf(one));
  if (change !== undefined) return change;
  // Sold by our checkout at a price that the configuration does not have (any more): the ledger refuses it by name, where to leave it
  // out would lose a payment in silence.
  return isOurs && sold.length === 0 ? ofSubscription.find((line) => !line.isProration) : undefined;
}

function lineOf(line: Field): InvoiceLine {
  const item = line.at("parent").at("subscription_item_details");
  const added = line.at("parent").at("invoice_item_details");
  const isProration = [item, added, line].some((of) => of.at("proration").is(true));
  const isPart = !item.isMissing || line.at("type").is("subscription");
  const subscriptionOfProration =
    added.at("subscription").optionalId() ?? line.at("subscription").optionalId();
  return {
    priceId: line.at("pricing").at("price_details").at("price").optionalId() ?? line.at("price").optionalId(),
    // What somebody added to the invoice by hand is no plan, whatever its price.
    isOfSubscription: isPart || (isProration && subscriptionOfProration !== undefined),
    isProration,
    amount: line.at("amount").amount("any"),
    period: line.at("period"),
  };
}

export function invoicePaymentPaid(invoicePayment: Field): Meaning | null {
  const payment = invoicePayment.at("payment");
  const intentId = payment.at("payment_intent").optionalId();
  const chargeId = payment.at("charge").optionalId();
  // Paid outside of Stripe: there is nothing that Stripe could refund.
  if (intentId === undefined && chargeId === undefined) return null;
  return {
    type: "payment.linked",
    paymentIds: distinctIds(invoicePayment.at("invoice").id(), intentId, chargeId),
  };
}

const statuses: readonly SubscriptionChanged["status"][] = [
  "active",
  "trialing",
  "past_due",
  "canceled",
  "unpaid",
  "incomplete",
  "incomplete_expired",
  "paused",
];

export function subscriptionChanged(
  config: ResolvedConfig,
  type: string,
  subscription: Field,
): Meaning | null {
  const priceOf = (item: Field) => item.at("price").optionalId() ?? "";
  const item = subscription
    .at("items")
    .listed()
    .find((candidate) => findPlanPrice(config, priceOf(candidate)) !== undefined);
  if (item === undefined) return null;
  const status = statusOf(type, subscription);
  const currentPeriodEnd = periodOf(item, subscription, "current_period_end");
  const cancelAt = subscription.at("cancel_at").optionalDate();
  return {
    type: "subscription.changed",
    userId: subscription.at("metadata").at("userId").optionalId(),
    customerId: subscription.at("customer").optionalId(),
    subscriptionId: subscription.at("id").id(),
    priceId: priceOf(item),
    status,
    anchor: anchorOf(status, subscription),
    currentPeriodEnd:
      status === "canceled" ? paidUntil(item, subscription, currentPeriodEnd) : currentPeriodEnd,
    cancelsAtPeriodEnd:
      subscription.at("cancel_at_period_end").is(true) ||
      (cancelAt !== undefined && cancelAt <= currentPeriodEnd),
  };
}

function statusOf(type: string, subscription: Field): SubscriptionChanged["status"] {
  if (type === "customer.subscription.deleted") return "canceled";
  if (type === "customer.subscription.paused") return "paused";
  const name = subscription.at("status").id();
  const status = statuses.find((known) => known === name);
  if (status === undefined) throw invalidWebhook("the subscription has an unknown status");
  // While collection is paused Stripe goes on calling it active, and nobody pays (rule 17).
  const isLive = status === "active" || status === "trialing" || status === "past_due";
  return isLive && !subscription.at("pause_collection").isMissing ? "paused" : status;
}

/** On items since 2025-03-31, on the subscription before. */
function periodOf(item: Field, subscription: Field, name: string): Date {
  return item.at(name).optionalDate() ?? subscription.at(name).date();
}

/** During a trial the billing anchor is the trial's end, still to come; what a trial grants is counted from its start (rule 17). */
function anchorOf(status: SubscriptionChanged["status"], subscription: Field): Date {
  const trialStart = status === "trialing" ? subscription.at("trial_start").optionalDate() : undefined;
  return trialStart ?? subscription.at("billing_cycle_anchor").date();
}

/**
 * Canceled for want of payment, a subscription is in a period that nobody paid for, and after a dispute in one whose money is gone:
 * it must not entitle until that period's end (rule 17).
 */
function paidUntil(item: Field, subscription: Field, currentPeriodEnd: Date): Date {
  const reason = subscription.at("cancellation_details").at("reason");
  if (reason.is("payment_failed")) return periodOf(item, subscription, "current_period_start");
  const endedAt = reason.is("payment_disputed") ? subscription.at("ended_at").optionalDate() : undefined;
  return endedAt ?? currentPeriodEnd;
}
