import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import Stripe from "stripe";
import type { StripeProviderOptions } from "../src/adapters/stripe.ts";
import { defaultCreditsConfig, resolveConfig } from "../src/core/config.ts";
import type { PaymentBooks } from "../src/core/payment-provider.ts";

/** What Stripe's tests have in common: a configuration, its messages, signed ones, and a server in Stripe's place. */

export const config = resolveConfig({
  ...defaultCreditsConfig,
  subscription: {
    ...defaultCreditsConfig.subscription,
    max: { id: "max", enabled: true, monthlyGrant: 500, validityDays: 30 },
  },
  packages: {
    hundred: { id: "hundred", credits: 100, bonus: 0, priceId: "price_hundred", amount: 10, currency: "USD" },
  },
  planPrices: [
    { priceId: "price_pro", planId: "pro", interval: "month", amount: 19, currency: "USD" },
    { priceId: "price_max", planId: "max", interval: "month", amount: 49, currency: "USD" },
  ],
});

export interface StripeEvent {
  id: string;
  type: string;
  created: number;
  livemode: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: tests change what they like in a message
  data: { object: any };
}

const folder = new URL("fixtures/stripe/", import.meta.url);

export const fixtureNames = readdirSync(folder).map((name) => name.replace(/\.json$/, ""));

export function fixture(name: string): StripeEvent {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"));
}

/** A fixture with other fields in its object. */
export function changed(name: string, object: object): StripeEvent {
  const event = fixture(name);
  return { ...event, data: { ...event.data, object: { ...event.data.object, ...object } } };
}

export const secret = "whsec_of_the_tests";
export const now = new Date("2026-01-15T10:00:30.000Z");

/** A message as Stripe sends it: the time, and the HMAC of the time and the body. */
export function signed(body: string, with_: { secret?: string; timestamp?: number } = {}) {
  const header = Stripe.webhooks.generateTestHeaderString({
    payload: body,
    secret: with_.secret ?? secret,
    timestamp: with_.timestamp ?? Math.floor(now.getTime() / 1000),
  });
  return { body, headers: new Headers({ "stripe-signature": header }) };
}

/** Books that allow everything, and remember customers. */
export function openBooks() {
  const customers = new Map<string, string>();
  const asked: string[] = [];
  const books: PaymentBooks = {
    async checkPurchase({ userId, priceId }) {
      asked.push(`checkPurchase ${userId} ${priceId}`);
      return config.planPrices.some((price) => price.priceId === priceId)
        ? { kind: "plan", planId: "pro", priceId, interval: "month" }
        : { kind: "package", packageId: "hundred", priceId };
    },
    async getCustomer({ userId, provider }) {
      return customers.get(`${provider} ${userId}`) ?? null;
    },
    async linkCustomer({ userId, provider, customerId }) {
      const first = customers.get(`${provider} ${userId}`) ?? customerId;
      customers.set(`${provider} ${userId}`, first);
      return first;
    },
  };
  return { books, customers, asked };
}

export const options = {
  books: openBooks().books,
  config,
  secretKey: "sk_test_of_the_tests",
  webhookSecrets: secret,
  now: () => now,
} satisfies StripeProviderOptions;

export interface StripeRequest {
  request: string;
  params: Record<string, string>;
  idempotencyKey: string | undefined;
  headers: IncomingMessage["headers"];
}

export interface StripeAnswer {
  status?: number;
  body: unknown;
}

/** A server in Stripe's place, and the official SDK pointed at it. */
export async function openStripe(answer: (request: StripeRequest) => StripeAnswer) {
  const requests: StripeRequest[] = [];
  const server = createServer(async (message, response) => {
    let body = "";
    for await (const chunk of message) body += chunk;
    const url = new URL(message.url ?? "", "http://localhost");
    const key = message.headers["idempotency-key"];
    const request: StripeRequest = {
      request: `${message.method} ${url.pathname}`,
      params: Object.fromEntries([...url.searchParams, ...new URLSearchParams(body)]),
      idempotencyKey: typeof key === "string" ? key : undefined,
      headers: message.headers,
    };
    requests.push(request);
    const { status = 200, body: answered } = answer(request);
    response.writeHead(status, { "content-type": "application/json", "request-id": "req_of_the_tests" });
    response.end(JSON.stringify(answered));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    requests,
    stripe: new Stripe("sk_test_of_the_tests", {
      host: "127.0.0.1",
      port,
      protocol: "http",
      maxNetworkRetries: 0,
    }),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
