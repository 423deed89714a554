import { afterEach, describe, expect, it } from "vitest";
import { stripeProvider } from "../src/adapters/stripe.ts";
import type { CheckoutParams } from "../src/core/payment-provider.ts";
import {
  config,
  fixture,
  now,
  openBooks,
  openStripe,
  type StripeAnswer,
  type StripeRequest,
  secret,
  signed,
} from "./stripe.ts";

const code = async (answer: Promise<unknown>) =>
  answer.then(
    () => "no error",
    (error) => error.code,
  );

let close: (() => Promise<unknown>) | undefined;
afterEach(() => close?.());

const usual = ({ request }: StripeRequest): StripeAnswer => {
  switch (request) {
    case "POST /v1/customers":
      return { body: { id: "cus_ada", object: "customer" } };
    case "POST /v1/checkout/sessions":
      return { body: { id: "cs_test_1", object: "checkout.session", url: "https://checkout.stripe.com/1" } };
    case "POST /v1/billing_portal/sessions":
      return {
        body: { id: "bps_1", object: "billing_portal.session", url: "https://billing.stripe.com/1" },
      };
    default:
      return { status: 404, body: { error: { type: "invalid_request_error" } } };
  }
};

async function open(answer: (request: StripeRequest) => StripeAnswer = usual) {
  const server = await openStripe(answer);
  close = server.close;
  const books = openBooks();
  const { stripe, requests } = server;
  const made = stripeProvider({
    books: books.books,
    config,
    stripe,
    livemode: false,
    webhookSecrets: secret,
    now: () => now,
  });
  return { ...books, requests, provider: made };
}

const checkout: CheckoutParams = {
  userId: "user_ada",
  priceId: "price_hundred",
  successUrl: "https://shop.example/paid?session={CHECKOUT_SESSION_ID}",
  cancelUrl: "http://localhost:3000/credits",
};

describe("createCheckout", () => {
  it("opens a payment for a package, with the user and the price wherever an event may carry them", async () => {
    const { provider, requests, asked } = await open();
    expect(await provider.createCheckout({ ...checkout, email: "ada@example.com" })).toEqual({
      url: "https://checkout.stripe.com/1",
    });
    expect(asked).toEqual(["checkPurchase user_ada price_hundred"]);
    expect(requests.map(({ request, params }) => [request, params])).toEqual([
      ["POST /v1/customers", { email: "ada@example.com", "metadata[userId]": "user_ada" }],
      [
        "POST /v1/checkout/sessions",
        {
          mode: "payment",
          customer: "cus_ada",
          client_reference_id: "user_ada",
          "line_items[0][price]": "price_hundred",
          "line_items[0][quantity]": "1",
          "metadata[userId]": "user_ada",
          "metadata[priceId]": "price_hundred",
          "payment_intent_data[metadata][userId]": "user_ada",
          "payment_intent_data[metadata][priceId]": "price_hundred",
          success_url: "https://shop.example/paid?session={CHECKOUT_SESSION_ID}",
          cancel_url: "http://localhost:3000/credits",
        },
      ],
    ]);
    expect(requests.at(-1)?.headers).toMatchObject({
      authorization: "Bearer sk_test_of_the_tests",
      "content-type": "application/x-www-form-urlencoded",
    });
  });

  it("opens a subscription for a plan", async () => {
    const { provider, requests } = await open();
    await provider.createCheckout({ ...checkout, priceId: "price_pro" });
    const { params } = requests.at(-1) ?? {};
    expect(params).toMatchObject({
      mode: "subscription",
      "line_items[0][price]": "price_pro",
      "subscription_data[metadata][userId]": "user_ada",
      "subscription_data[metadata][priceId]": "price_pro",
    });
    // Stripe refuses it for a subscription.
    expect(Object.keys(params ?? {}).filter((name) => name.startsWith("payment_intent_data"))).toEqual([]);
  });

  it("makes a user's customer once, also where two checkouts begin at once", async () => {
    const { provider, requests, customers } = await open();
    await Promise.all([provider.createCheckout(checkout), provider.createCheckout(checkout)]);
    await provider.createCheckout(checkout);
    const made = requests.filter(({ request }) => request === "POST /v1/customers");
    // Stripe answers the same key with the same customer.
    expect(new Set(made.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    expect(made[0]?.idempotencyKey).toMatch(/^creditkit-customer-[0-9a-f]{64}$/);
    expect([...customers]).toEqual([["stripe user_ada", "cus_ada"]]);

    await provider.createCheckout({ ...checkout, userId: "user_eve" });
    const other = requests.filter(({ request }) => request === "POST /v1/customers").at(-1);
    expect(other?.idempotencyKey).not.toBe(made[0]?.idempotencyKey);
  });

  it("pays as the customer who is linked, not as the one who was just made", async () => {
    const { provider, requests, books } = await open();
    books.linkCustomer = async () => "cus_first";
    await provider.createCheckout(checkout);
    expect(requests.at(-1)?.params).toMatchObject({ customer: "cus_first" });
  });

  it("sends one key for one key of one user, whatever its alphabet", async () => {
    const { provider, requests } = await open();
    const keyOf = async (userId: string, idempotencyKey?: string) => {
      await provider.createCheckout({ ...checkout, userId, idempotencyKey });
      return requests.at(-1)?.idempotencyKey;
    };
    const first = await keyOf("user_ada", "Klick № 1");
    expect(first).toMatch(/^creditkit-checkout-[0-9a-f]{64}$/);
    expect(await keyOf("user_ada", "Klick № 1")).toBe(first);
    expect(await keyOf("user_ada", "Klick № 2")).not.toBe(first);
    expect(await keyOf("user_eve", "Klick № 1")).not.toBe(first);
    // The SDK makes one of its own for each call, for its retries.
    expect(await keyOf("user_ada")).not.toBe(await keyOf("user_ada"));
  });

  it("leaves out a client_reference_id that Stripe would refuse", async () => {
    const { provider, requests } = await open();
    const userId = "u".repeat(201);
    await provider.createCheckout({ ...checkout, userId });
    expect(requests.at(-1)?.params).not.toHaveProperty("client_reference_id");
    expect(requests.at(-1)?.params).toMatchObject({ "metadata[userId]": userId });
  });

  it.each([
    ["userId", { userId: "" }],
    ["userId", { userId: 7 }],
    ["priceId", { priceId: "price\n" }],
    ["successUrl", { successUrl: "/paid" }],
    ["successUrl", { successUrl: "javascript:alert(1)" }],
    ["successUrl", { successUrl: undefined }],
    ["cancelUrl", { cancelUrl: "shop.example" }],
    ["cancelUrl", { cancelUrl: "https://" }],
    ["cancelUrl", { cancelUrl: `https://shop.example/${"x".repeat(2048)}` }],
    ["email", { email: "ada" }],
    ["idempotencyKey", { idempotencyKey: "k".repeat(256) }],
  ])("refuses a bad %s before it asks anybody: %j", async (field, bad) => {
    const { provider, requests, asked } = await open();
    await expect(provider.createCheckout({ ...checkout, ...bad } as CheckoutParams)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      field,
    });
    expect([...asked, ...requests]).toEqual([]);
  });

  it("asks Stripe nothing when the ledger refuses the purchase", async () => {
    const { provider, requests, books } = await open();
    const refused = Object.assign(new Error("no"), { code: "BALANCE_LIMIT" });
    books.checkPurchase = () => Promise.reject(refused);
    await expect(provider.createCheckout(checkout)).rejects.toBe(refused);
    expect(requests).toEqual([]);
  });

  it.each([
    [500, { type: "api_error", message: "secret detail" }],
    [401, { type: "invalid_request_error", message: "Invalid API Key provided: sk_test_****" }],
    [409, { type: "idempotency_error", code: "idempotency_key_in_use", message: "secret detail" }],
    [429, { type: "invalid_request_error", code: "rate_limit", message: "secret detail" }],
  ])("is PROVIDER_UNAVAILABLE when Stripe answers %i, with the cause", async (status, error) => {
    const { provider } = await open(() => ({ status, body: { error } }));
    const thrown = await provider
      .createCheckout({ ...checkout, idempotencyKey: "k" })
      .catch((failure: unknown) => failure);
    expect(thrown).toMatchObject({ code: "PROVIDER_UNAVAILABLE", cause: { statusCode: status } });
    expect((thrown as Error).message).not.toContain(error.message);
  });

  it("is PROVIDER_UNAVAILABLE when nobody answers", async () => {
    const { provider } = await open();
    await close?.();
    close = undefined;
    expect(await code(provider.createCheckout(checkout))).toBe("PROVIDER_UNAVAILABLE");
  });

  it("is IDEMPOTENCY_CONFLICT when its key has asked for another checkout (rule 14)", async () => {
    const { provider } = await open((request) =>
      request.request === "POST /v1/checkout/sessions"
        ? { status: 400, body: { error: { type: "idempotency_error" } } }
        : usual(request),
    );
    await expect(provider.createCheckout({ ...checkout, idempotencyKey: "k" })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
      field: "idempotencyKey",
    });
  });
});

describe("createPortal", () => {
  const portal = { userId: "user_ada", returnUrl: "https://shop.example/credits" };

  it("is UNKNOWN_CUSTOMER for a user who has never bought", async () => {
    const { provider, requests } = await open();
    expect(await code(provider.createPortal(portal))).toBe("UNKNOWN_CUSTOMER");
    expect(requests).toEqual([]);
  });

  it.each([
    ["userId", { userId: undefined }],
    ["returnUrl", { returnUrl: "ftp://shop.example" }],
  ])("refuses a bad %s", async (field, bad) => {
    const { provider } = await open();
    await expect(provider.createPortal({ ...portal, ...bad } as typeof portal)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      field,
    });
  });

  it("opens the customer's own", async () => {
    const { provider, requests } = await open();
    await provider.createCheckout(checkout);
    expect(await provider.createPortal(portal)).toEqual({ url: "https://billing.stripe.com/1" });
    expect(requests.at(-1)).toMatchObject({
      request: "POST /v1/billing_portal/sessions",
      params: { customer: "cus_ada", return_url: "https://shop.example/credits" },
    });
  });
});

describe("an invoice of more lines than a message holds", () => {
  const invoice = fixture("invoice.paid.renewal");
  const [ofPlan, ...prorations] = [...invoice.data.object.lines.data].reverse();
  invoice.data.object.lines = { ...invoice.data.object.lines, data: prorations, has_more: true };
  const message = () => signed(JSON.stringify(invoice));

  it("is read with all of them", async () => {
    const { provider, requests } = await open(({ params }) => ({
      body:
        params.starting_after === undefined
          ? { object: "list", data: prorations, has_more: true, url: "/v1/invoices/in_1/lines" }
          : { object: "list", data: [ofPlan], has_more: false, url: "/v1/invoices/in_1/lines" },
    }));
    expect(await provider.readEvent(message())).toMatchObject({
      type: "plan.paid",
      priceId: "price_max",
      isMidPeriod: false,
    });
    expect(requests.map(({ request }) => request)).toEqual([
      `GET /v1/invoices/${invoice.data.object.id}/lines`,
      `GET /v1/invoices/${invoice.data.object.id}/lines`,
    ]);
  });

  it("waits for Stripe to answer, so that the message comes again", async () => {
    const { provider } = await open(() => ({ status: 500, body: { error: { type: "api_error" } } }));
    expect(await code(provider.readEvent(message()))).toBe("PROVIDER_UNAVAILABLE");
  });
});
