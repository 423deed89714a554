import { findPackageByPrice, type ResolvedConfig } from "../core/config.ts";
import type { PaymentEvent } from "../core/payment-event.ts";
import {
  distinctIds,
  type Field,
  invalidWebhook,
  type Meaning,
  noted,
  type PaymentIds,
} from "./stripe-message.ts";
import { invoicePaid, invoicePaymentPaid, subscriptionChanged } from "./stripe-plan.ts";

/**
 * What a verified event means for credits; null: nothing. Pure. Reads the shapes of Stripe's current API and of the one before it
 * (2025-03-31), since an endpoint keeps the version it was made with.
 * @throws `INVALID_WEBHOOK` for an event that lacks what its type must have, or names two users.
 */
export function readStripeEvent(config: ResolvedConfig, event: Field): PaymentEvent | null {
  const said = {
    provider: "stripe",
    eventId: event.at("id").id(),
    occurredAt: event.at("created").date(),
  };
  const meaning = meaningOf(config, event.at("type").id(), event.at("data").at("object"));
  return meaning && { ...said, ...meaning };
}

function meaningOf(config: ResolvedConfig, type: string, object: Field): Meaning | null {
  switch (type) {
    case "checkout.session.completed":
    case "checkout.session.async_payment_succeeded":
      return checkoutEnded(config, type, object);
    case "checkout.session.async_payment_failed":
    case "checkout.session.expired":
      return whoseCheckout(object) && noted(type);
    case "invoice.paid":
      return invoicePaid(config, object);
    case "invoice.payment_failed":
      return noted(type);
    case "invoice_payment.paid":
      return invoicePaymentPaid(object);
    case "customer.subscription.created":
    case "customer.subscription.updated":
    case "customer.subscription.deleted":
    case "customer.subscription.paused":
    case "customer.subscription.resumed":
      return subscriptionChanged(config, type, object);
    case "charge.succeeded":
      return receipt(object);
    case "charge.refunded":
      return {
        type: "payment.refunded",
        paymentIds: idsOfCharge(object.at("payment_intent"), object.at("id")),
        amountRefunded: object.at("amount_refunded").amount(),
      };
    case "refund.created":
    case "refund.updated":
    case "charge.refund.updated":
      return refundChanged(type, object);
    case "charge.dispute.created":
    case "charge.dispute.updated":
    case "charge.dispute.closed":
    case "charge.dispute.funds_withdrawn":
    case "charge.dispute.funds_reinstated":
      return disputeChanged(type, object);
    case "radar.early_fraud_warning.created":
      return {
        type: "fraud.warned",
        paymentIds: idsOfCharge(object.at("payment_intent"), object.at("charge")),
      };
    default:
      return null;
  }
}

/**
 * Whose a checkout is, and what it sells; null: it is not one of ours. The metadata is what the server put there; no other of its fields is
 * read, above all no amount of credits (rule 15).
 */
function whoseCheckout(session: Field): { userId?: string | undefined; priceId?: string | undefined } | null {
  const reference = session.at("client_reference_id").optionalId();
  const metadata = session.at("metadata");
  const userId = metadata.at("userId").optionalId();
  const priceId = metadata.at("priceId").optionalId();
  if (reference !== undefined && userId !== undefined && reference !== userId)
    throw invalidWebhook("client_reference_id and metadata.userId name two users");
  if (reference === undefined && userId === undefined && priceId === undefined) return null;
  return { userId: reference ?? userId, priceId };
}

function checkoutEnded(config: ResolvedConfig, type: string, session: Field): Meaning | null {
  const whose = whoseCheckout(session);
  if (whose === null) return null;
  const customerId = session.at("customer").optionalId();
  if (session.at("mode").is("subscription")) {
    if (whose.userId === undefined) throw invalidWebhook("the checkout of a plan names no user");
    // Nothing is granted here: the invoice says what was paid, and for which period.
    return {
      type: "checkout.completed",
      userId: whose.userId,
      customerId,
      subscriptionId: session.at("subscription").optionalId(),
    };
  }
  if (!session.at("mode").is("payment")) return null;
  const status = session.at("payment_status");
  // A bank transfer, for one, is still to come: `async_payment_succeeded` tells of it.
  if (!status.is("paid") && !status.is("no_payment_required")) return noted(`${type}: unpaid`);
  const priceId = priceOfCheckout(config, session) ?? whose.priceId;
  if (priceId === undefined)
    throw invalidWebhook("the checkout names no price: its line items or metadata.priceId must");
  const sessionId = session.at("id").id();
  return {
    type: "purchase.paid",
    userId: whose.userId,
    customerId,
    // Free of charge there is no payment intent: then the session is the payment.
    paymentIds: distinctIds(session.at("payment_intent").optionalId() ?? sessionId, sessionId),
    priceId,
    amountPaid: session.at("amount_total").amount(),
    currency: session.at("currency").id(),
  };
}

/** Webhooks carry no line items unless the host adds them. */
function priceOfCheckout(config: ResolvedConfig, session: Field): string | undefined {
  const prices = session
    .at("line_items")
    .listed()
    .flatMap((item) => item.at("price").optionalId() ?? []);
  return prices.find((priceId) => findPackageByPrice(config, priceId) !== undefined) ?? prices[0];
}

/** A checkout's session has no receipt, its charge does. The metadata is what the server put on the payment; an invoice has a page of its own. */
function receipt(charge: Field): Meaning | null {
  const receiptUrl = charge.at("receipt_url").url();
  if (receiptUrl === undefined || charge.at("metadata").at("userId").optionalId() === undefined) return null;
  return {
    type: "payment.linked",
    paymentIds: idsOfCharge(charge.at("payment_intent"), charge.at("id")),
    receiptUrl,
  };
}

function refundChanged(type: string, refund: Field): Meaning {
  const [intent, charge] = [refund.at("payment_intent"), refund.at("charge")];
  // Pending, canceled or failed: no money went back, or none of a payment (of a customer's cash balance, for one).
  if (!refund.at("status").is("succeeded") || (intent.isMissing && charge.isMissing))
    return noted(`${type}: no money returned`);
  return {
    type: "payment.refunded",
    paymentIds: idsOfCharge(intent, charge),
    refund: { id: refund.at("id").id(), amount: refund.at("amount").amount() },
  };
}

function disputeChanged(type: string, dispute: Field): Meaning {
  const status = dispute.at("status").id();
  // An inquiry asks before the money is taken; where it was taken all the same it counts as a dispute.
  const isInquiry = status.startsWith("warning_") && status !== "warning_closed";
  if (isInquiry && type !== "charge.dispute.funds_withdrawn" && type !== "charge.dispute.funds_reinstated")
    return noted(`${type}: inquiry`);
  const isWon = type === "charge.dispute.funds_reinstated" || status === "won" || status === "warning_closed";
  return {
    type: "dispute.changed",
    disputeId: dispute.at("id").id(),
    paymentIds: idsOfCharge(dispute.at("payment_intent"), dispute.at("charge")),
    amount: dispute.at("amount").amount(),
    status: isWon ? "won" : status === "lost" ? "lost" : "open",
  };
}

function idsOfCharge(intent: Field, charge: Field): PaymentIds {
  const intentId = intent.optionalId();
  // Payments without a payment intent exist: those of an old integration, or of Stripe's first API.
  return intentId === undefined ? [charge.id()] : distinctIds(intentId, charge.optionalId());
}
