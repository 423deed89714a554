import {
  type CreditPackage,
  type CreditsConfig,
  type PlanCreditsConfig,
  resolveConfig,
} from "creditkit/config";

/**
 * THE configuration of the credits: what is sold, granted and charged. It holds no secret and does no I/O, so pages
 * may import it too. Every value is checked here, at import; a wrong one stops the start with all problems listed.
 *
 * A price id is the provider's (a Stripe `price_…` or a Creem `prod_…`) and comes from the environment. The fallbacks
 * keep a fresh clone running; they are no provider's ids, so nothing can be bought with them.
 */
export const creditsConfig = resolveConfig({
  enabled: true,
  registration: { enabled: true, amount: 20, validityDays: 30 },
  limitations: { allowFreeUserPurchasePackages: true, maxUserBalance: 10_000, lowBalance: 10 },
  subscription: {
    free: { id: "free", enabled: true, monthlyGrant: 10, validityDays: 30 },
    pro: { id: "pro", enabled: true, monthlyGrant: 200, validityDays: 30 },
  },
  packages: {
    lite: {
      id: "lite",
      name: "Lite",
      credits: 100,
      priceId: process.env.CREDIT_LITE_PRICE_ID || "price_credits_lite",
      amount: 9.99,
      currency: "USD",
      validityDays: 90,
      bonus: 10,
    },
    standard: {
      id: "standard",
      name: "Standard",
      credits: 500,
      priceId: process.env.CREDIT_STANDARD_PRICE_ID || "price_credits_standard",
      amount: 29.99,
      currency: "USD",
      validityDays: 90,
      bonus: 50,
    },
    pro: {
      id: "pro",
      name: "Pro",
      credits: 1500,
      priceId: process.env.CREDIT_PRO_PRICE_ID || "price_credits_pro",
      amount: 79.99,
      currency: "USD",
      popular: true,
      validityDays: 90,
      bonus: 200,
    },
    max: {
      id: "max",
      name: "Max",
      credits: 5000,
      priceId: process.env.CREDIT_MAX_PRICE_ID || "price_credits_max",
      amount: 199.99,
      currency: "USD",
      validityDays: 365,
      bonus: 1000,
    },
  },
  planPrices: [
    {
      priceId: process.env.NEXT_PUBLIC_PRICE_ID_PRO_MONTHLY || "price_pro_monthly",
      planId: "pro",
      interval: "month",
      amount: 19.9,
      currency: "USD",
    },
    {
      priceId: process.env.NEXT_PUBLIC_PRICE_ID_PRO_YEARLY || "price_pro_yearly",
      planId: "pro",
      interval: "year",
      amount: 199,
      currency: "USD",
    },
  ],
  consumption: {
    "google:fast": 1,
    "google:chat": 2,
    "google:reasoning": 4,
    "google:image": 5,
  },
} satisfies CreditsConfig);

/** What a service costs that has no price of its own. */
const consumptionDefault = 1;

export function isCreditsEnabled(): boolean {
  return creditsConfig.enabled;
}

export function getCreditPackages(): CreditPackage[] {
  return Object.values(creditsConfig.packages);
}

export function getCreditPackageById(id: string): CreditPackage | null {
  return own(creditsConfig.packages, id) ?? null;
}

/** Credits that one use of the service costs; 1 when it is not configured. */
export function getCreditConsumption(service: string): number {
  return own(creditsConfig.consumption, service) ?? consumptionDefault;
}

export function getSubscriptionPlanCredits(planId: string): PlanCreditsConfig | null {
  return own(creditsConfig.subscription, planId) ?? null;
}

export function isRegistrationCreditsEnabled(): boolean {
  return creditsConfig.enabled && creditsConfig.registration.enabled;
}

export function allowFreeUserPurchasePackages(): boolean {
  return creditsConfig.limitations.allowFreeUserPurchasePackages;
}

/** `__proto__` and `constructor` are ordinary unknown names (rule 11). */
function own<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
