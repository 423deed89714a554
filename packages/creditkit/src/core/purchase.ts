import { parseId, parseParameters } from "./argument.ts";
import { findPackageByPrice, findPlanPrice } from "./config.ts";
import type { Engine } from "./engine.ts";
import { CreditsError } from "./errors.ts";
import type { Sold } from "./payment-provider.ts";
import { isRefusal, type Refusal, refusalError } from "./request.ts";
import type { SubscriptionStatus } from "./subscription.ts";
import { getInfo, type UserParams } from "./wallet.ts";

/**
 * What a price sells, if this user may buy it now: asked before a checkout is opened, since a payment is always honoured (rule 19).
 * @throws `UNKNOWN_PRICE`, `PURCHASE_NOT_ALLOWED` for a user without a paid plan where packages are for subscribers, `BALANCE_LIMIT` when
 *   the package would not fit under `maxUserBalance`, `CREDITS_DISABLED`, `INVALID_ARGUMENT` (`field`).
 */
export async function checkPurchase(
  engine: Engine,
  params: { userId: string; priceId: string },
): Promise<Sold> {
  engine.requireEnabled();
  const fields = parseParameters(params);
  const userId = parseId("userId", fields.userId);
  const priceId = parseId("priceId", fields.priceId);
  const planPrice = findPlanPrice(engine.config, priceId);
  if (planPrice !== undefined)
    return { kind: "plan", planId: planPrice.planId, priceId, interval: planPrice.interval };

  const sold = findPackageByPrice(engine.config, priceId);
  if (sold === undefined)
    throw new CreditsError("UNKNOWN_PRICE", `Unknown price: ${priceId}`, { field: "priceId" });
  const { allowFreeUserPurchasePackages, maxUserBalance } = engine.config.limitations;
  if (!allowFreeUserPurchasePackages && !isPaid(await getSubscription(engine, { userId })))
    throw new CreditsError("PURCHASE_NOT_ALLOWED", "Packages are for users with a paid plan");
  if (maxUserBalance !== undefined) {
    const { availableCredits, heldCredits } = await getInfo(engine, { userId });
    const has = engine.configuredUnits(availableCredits) + engine.configuredUnits(heldCredits);
    const more = engine.configuredUnits(sold.credits) + engine.configuredUnits(sold.bonus);
    if (has + more > engine.configuredUnits(maxUserBalance)) {
      throw new CreditsError(
        "BALANCE_LIMIT",
        `The package would pass a balance of ${maxUserBalance}, available ${availableCredits}`,
        { limit: maxUserBalance, available: availableCredits },
      );
    }
  }
  return { kind: "package", packageId: sold.id, priceId };
}

function isPaid(subscription: SubscriptionInfo | null): boolean {
  return subscription !== null && ["active", "trialing", "canceled"].includes(subscription.status);
}

/** A user's live paid subscription. */
export interface SubscriptionInfo {
  subscriptionId: string;
  planId: string;
  status: SubscriptionStatus;
  interval: "month" | "year";
  /** From where its periods are counted. */
  anchor: Date;
  /** Paid until. */
  currentPeriodEnd: Date;
  cancelsAtPeriodEnd: boolean;
  /** Null: the host recorded it itself. */
  provider: string | null;
}

/** @throws `INVALID_ARGUMENT` (`field`). */
export async function getSubscription(engine: Engine, params: UserParams): Promise<SubscriptionInfo | null> {
  const found = await engine.call<{
    subscription_id: string;
    plan_id: string;
    status: SubscriptionStatus;
    interval: "month" | "year";
    anchor: number;
    current_period_end: number;
    cancels_at_period_end: boolean;
    provider: string | null;
  } | null>("select credits.get_subscription($1::text, $2::text::timestamptz)::text as answer", [
    parseId("userId", parseParameters(params).userId),
    engine.now(),
  ]);
  return (
    found && {
      subscriptionId: found.subscription_id,
      planId: found.plan_id,
      status: found.status,
      interval: found.interval,
      anchor: new Date(found.anchor),
      currentPeriodEnd: new Date(found.current_period_end),
      cancelsAtPeriodEnd: found.cancels_at_period_end,
      provider: found.provider,
    }
  );
}

/** What a user has paid. */
export interface Payment {
  userId: string;
  provider: string;
  paymentId: string;
  kind: "package" | "plan";
  priceId: string;
  /** Smallest units of the currency. */
  amountPaid: number;
  currency: string;
  amountRefunded: number;
  /** Whether a dispute over it is open or lost. */
  disputed: boolean;
  /** What it granted; null where it granted nothing of its own. */
  credits: number | null;
  receiptUrl: string | null;
  createdAt: Date;
}

/** Payments of one answer: more than a page shows. */
const paymentsMax = 1_000;
const newestPayments = 100;

/**
 * The payments of a user, newest first, at most 1 000.
 * @throws `INVALID_ARGUMENT` (`field`).
 */
export function getPayments(engine: Engine, params: UserParams): Promise<Payment[]> {
  return readPayments(engine, parseId("userId", parseParameters(params).userId), paymentsMax);
}

/** The newest 100 payments of all users: for an operator. */
export function getNewestPayments(engine: Engine): Promise<Payment[]> {
  return readPayments(engine, null, newestPayments);
}

async function readPayments(engine: Engine, userId: string | null, limit: number): Promise<Payment[]> {
  const rows = await engine.call<
    {
      provider: string;
      payment_id: string;
      user_id: string;
      kind: "package" | "plan";
      price_id: string;
      granted: number | null;
      amount_paid: number;
      currency: string;
      amount_refunded: number;
      disputed: boolean;
      receipt_url: string | null;
      paid_at: number;
    }[]
  >("select credits.get_payments($1::text, $2::text::integer)::text as answer", [userId, String(limit)]);
  return rows.map((row) => ({
    userId: row.user_id,
    provider: row.provider,
    paymentId: row.payment_id,
    kind: row.kind,
    priceId: row.price_id,
    amountPaid: row.amount_paid,
    currency: row.currency,
    amountRefunded: row.amount_refunded,
    disputed: row.disputed,
    credits: row.granted === null ? null : engine.credits(row.granted),
    receiptUrl: row.receipt_url,
    createdAt: new Date(row.paid_at),
  }));
}

/**
 * A user's customer id at a provider, or null.
 * @throws `INVALID_ARGUMENT` (`field`).
 */
export function getCustomer(
  engine: Engine,
  params: { userId: string; provider: string },
): Promise<string | null> {
  const fields = parseParameters(params);
  return engine.call("select credits.get_customer($1::text, $2::text)::text as answer", [
    parseId("userId", fields.userId),
    parseId("provider", fields.provider),
  ]);
}

/**
 * Remembers a user's customer at a provider. The first one stands, and is returned.
 * @throws `IDEMPOTENCY_CONFLICT` (`userId`) when it is another user's, `INVALID_ARGUMENT` (`field`).
 */
export async function linkCustomer(
  engine: Engine,
  params: { userId: string; provider: string; customerId: string },
): Promise<string> {
  const fields = parseParameters(params);
  const answer = await engine.call<{ customer_id: string } | Refusal>(
    "select credits.link_customer($1::text, $2::text, $3::text, $4::text::timestamptz)::text as answer",
    () => [
      parseId("userId", fields.userId),
      parseId("provider", fields.provider),
      parseId("customerId", fields.customerId),
      engine.now(),
    ],
  );
  if (isRefusal(answer)) throw refusalError(engine, answer);
  return answer.customer_id;
}
