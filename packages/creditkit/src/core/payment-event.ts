/**
 * What a payment provider tells, in one vocabulary. An adapter verifies a webhook and maps it to one of these; `applyPaymentEvent` is
 * the only door from here to credits. Nothing in an event decides an amount of credits: that is the configuration's, by price (rule 15).
 *
 * Amounts of money are whole numbers of the currency's smallest unit, such as cents.
 */

interface EventOf<Type extends string> {
  type: Type;
  /** The adapter's name, e.g. `stripe`. */
  provider: string;
  /** The provider's id of this message: it is applied once, for ever. */
  eventId: string;
  /** When it happened, by the provider: of two states of one object the later one stands, in whichever order they arrive. */
  occurredAt: Date;
}

/** Whom it is about: what the server put into the checkout, or a subscription or customer that is known by now. */
interface Whose {
  userId?: string | undefined;
  customerId?: string | undefined;
}

/**
 * One payment by all the names it is known under, e.g. a payment intent, its charge, its invoice; an order and its transaction. Any that is known
 * finds it, and the others are remembered.
 */
type PaymentIds = readonly [string, ...string[]];

/** A package is paid. Two events may report one payment: the purchase is known by `paymentIds[0]`. */
export interface PurchasePaid extends EventOf<"purchase.paid">, Whose {
  /** The first is its purchase id for ever: the payment intent, the order. */
  paymentIds: PaymentIds;
  priceId: string;
  amountPaid: number;
  /** ISO 4217. */
  currency: string;
  receiptUrl?: string | undefined;
}

/** A period of a plan is paid: grants the period that begins with it, and records until when it is paid. */
export interface PlanPaid extends EventOf<"plan.paid">, Whose {
  /** The first is the invoice's. */
  paymentIds: PaymentIds;
  subscriptionId: string;
  priceId: string;
  /** From the invoice's line, not from now. */
  periodStart: Date;
  periodEnd: Date;
  /** A change of plan, invoiced in the middle of a period: it waits until the subscription's own period is known. */
  isMidPeriod?: boolean | undefined;
  amountPaid: number;
  currency: string;
  receiptUrl?: string | undefined;
}

/** A subscription's whole state, as the provider has it. */
export interface SubscriptionChanged extends EventOf<"subscription.changed">, Whose {
  subscriptionId: string;
  priceId: string;
  status:
    | "active"
    | "trialing"
    | "past_due"
    | "canceled"
    | "unpaid"
    | "incomplete"
    | "incomplete_expired"
    | "paused";
  /** The instant from which its periods are counted. */
  anchor: Date;
  /** Paid until. */
  currentPeriodEnd: Date;
  /** Whether it ends with the period. */
  cancelsAtPeriodEnd?: boolean | undefined;
}

/** A checkout has ended well, whatever was bought: from now on the customer and the subscription are known to be this user's. */
export interface CheckoutCompleted extends EventOf<"checkout.completed"> {
  userId: string;
  customerId?: string | undefined;
  subscriptionId?: string | undefined;
}

/** More of a payment: other names, e.g. that a payment intent paid an invoice, or where its receipt is. */
export interface PaymentLinked extends EventOf<"payment.linked"> {
  paymentIds: PaymentIds;
  receiptUrl?: string | undefined;
}

/** Money went back. One of the two says how much: the provider's total, or a refund of its own, of which each counts once. */
export interface PaymentRefunded extends EventOf<"payment.refunded"> {
  paymentIds: PaymentIds;
  /** All refunds of this payment so far. */
  amountRefunded?: number | undefined;
  refund?: { id: string; amount: number } | undefined;
  /** What was paid, where this message knows better than the one that said so first, e.g. with tax. */
  amountPaid?: number | undefined;
}

/** A dispute over a payment, in its present state. `won` and `lost` are final, whatever arrives later. */
export interface DisputeChanged extends EventOf<"dispute.changed"> {
  disputeId: string;
  paymentIds: PaymentIds;
  /** What is disputed. */
  amount: number;
  /** As of a refund. */
  amountPaid?: number | undefined;
  status: "open" | "won" | "lost";
}

/** The provider warns that a payment may be fraud: `payments.freezeOnFraudWarning` decides. */
export interface FraudWarned extends EventOf<"fraud.warned"> {
  paymentIds: PaymentIds;
}

/** Known, and without an effect on credits: a checkout that expired, a payment that failed. */
export interface Noted extends EventOf<"noted"> {
  /** The provider's name for it. */
  what: string;
}

export type PaymentEvent =
  | PurchasePaid
  | PlanPaid
  | SubscriptionChanged
  | CheckoutCompleted
  | PaymentLinked
  | PaymentRefunded
  | DisputeChanged
  | FraudWarned
  | Noted;
