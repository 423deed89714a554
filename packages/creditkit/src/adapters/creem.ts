import { parseId } from "../core/argument.ts";
import type { ResolvedConfig } from "../core/config.ts";
import { CreditsError, invalidArgument } from "../core/errors.ts";
import type { PaymentBooks, PaymentProvider, WebhookMessage } from "../core/payment-provider.ts";
import { invalidWebhook, optionalRecord, requireUrl } from "../core/webhook-json.ts";
import { readCreemEvent } from "./creem-event.ts";

/** How old a Standard Webhooks signature may be, in seconds: https://www.standardwebhooks.com */
export const toleranceSeconds = 300;
const callTimeoutMs = 30_000;

export interface CreemProviderOptions {
  /** The credits: `createCredits(…)`. */
  books: PaymentBooks;
  /** `credits.config`. */
  config: ResolvedConfig;
  /** `creem_…`, or `creem_test_…` of the test mode. */
  apiKey: string;
  /** The webhook's secret; several while one is being replaced. */
  webhookSecrets: string | readonly string[];
  /** Whether real money moves. Default: by the key. Messages of the other mode are refused. */
  livemode?: boolean | undefined;
  /** Default: Creem's API of the key's mode. */
  serverUrl?: string | undefined;
  /** For tests: the time against which signatures are judged. */
  now?: (() => Date) | undefined;
}

/**
 * Creem as a payment provider. Its two calls are made with `fetch`: the official SDK brings some ninety packages for them. Opens no
 * connection until it is asked for a checkout or the portal.
 * @throws `INVALID_ARGUMENT` (`field`) without a key or a secret.
 * @example
 * const creem = creemProvider({ books: credits, config: credits.config, apiKey, webhookSecrets: webhookSecret });
 */
export function creemProvider(options: CreemProviderOptions): PaymentProvider {
  const { books, config, apiKey } = options;
  if (typeof apiKey !== "string" || apiKey === "") throw invalidArgument("apiKey", "Creem's API key");
  const secrets = [options.webhookSecrets].flat().filter((secret) => secret !== "");
  if (secrets.length === 0) throw invalidArgument("webhookSecrets", "the webhook's secret");
  const livemode = options.livemode ?? /^creem_(?!test_)/.test(apiKey);
  const serverUrl = options.serverUrl ?? (livemode ? "https://api.creem.io" : "https://test-api.creem.io");
  const now = options.now ?? (() => new Date());

  const call = async (path: string, body: object): Promise<Record<string, unknown>> => {
    try {
      const response = await fetch(`${serverUrl}${path}`, {
        method: "POST",
        headers: { "x-api-key": apiKey, "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(callTimeoutMs),
      });
      if (!response.ok) throw new Error(`Creem answered ${response.status}`);
      return optionalRecord(await response.json()) ?? {};
    } catch (cause) {
      throw new CreditsError("PROVIDER_UNAVAILABLE", "Creem refused or did not answer", {}, { cause });
    }
  };

  return {
    name: "creem",
    readEvent: async (message) => {
      if (!(await isAuthentic(message, secrets, now())))
        throw invalidWebhook("the signature is wrong or too old");
      const event = parseBody(message.body);
      const { mode } = optionalRecord(event.object) ?? {};
      if (mode !== undefined && isLive(mode) !== livemode)
        throw invalidWebhook("it belongs to the other mode, test or live");
      return readCreemEvent(event, config);
    },
    createCheckout: async ({ userId, priceId, successUrl, cancelUrl, email, idempotencyKey }) => {
      requireUrl("successUrl", successUrl);
      requireUrl("cancelUrl", cancelUrl);
      const requestId =
        idempotencyKey === undefined ? crypto.randomUUID() : parseId("idempotencyKey", idempotencyKey);
      await books.checkPurchase({ userId, priceId });
      const checkout = await call("/v1/checkouts", {
        product_id: priceId,
        request_id: requestId,
        success_url: successUrl,
        // Set by the server. Who pays and what for; never how many credits.
        metadata: { userId, priceId },
        ...(email === undefined ? {} : { customer: { email } }),
      });
      return { url: link(checkout.checkout_url) };
    },
    createPortal: async ({ userId, returnUrl }) => {
      requireUrl("returnUrl", returnUrl);
      const customer = await books.getCustomer({ userId, provider: "creem" });
      if (customer === null) throw new CreditsError("UNKNOWN_CUSTOMER", "The user has never bought anything");
      const portal = await call("/v1/customers/billing", { customer_id: customer });
      return { url: link(portal.customer_portal_link) };
    },
  };
}

/** In both of Creem's schemes: `creem-signature`, hex of the body's HMAC, and Standard Webhooks. */
async function isAuthentic(
  { body, headers }: WebhookMessage,
  secrets: readonly string[],
  now: Date,
): Promise<boolean> {
  const hex = headers.get("creem-signature");
  const [id, timestamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(
    (name) => headers.get(name) ?? "",
  ) as [string, string, string];
  const age = Math.abs(now.getTime() / 1000 - Number(timestamp));
  const isTimely = /^\d+$/.test(timestamp) && age <= toleranceSeconds;
  let found = false;
  for (const secret of secrets) {
    if (hex !== null && (await isEqual(hex, toHex(await hmac(encode(secret), body))))) found = true;
    if (id === "" || !isTimely) continue;
    // Base64, with or without its prefix; one that is no base64 is taken as it is.
    const key = fromBase64(secret.replace(/^whsec_/, "")) ?? encode(secret);
    const expected = `v1,${toBase64(await hmac(key, `${id}.${timestamp}.${body}`))}`;
    for (const signature of signatures.split(" ")) if (await isEqual(signature, expected)) found = true;
  }
  return found;
}

async function hmac(secret: Uint8Array<ArrayBuffer>, text: string): Promise<Uint8Array> {
  // No key at all is refused by WebCrypto; it would sign nothing.
  if (secret.length === 0) return new Uint8Array();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", secret, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, encode(text)));
}

/** By digest: the time it takes says nothing of where two texts differ (rule 32). */
async function isEqual(given: string, expected: string): Promise<boolean> {
  const digest = async (text: string) => new Uint8Array(await crypto.subtle.digest("SHA-256", encode(text)));
  const [one, other] = await Promise.all([digest(given), digest(expected)]);
  let difference = expected === "" ? 1 : 0;
  for (const [index, byte] of one.entries()) difference |= byte ^ (other[index] ?? 0);
  return difference === 0;
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function parseBody(body: string): Record<string, unknown> {
  try {
    return optionalRecord(JSON.parse(body)) ?? {};
  } catch {
    throw invalidWebhook("no JSON");
  }
}

function isLive(mode: unknown): boolean {
  return mode === "live" || mode === "prod" || mode === "production";
}

function link(value: unknown): string {
  if (typeof value === "string" && /^https?:\/\//.test(value)) return value;
  throw new CreditsError("PROVIDER_UNAVAILABLE", "Creem gave no page");
}
