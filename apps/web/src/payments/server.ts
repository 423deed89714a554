import "server-only";
import type { PaymentEvent, PaymentProvider } from "creditkit";
import { creemProvider } from "creditkit/creem";
import { stripeProvider } from "creditkit/stripe";
import { getCredits } from "@/credits/server";
import { readEnvironment } from "@/env";
import { createDemoProvider, type DemoProvider } from "@/payments/demo-provider";

/** Stripe, when its two keys are there. */
export async function getStripe(): Promise<PaymentProvider | null> {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_WEBHOOK_SECRET: webhookSecrets } = readEnvironment();
  if (!secretKey || !webhookSecrets) return null;
  const credits = await getCredits();
  return stripeProvider({
    books: credits,
    config: credits.config,
    secretKey,
    webhookSecrets: list(webhookSecrets),
  });
}

/** Creem, when its two keys are there. */
export async function getCreem(): Promise<PaymentProvider | null> {
  const { CREEM_API_KEY: apiKey, CREEM_WEBHOOK_SECRET: webhookSecrets } = readEnvironment();
  if (!apiKey || !webhookSecrets) return null;
  const credits = await getCredits();
  return creemProvider({
    books: credits,
    config: credits.config,
    apiKey,
    webhookSecrets: list(webhookSecrets),
  });
}

/** The provider that moves no money, where it is allowed and no other one is configured. */
export async function getDemo(): Promise<DemoProvider | null> {
  if (!isDemoAllowed() || (await getStripe()) !== null || (await getCreem()) !== null) return null;
  return createDemoProvider(await getCredits());
}

/**
 * Outside production, or when the operator says so: in production it would give credits away. `npm start` at the root is a trial and
 * says so itself.
 */
function isDemoAllowed(): boolean {
  const { NODE_ENV, PAYMENTS_DEMO } = readEnvironment();
  return NODE_ENV !== "production" || PAYMENTS_DEMO === "allow";
}

/** Whom to buy from; null: nothing can be bought. */
export async function getPaymentProvider(): Promise<PaymentProvider | null> {
  return (await getStripe()) ?? (await getCreem()) ?? (await getDemo());
}

export async function applyPaymentEvent(event: PaymentEvent) {
  return (await getCredits()).applyPaymentEvent(event);
}

/** Several secrets, separated by commas, while one is being replaced. */
function list(secrets: string): string[] {
  return secrets.split(",").map((secret) => secret.trim());
}
