import Stripe from "stripe";
import { parseId } from "../core/argument.ts";
import type { ResolvedConfig } from "../core/config.ts";
import { CreditsError, invalidArgument } from "../core/errors.ts";
import type { PaymentBooks, PaymentProvider } from "../core/payment-provider.ts";
import { invalidWebhook, optionalRecord, requireUrl } from "../core/webhook-json.ts";
import { readStripeEvent } from "./stripe-event.ts";

/** How old a signature may be (rule 32), in seconds. */
export const toleranceSeconds = 300;

export interface StripeProviderOptions {
  /** The credits: `createCredits(…)`. */
  books: PaymentBooks;
  /** `credits.config`. */
  config: ResolvedConfig;
  /** `sk_live_…`, `sk_test_…`, or a restricted key `rk_…`. */
  secretKey: string;
  /** `whsec_…` of the endpoint; several while one is being replaced. */
  webhookSecrets: string | readonly string[];
  /** Whether real money moves. Default: by the key. Messages of the other mode are refused. */
  livemode?: boolean | undefined;
  /** A client of the host's own, e.g. with another API version or a proxy. */
  stripe?: Stripe | undefined;
  /** For tests: the time against which signatures are judged. */
  now?: (() => Date) | undefined;
}

/**
 * Stripe as a payment provider, on the official SDK. Opens no connection until it is asked for a checkout or the portal.
 * @throws `INVALID_ARGUMENT` (`field`) without a key or a secret.
 * @example
 * const stripe = stripeProvider({ books: credits, config: credits.config, secretKey, webhookSecrets: webhookSecret });
 */
export function stripeProvider(options: StripeProviderOptions): PaymentProvider {
  const { books, config, secretKey } = options;
  if (typeof secretKey !== "string" || secretKey === "")
    throw invalidArgument("secretKey", "Stripe's secret key");
  const secrets = [options.webhookSecrets].flat().filter((secret) => secret !== "");
  if (secrets.length === 0) throw invalidArgument("webhookSecrets", "the endpoint's signing secret");
  const livemode = options.livemode ?? /^(sk|rk)_live_/.test(secretKey);
  const stripe = options.stripe ?? new Stripe(secretKey, { maxNetworkRetries: 2, telemetry: false });

  const verified = async (body: string, signature: string) => {
    for (const secret of secrets) {
      try {
        const event = await stripe.webhooks.constructEventAsync(
          body,
          signature,
          secret,
          toleranceSeconds,
          undefined,
          // Milliseconds, though Stripe's own timestamps are seconds.
          options.now?.().getTime(),
        );
        return optionalRecord(event) ?? {};
      } catch {
        // The next secret, while one is being replaced. What was wrong is not for the sender to know.
      }
    }
    throw invalidWebhook("the signature is wrong or too old");
  };

  /** The customer is made once per user: Stripe answers the same one to the same key, and the first that is remembered stands. */
  const customerOf = async (userId: string, email: string | undefined) => {
    const known = await books.getCustomer({ userId, provider: "stripe" });
    if (known !== null) return known;
    const customer = await called(() =>
      stripe.customers.create(
        { metadata: { userId }, ...(email === undefined ? {} : { email }) },
        { idempotencyKey: `creditkit-customer-${userId}` },
      ),
    );
    return books.linkCustomer({ userId, provider: "stripe", customerId: customer.id });
  };

  return {
    name: "stripe",
    readEvent: async ({ body, headers }) => {
      const event = await verified(body, headers.get("stripe-signature") ?? "");
      if (event.livemode !== livemode) throw invalidWebhook("it belongs to the other mode, test or live");
      return readStripeEvent(event, config);
    },
    createCheckout: async ({ userId, priceId, successUrl, cancelUrl, email, idempotencyKey }) => {
      requireUrl("successUrl", successUrl);
      requireUrl("cancelUrl", cancelUrl);
      const key = idempotencyKey === undefined ? undefined : parseId("idempotencyKey", idempotencyKey);
      const sold = await books.checkPurchase({ userId, priceId });
      const customer = await customerOf(userId, email);
      // Set by the server, signed by Stripe on its way back. Who pays and what for; never how many credits.
      const metadata = { userId, priceId };
      const session = await called(() =>
        stripe.checkout.sessions.create(
          {
            mode: sold.kind === "plan" ? "subscription" : "payment",
            customer,
            client_reference_id: userId,
            line_items: [{ price: priceId, quantity: 1 }],
            success_url: successUrl,
            cancel_url: cancelUrl,
            metadata,
            ...(sold.kind === "plan"
              ? { subscription_data: { metadata } }
              : { payment_intent_data: { metadata } }),
          },
          key === undefined ? {} : { idempotencyKey: `creditkit-checkout-${key}` },
        ),
      );
      if (session.url === null)
        throw new CreditsError("PROVIDER_UNAVAILABLE", "Stripe gave no checkout page");
      return { url: session.url };
    },
    createPortal: async ({ userId, returnUrl }) => {
      requireUrl("returnUrl", returnUrl);
      const customer = await books.getCustomer({ userId, provider: "stripe" });
      if (customer === null) throw new CreditsError("UNKNOWN_CUSTOMER", "The user has never bought anything");
      const { url } = await called(() =>
        stripe.billingPortal.sessions.create({ customer, return_url: returnUrl }),
      );
      return { url };
    },
  };
}

async function called<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (cause) {
    throw new CreditsError("PROVIDER_UNAVAILABLE", "Stripe refused or did not answer", {}, { cause });
  }
}
