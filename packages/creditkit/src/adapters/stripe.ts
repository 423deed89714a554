import Stripe from "stripe";
import { parseId, parseOptionalId, parseParameters } from "../core/argument.ts";
import type { ResolvedConfig } from "../core/config.ts";
import { CreditsError, invalidArgument } from "../core/errors.ts";
import type { PaymentEvent } from "../core/payment-event.ts";
import type {
  CheckoutParams,
  PaymentBooks,
  PaymentProvider,
  PortalParams,
  WebhookMessage,
} from "../core/payment-provider.ts";
import { readStripeEvent } from "./stripe-event.ts";
import { Field, invalidWebhook } from "./stripe-message.ts";

/** Stripe signs when it sends, each try anew: an older message is somebody else's copy (rule 32). */
const toleranceSeconds = 300;

/** Of a `client_reference_id`; Stripe refuses a longer one. Metadata takes 500. */
const referenceLengthMax = 200;
const urlLengthMax = 2048;
const emailLengthMax = 512;
/** Lines of one invoice that are looked through. */
const invoiceLinesMax = 1_000;

export type StripeProviderOptions = {
  /** `createCredits` makes one. */
  books: PaymentBooks;
  /** What prices sell: `credits.config`. */
  config: ResolvedConfig;
  /** The endpoint's signing secrets, `whsec_…`. Several while one is rotated. */
  webhookSecrets: string | readonly string[];
  /** For tests: when a message arrives. */
  now?: () => Date;
} & (
  | {
      /** `sk_…`, or better a restricted `rk_…`. */
      secretKey: string;
      /** Messages of the other mode are refused. Default: whether the key begins with `sk_live_` or `rk_live_`. */
      livemode?: boolean;
      stripe?: undefined;
    }
  | {
      /** A client of the host's own. It does not tell its key, so `livemode` has to be said. */
      stripe: Stripe;
      livemode: boolean;
      secretKey?: undefined;
    }
);

/**
 * Stripe as a payment provider: verifies its webhooks and says what they mean, opens checkouts and the customer portal. Makes no request
 * until it is asked to.
 * @throws `INVALID_ARGUMENT` (`field`) for a missing key or secret. The calls: as `PaymentProvider`, and `IDEMPOTENCY_CONFLICT` for a
 *   checkout whose `idempotencyKey` has asked for another one.
 * @example
 * const stripe = stripeProvider({
 *   books: credits,
 *   config: credits.config,
 *   secretKey: process.env.STRIPE_SECRET_KEY,
 *   webhookSecrets: process.env.STRIPE_WEBHOOK_SECRET,
 * });
 */
export function stripeProvider(options: StripeProviderOptions): PaymentProvider {
  const fields = parseParameters(options);
  if (typeof options.books?.checkPurchase !== "function")
    throw invalidArgument("books", "what createCredits made");
  if (!Array.isArray(options.config?.planPrices)) throw invalidArgument("config", "a resolved configuration");
  return new StripeProvider(
    options.books,
    options.config,
    options.stripe ?? new Stripe(parseSecret("secretKey", fields.secretKey)),
    parseSecrets(fields.webhookSecrets),
    parseLivemode(fields),
    options.now ?? (() => new Date()),
  );
}

class StripeProvider implements PaymentProvider {
  readonly name = "stripe";

  constructor(
    private readonly books: PaymentBooks,
    private readonly config: ResolvedConfig,
    private readonly stripe: Stripe,
    private readonly secrets: readonly string[],
    private readonly livemode: boolean,
    private readonly now: () => Date,
  ) {}

  async readEvent({ body, headers }: WebhookMessage): Promise<PaymentEvent | null> {
    const event = await this.verify(body, headers.get("stripe-signature"));
    // A test payment costs nothing; in the real books it would buy credits.
    if (!new Field(event, "event").at("livemode").is(this.livemode))
      throw invalidWebhook(`it is not of ${this.livemode ? "live" : "test"} mode`);
    return readStripeEvent(this.config, new Field(await this.withAllLines(event), "event"));
  }

  private async verify(body: string, signature: string | null): Promise<unknown> {
    if (!signature) throw invalidWebhook("it is not signed");
    const receivedAt = this.now().getTime();
    for (const secret of this.secrets) {
      try {
        return await this.stripe.webhooks.constructEventAsync(
          body,
          signature,
          secret,
          toleranceSeconds,
          undefined,
          receivedAt,
        );
      } catch (error) {
        // The SDK's error carries the whole payload, so it goes no further (rule 33).
        if (failureOf(error).type !== "StripeSignatureVerificationError")
          throw invalidWebhook("it is not an event in JSON");
      }
    }
    throw invalidWebhook(`no secret of this endpoint has signed it in the last ${toleranceSeconds} seconds`);
  }

  /**
   * A message holds an invoice's first ten lines, prorations before the plan's own: after five changes of plan in a month the line
   * that counts is not among them.
   */
  private async withAllLines(event: unknown): Promise<unknown> {
    const invoice = new Field(event, "event").at("data").at("object");
    const isPartial = invoice.at("object").is("invoice") && invoice.at("lines").at("has_more").is(true);
    if (!isPartial || !new Field(event, "event").at("type").is("invoice.paid")) return event;
    const id = invoice.at("id").id();
    const data = await ask(() =>
      this.stripe.invoices.listLineItems(id, { limit: 100 }).autoPagingToArray({ limit: invoiceLinesMax }),
    );
    const { data: held, ...envelope } = event as { data: { object: object } };
    return { ...envelope, data: { object: { ...held.object, lines: { object: "list", data } } } };
  }

  async createCheckout(params: CheckoutParams): Promise<{ url: string }> {
    const fields = parseParameters(params);
    const userId = parseId("userId", fields.userId);
    const priceId = parseId("priceId", fields.priceId);
    const urls = {
      success_url: parseReturnUrl("successUrl", fields.successUrl),
      cancel_url: parseReturnUrl("cancelUrl", fields.cancelUrl),
    };
    const email = parseEmail(fields.email);
    const key = parseOptionalId("idempotencyKey", fields.idempotencyKey);

    const sold = await this.books.checkPurchase({ userId, priceId });
    const customer = await this.customerOf(userId, email);
    // On the payment and the subscription too, since their own events carry no session.
    const metadata = { userId, priceId };
    const { url } = await ask(async () =>
      this.stripe.checkout.sessions.create(
        {
          ...(sold.kind === "plan"
            ? { mode: "subscription" as const, subscription_data: { metadata } }
            : { mode: "payment" as const, payment_intent_data: { metadata } }),
          line_items: [{ price: priceId, quantity: 1 }],
          customer,
          ...(userId.length <= referenceLengthMax ? { client_reference_id: userId } : {}),
          metadata,
          ...urls,
        },
        key === undefined ? undefined : { idempotencyKey: await stripeKey("checkout", userId, key) },
      ),
    );
    if (!url) throw unavailable("a checkout without a URL");
    return { url };
  }

  async createPortal(params: PortalParams): Promise<{ url: string }> {
    const fields = parseParameters(params);
    const userId = parseId("userId", fields.userId);
    const returnUrl = parseReturnUrl("returnUrl", fields.returnUrl);
    const customer = await this.books.getCustomer({ userId, provider: this.name });
    if (customer === null)
      throw new CreditsError("UNKNOWN_CUSTOMER", "The user has not bought anything from Stripe yet");
    const { url } = await ask(() =>
      this.stripe.billingPortal.sessions.create({ customer, return_url: returnUrl }),
    );
    if (!url) throw unavailable("a portal without a URL");
    return { url };
  }

  /** One customer for each user, also where two checkouts begin at once: Stripe answers both with the same one. */
  private async customerOf(userId: string, email: string | undefined): Promise<string> {
    const whose = { userId, provider: this.name };
    const known = await this.books.getCustomer(whose);
    if (known !== null) return known;
    // Of the email too: the same key with another email would be refused for a day.
    const idempotencyKey = await stripeKey("customer", userId, email ?? "");
    const { id } = await ask(() =>
      this.stripe.customers.create(
        { metadata: { userId }, ...(email === undefined ? {} : { email }) },
        { idempotencyKey },
      ),
    );
    // The SDK takes an error without Stripe's words, such as a proxy's, for an answer.
    if (typeof id !== "string") throw unavailable("a customer without an id");
    return this.books.linkCustomer({ ...whose, customerId: id });
  }
}

/** A key of this user's own, of any length and alphabet, as a header can carry it. */
async function stripeKey(purpose: string, ...parts: string[]): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(parts));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `creditkit-${purpose}-${hex}`;
}

/** Runs requests to Stripe. Whatever they throw is the provider's failure. */
async function ask<Answer>(request: () => Promise<Answer>): Promise<Answer> {
  try {
    return await request();
  } catch (error) {
    const { type, code, statusCode } = failureOf(error);
    // A key that has asked for something else (rule 14). A key whose first request is still running is 409.
    if (type === "StripeIdempotencyError" && statusCode === 400) {
      throw new CreditsError(
        "IDEMPOTENCY_CONFLICT",
        "The idempotency key has asked for something else before",
        { field: "idempotencyKey" },
        { cause: error },
      );
    }
    // Its message may quote a part of the key.
    throw unavailable([type, code, statusCode].filter(Boolean).join(" ") || "no answer", error);
  }
}

function unavailable(what: string, cause?: unknown): CreditsError {
  return new CreditsError("PROVIDER_UNAVAILABLE", `Stripe answered: ${what}`, {}, { cause });
}

function failureOf(error: unknown): { type?: unknown; code?: unknown; statusCode?: unknown } {
  return typeof error === "object" && error !== null ? error : {};
}

function parseSecret(field: string, value: unknown): string {
  // With an empty secret anybody could sign.
  if (typeof value === "string" && value.trim() !== "") return value;
  throw invalidArgument(field, "a secret from Stripe's dashboard");
}

function parseSecrets(value: unknown): string[] {
  const secrets: unknown[] = Array.isArray(value) ? value : [value];
  if (secrets.length === 0) throw invalidArgument("webhookSecrets", "at least one secret");
  return secrets.map((secret) => parseSecret("webhookSecrets", secret));
}

function parseLivemode({ livemode, secretKey }: { livemode?: unknown; secretKey?: unknown }): boolean {
  if (typeof livemode === "boolean") return livemode;
  if (livemode === undefined && typeof secretKey === "string") return /^[sr]k_live_/.test(secretKey);
  throw invalidArgument("livemode", "true or false");
}

function parseReturnUrl(field: string, value: unknown): string {
  if (
    typeof value === "string" &&
    value.length <= urlLengthMax &&
    /^https?:\/\//i.test(value) &&
    URL.canParse(value)
  )
    return value;
  throw invalidArgument(field, "an absolute http or https URL");
}

function parseEmail(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && value.length <= emailLengthMax && /^[^\s@]+@[^\s@]+$/.test(value))
    return value;
  throw invalidArgument("email", "an email address");
}
