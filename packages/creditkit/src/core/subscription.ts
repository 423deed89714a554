import { parseDate, parseId, parseParameters } from "./argument.ts";
import { ownValue } from "./config.ts";
import type { Engine } from "./engine.ts";
import { invalidArgument } from "./errors.ts";
import { unknownPlan } from "./request.ts";

/** What a provider can say of a subscription; Stripe's words. */
export const SubscriptionStatus = {
  ACTIVE: "active",
  TRIALING: "trialing",
  PAST_DUE: "past_due",
  CANCELED: "canceled",
  UNPAID: "unpaid",
  INCOMPLETE: "incomplete",
  INCOMPLETE_EXPIRED: "incomplete_expired",
  PAUSED: "paused",
} as const;
export type SubscriptionStatus = (typeof SubscriptionStatus)[keyof typeof SubscriptionStatus];

const statuses = new Set<unknown>(Object.values(SubscriptionStatus));

export interface SubscriptionParams {
  userId: string;
  subscriptionId: string;
  /** A plan of the configuration. */
  planId: string;
  status: SubscriptionStatus;
  /** The instant from which the subscription's periods are counted, for ever. */
  anchor: Date;
  /** How long one payment lasts. Either way the plan grants monthly. */
  interval: "month" | "year";
  /** Paid until. */
  currentPeriodEnd: Date;
}

/**
 * Records the current state of a subscription; the monthly grant reads it. Saying the same again changes nothing.
 * Entitled to grants: `active`, `trialing`, and `canceled` until `currentPeriodEnd`; with any other status nothing new
 * is granted. A yearly plan grants twelve times, up to `currentPeriodEnd`.
 * @throws `UNKNOWN_PLAN`, `INVALID_ARGUMENT` (`field`).
 */
export async function upsertSubscription(engine: Engine, params: SubscriptionParams): Promise<void> {
  const fields = parseParameters(params);
  const subscription = {
    user_id: parseId("userId", fields.userId),
    subscription_id: parseId("subscriptionId", fields.subscriptionId),
    plan_id: parseId("planId", fields.planId),
    status: fields.status,
    anchor: parseDate("anchor", fields.anchor),
    interval: fields.interval,
    current_period_end: parseDate("currentPeriodEnd", fields.currentPeriodEnd),
  };
  if (!statuses.has(fields.status)) throw invalidArgument("status", `one of ${[...statuses].join(", ")}`);
  if (fields.interval !== "month" && fields.interval !== "year")
    throw invalidArgument("interval", "month or year");
  if (ownValue(engine.config.subscription, subscription.plan_id) === undefined)
    throw unknownPlan(subscription.plan_id);
  await engine.call(
    `select answer::text
     from credits.upsert_subscription_for($1::text, $2::text::jsonb, $3::timestamptz) as answer`,
    () => [subscription.user_id, JSON.stringify(subscription), engine.now()],
  );
}
