import { parseDate, parseId, parseOptionalId, parseParameters } from "./argument.ts";
import type { Engine } from "./engine.ts";
import { CreditsError, invalidArgument } from "./errors.ts";
import { balanceMax, emitGranted, type Granted } from "./grant.ts";
import { errorFields } from "./logger.ts";
import type { PaymentEvent } from "./payment-event.ts";
import { type Refusal, refusalError } from "./request.ts";
import { SubscriptionStatus } from "./subscription.ts";
import type { CreditTransactionType } from "./transaction.ts";
import { uuidV7 } from "./uuid.ts";

export interface PaymentEventResult {
  /**
   * `replayed`: this message was taken in before. `ignored`: it has no effect, or none yet: with `waitsFor` it is kept, and applied
   * as soon as what it refers to is known.
   */
  outcome: "applied" | "replayed" | "ignored";
  /** Names that have to be known first, e.g. `payment:pi_123`. */
  waitsFor?: string[];
  /** The grant that it paid for. */
  transactionId?: string;
}

interface Applied {
  outcome: PaymentEventResult["outcome"];
  waits_for?: string[];
  user_id?: string;
  type?: CreditTransactionType;
  granted?: Granted | null;
}

/**
 * Does what a payment provider tells, once: the only door from money to credits. The message is kept for ever, in the same transaction as its
 * effect. One that is refused is kept with its error, thrown, and tried again when it comes again or is replayed.
 * @throws `UNKNOWN_PRICE` for a price that the configuration does not sell, `IDEMPOTENCY_CONFLICT` (`field`) when it contradicts what is
 *   known (another user, another price), `BALANCE_OVERFLOW`, `CREDITS_DISABLED` (answer 503, so that the provider tries again),
 *   `INVALID_ARGUMENT` (`field`).
 */
export async function applyPaymentEvent(engine: Engine, event: PaymentEvent): Promise<PaymentEventResult> {
  engine.requireEnabled();
  return apply(engine, parseEvent(event));
}

/** Takes a message in as the schema reads it. */
export async function apply(engine: Engine, message: PaymentMessage): Promise<PaymentEventResult> {
  const attempt = uuidV7();
  let answer: Applied | (Refusal & { outcome?: undefined });
  try {
    answer = await engine.call(
      `select credits.apply_payment_event(
         $1::text::jsonb, $2::text::uuid, $3::text::jsonb, $4::text::jsonb, $5::text::timestamptz
       )::text as answer`,
      () => [JSON.stringify(message), attempt, priceTable(engine), rules(engine), engine.now()],
    );
  } catch (error) {
    if (!engine.database.inTransaction) await keepFailure(engine, message, attempt, error);
    throw error;
  }
  if (answer.outcome === undefined) throw refusalError(engine, answer);
  const { outcome, granted, user_id, type } = answer;
  if (outcome === "applied" && granted && !granted.replayed && user_id !== undefined && type !== undefined)
    emitGranted(engine, { user_id, type, purchase_id: message.payment_ids?.[0] }, granted);
  return {
    outcome,
    ...(answer.waits_for === undefined ? {} : { waitsFor: answer.waits_for }),
    ...(granted ? { transactionId: granted.id } : {}),
  };
}

/** The failure undid what had begun, the message's own row included. */
async function keepFailure(engine: Engine, message: PaymentMessage, attempt: string, cause: unknown) {
  try {
    const error = CreditsError.is(cause) ? cause.code : "UNEXPECTED";
    await engine.call(
      `select credits.fail_payment_event($1::text::jsonb, $2::text::uuid, $3::text, $4::text::timestamptz)::text as answer`,
      () => [JSON.stringify(message), attempt, error, engine.now()],
    );
  } catch (error) {
    // The provider hears of the first failure, and tries again.
    engine.logger?.error(errorFields(error), "A payment event that failed could not be kept");
  }
}

/** What each price sells, as the schema's functions read it. */
function priceTable(engine: Engine): string {
  const { packages, planPrices, subscription } = engine.config;
  const sold = Object.values(packages).map(({ id, priceId, credits, bonus, validityDays }) => [
    priceId,
    {
      kind: "package",
      package_id: id,
      amount: engine.configuredUnits(credits) + engine.configuredUnits(bonus),
      validity_days: validityDays,
    },
  ]);
  const plans = planPrices.map(({ priceId, planId, interval }) => {
    const plan = subscription[planId];
    const isGranted = plan?.enabled === true && plan.monthlyGrant > 0;
    return [
      priceId,
      {
        kind: "plan",
        plan_id: planId,
        interval,
        amount: isGranted ? engine.configuredUnits(plan.monthlyGrant) : null,
        validity_days: plan?.validityDays,
      },
    ];
  });
  return JSON.stringify(Object.fromEntries([...sold, ...plans]));
}

function rules(engine: Engine): string {
  const { onRefund, onDispute, freezeOnDispute, freezeOnFraudWarning } = engine.config.payments;
  return JSON.stringify({
    refund: onRefund,
    dispute: onDispute,
    freeze_on_dispute: freezeOnDispute,
    freeze_on_fraud: freezeOnFraudWarning,
    balance_max: balanceMax(engine),
  });
}

/** A payment event as the schema's functions read it. */
export interface PaymentMessage {
  type: PaymentEvent["type"];
  provider: string;
  event_id: string;
  occurred_at: Date;
  payment_ids?: string[];
  [field: string]: unknown;
}

const statuses = new Set<unknown>(Object.values(SubscriptionStatus));
const disputeStatuses = new Set<unknown>(["open", "won", "lost"]);

/** @throws `INVALID_ARGUMENT` (`field`): rule 11, before any I/O. */
function parseEvent(event: PaymentEvent): PaymentMessage {
  const fields = parseParameters(event) as Record<string, unknown>;
  const id = (field: string) => parseId(field, fields[field]);
  const optionalId = (field: string) => parseOptionalId(field, fields[field]);
  const date = (field: string) => parseDate(field, fields[field]);
  const money = (field: string, value = fields[field]) => {
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
    throw invalidArgument(field, "a whole number of the currency's smallest unit, at least 0");
  };
  const message = {
    type: event.type,
    provider: id("provider"),
    event_id: id("eventId"),
    occurred_at: date("occurredAt"),
  };
  const whose = { user_id: optionalId("userId"), customer_id: optionalId("customerId") };
  const payment = () => ({ payment_ids: parseIds("paymentIds", fields.paymentIds) });
  const paid = () => ({
    price_id: id("priceId"),
    amount_paid: money("amountPaid"),
    currency: id("currency"),
    receipt_url: parseUrl("receiptUrl", fields.receiptUrl),
  });
  const optionalPaid = () => (fields.amountPaid === undefined ? {} : { amount_paid: money("amountPaid") });
  switch (event.type) {
    case "purchase.paid":
      return { ...message, ...whose, ...payment(), ...paid() };
    case "plan.paid":
      return {
        ...message,
        ...whose,
        ...payment(),
        ...paid(),
        subscription_id: id("subscriptionId"),
        period_start: date("periodStart"),
        period_end: date("periodEnd"),
        is_mid_period: fields.isMidPeriod === true,
      };
    case "subscription.changed":
      if (!statuses.has(fields.status)) throw invalidArgument("status", `one of ${[...statuses].join(", ")}`);
      return {
        ...message,
        ...whose,
        subscription_id: id("subscriptionId"),
        price_id: id("priceId"),
        status: fields.status,
        anchor: date("anchor"),
        current_period_end: date("currentPeriodEnd"),
        cancels_at_period_end: fields.cancelsAtPeriodEnd === true,
      };
    case "checkout.completed":
      return {
        ...message,
        ...whose,
        user_id: id("userId"),
        subscription_id: optionalId("subscriptionId"),
      };
    case "payment.refunded": {
      const { amountRefunded } = fields;
      const refund = event.refund && {
        id: parseId("refund.id", event.refund.id),
        amount: money("refund.amount", event.refund.amount),
      };
      if (refund === undefined && amountRefunded === undefined)
        throw invalidArgument("amountRefunded", "an amount, or a refund");
      return {
        ...message,
        ...payment(),
        ...(amountRefunded === undefined ? {} : { amount_refunded: money("amountRefunded") }),
        ...(refund === undefined ? {} : { refund }),
        ...optionalPaid(),
      };
    }
    case "dispute.changed":
      if (!disputeStatuses.has(fields.status)) throw invalidArgument("status", "open, won or lost");
      return {
        ...message,
        ...payment(),
        dispute_id: id("disputeId"),
        amount: money("amount"),
        status: fields.status,
        ...optionalPaid(),
      };
    case "payment.linked":
      return { ...message, ...payment(), receipt_url: parseUrl("receiptUrl", fields.receiptUrl) };
    case "fraud.warned":
      return { ...message, ...payment() };
    case "noted":
      return { ...message, what: id("what") };
    default:
      throw invalidArgument("type", "a payment event's");
  }
}

function parseIds(field: string, value: unknown): string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > paymentIdsMax)
    throw invalidArgument(field, `an array of 1–${paymentIdsMax} ids`);
  return value.map((id) => parseId(field, id));
}

/** Names of one payment. */
const paymentIdsMax = 10;
const urlLengthMax = 2048;

function parseUrl(field: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  // Shown as a link: nothing but the web's schemes.
  if (
    typeof value === "string" &&
    value.length <= urlLengthMax &&
    /^https?:\/\//.test(value) &&
    URL.canParse(value)
  )
    return value;
  throw invalidArgument(field, "an http or https URL");
}
