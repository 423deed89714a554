/** How the files of an app name each other and its database. */
export interface Names {
  config: string;
  server: string;
  actions: string;
  payments: string;
  /** The module that exports Drizzle's `db`; null: the ledger opens a pool of its own. */
  database: string | null;
}

export const paymentProviders = ["stripe", "creem", "none"] as const;
export type Payments = (typeof paymentProviders)[number];

export function configTemplate(): string {
  return `import {
  type CreditPackage,
  type CreditsConfig,
  type PlanCreditsConfig,
  resolveConfig,
} from "creditkit/config";

/**
 * What is sold, granted and charged. No secrets and no I/O, so pages may import it too. It is checked at import: a
 * wrong value stops the start with every problem listed.
 */
export const creditsConfig = resolveConfig({
  registration: { enabled: true, amount: 20, validityDays: 30 },
  limitations: { allowFreeUserPurchasePackages: true, maxUserBalance: 10_000 },
  subscription: {
    free: { id: "free", enabled: true, monthlyGrant: 10, validityDays: 30 },
    pro: { id: "pro", enabled: true, monthlyGrant: 200, validityDays: 30 },
  },
  packages: {
    lite: {
      id: "lite",
      name: "Lite",
      credits: 100,
      bonus: 10,
      priceId: process.env.CREDIT_LITE_PRICE_ID || "price_credits_lite",
      amount: 9.99,
      currency: "USD",
      validityDays: 90,
    },
    standard: {
      id: "standard",
      name: "Standard",
      credits: 500,
      bonus: 50,
      priceId: process.env.CREDIT_STANDARD_PRICE_ID || "price_credits_standard",
      amount: 29.99,
      currency: "USD",
      validityDays: 90,
      popular: true,
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
  ],
  consumption: { "ai:text": 1, "ai:image": 5 },
} satisfies CreditsConfig);

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
  return own(creditsConfig.consumption, service) ?? 1;
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

/** \`constructor\` is an ordinary unknown name. */
function own<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.prototype.hasOwnProperty.call(record, name) ? record[name] : undefined;
}
`;
}

export function serverTemplate({ config, database }: Names): string {
  if (database !== null)
    return `import "server-only";
import { createCredits } from "creditkit";
import { fromDrizzle } from "creditkit/drizzle";
import { creditsConfig } from "${config}";
import { db } from "${database}";

/** The ledger, in the app's own database. \`npx creditkit migrate\` makes its schema. */
export const credits = createCredits({ database: fromDrizzle(db), config: creditsConfig });
`;
  return `import "server-only";
import { createCredits } from "creditkit";
import { fromPool } from "creditkit/pg";
import { Pool } from "pg";
import { creditsConfig } from "${config}";

// One pool per process: the development server loads this module again after each change.
const shared = globalThis as typeof globalThis & { creditsPool?: Pool };
shared.creditsPool ??= new Pool({ connectionString: process.env.DATABASE_URL });

/** The ledger, in the app's own database. \`npx creditkit migrate\` makes its schema. */
export const credits = createCredits({ database: fromPool(shared.creditsPool), config: creditsConfig });
`;
}

export function actionsTemplate({ server }: Names): string {
  return `import "server-only";
import {
  type ConsumeForServiceParams,
  type ConsumeParams,
  CreditsError,
  type CreditsInfo,
  type GetTransactionsParams,
  type GrantParams,
  type TransactionPage,
} from "creditkit";
import { credits } from "${server}";

/*
 * For the app's own server code. Never make this a "use server" module: with that directive every function here would
 * be an endpoint that any browser can call, grants included.
 */

export { type ConsumptionLog, CreditTransactionType, type GrantResult } from "creditkit";

export type GrantCreditsParams = GrantParams;
export type ConsumeCreditsParams = ConsumeParams;

export async function grantCredits(params: GrantCreditsParams) {
  return credits.grant(params);
}

export async function grantRegistrationBonus(userId: string) {
  return credits.grantRegistrationBonus(userId);
}

export async function grantSubscriptionCredits(
  userId: string,
  amount: number,
  planId: string,
  validityDays: number,
  grantPeriod?: string,
  purchaseId?: string,
) {
  return credits.grantSubscription({
    userId,
    amount,
    planId,
    validityDays,
    ...(grantPeriod === undefined ? {} : { grantPeriod }),
    ...(purchaseId === undefined ? {} : { purchaseId }),
  });
}

/** The package that \`priceId\` sells decides the amount. */
export async function grantPurchasedCredits(params: {
  userId: string;
  priceId: string;
  purchaseId: string;
}): Promise<void> {
  await credits.grantPurchased(params);
}

export async function consumeCreditsForService(params: ConsumeForServiceParams) {
  return credits.consumeForService(params);
}

export async function consumeCreditsWithFIFO(params: ConsumeCreditsParams) {
  return credits.consume(params);
}

/** Trusts the caller about whose credits may be read. */
export async function getUserCreditsInfo(params: { userId: string }): Promise<QueryResult<CreditsInfo>> {
  return query(() => credits.getInfo(params));
}

/** Trusts the caller about whose history may be read. */
export async function getUserTransactions(
  params: GetTransactionsParams,
): Promise<QueryResult<TransactionPage>> {
  return query(() => credits.getTransactions(params));
}

export async function processDailyGrant() {
  return credits.processDailyGrant();
}

export async function processExpiredCredits() {
  return credits.processExpired();
}

/** A query's answer: one of the two is set. */
export interface QueryResult<Data> {
  data?: Data;
  serverError?: string;
}

async function query<Data>(run: () => Promise<Data>): Promise<QueryResult<Data>> {
  try {
    return { data: await run() };
  } catch (error) {
    // A driver puts SQL and values into its messages: the browser gets none of them.
    if (CreditsError.is(error)) return { serverError: error.message };
    console.error("[Credits] a query failed:", error instanceof Error ? error.name : "unknown");
    return { serverError: "Something went wrong" };
  }
}
`;
}

export function jobTemplate(job: "grant" | "expire", { server }: Names): string {
  const run = job === "grant" ? "processDailyGrant" : "processExpired";
  return `import { createCronHandler } from "creditkit/next";
import { credits } from "${server}";

export const GET = createCronHandler({
  job: "${job}",
  secret: () => process.env.CRON_SECRET,
  run: () => credits.${run}(),
});
`;
}

export function paymentsTemplate(payments: Exclude<Payments, "none">, { server }: Names): string {
  const isStripe = payments === "stripe";
  const key = isStripe ? "STRIPE_SECRET_KEY" : "CREEM_API_KEY";
  const secret = isStripe ? "STRIPE_WEBHOOK_SECRET" : "CREEM_WEBHOOK_SECRET";
  return `import "server-only";
import type { PaymentProvider } from "creditkit";
import { ${payments}Provider } from "creditkit/${payments}";
import { credits } from "${server}";

/** ${isStripe ? "Stripe" : "Creem"}, when its two keys are there. */
export function getPaymentProvider(): PaymentProvider | null {
  const key = process.env.${key};
  const webhookSecret = process.env.${secret};
  if (!key || !webhookSecret) return null;
  return ${payments}Provider({
    books: credits,
    config: credits.config,
    ${isStripe ? "secretKey" : "apiKey"}: key,
    webhookSecrets: webhookSecret,
  });
}
`;
}

export function webhookTemplate({ server, payments }: Names): string {
  return `import { createWebhookHandler } from "creditkit/next";
import { getPaymentProvider } from "${payments}";
import { credits } from "${server}";

export const POST = createWebhookHandler({
  provider: getPaymentProvider,
  apply: (event) => credits.applyPaymentEvent(event),
});
`;
}
