import Stripe from "stripe";
import { afterEach, describe, expect, it } from "vitest";
import { createWebhookHandler } from "../src/adapters/next.ts";
import { stripeProvider, toleranceSeconds } from "../src/adapters/stripe.ts";
import { type CreditsConfig, defaultCreditsConfig } from "../src/core/config.ts";
import { type StripeEvent, StripeStory } from "./fixtures/stripe.ts";
import { describeLedger, newUser, refusal, snapshot } from "./ledger.ts";
import { startProviderServer } from "./provider-server.ts";

const config: CreditsConfig = {
  ...defaultCreditsConfig,
  limitations: { maxUserBalance: 1000 },
  planPrices: [{ priceId: "price_pro", planId: "pro", interval: "month", amount: 19, currency: "USD" }],
};
const secret = "whsec_test_secret";
const stripe = new Stripe("sk_test_x");
const receivedAt = new Date(Date.UTC(2026, 0, 15, 12));

function signed(body: string, { with: key = secret, at = receivedAt } = {}): Headers {
  const timestamp = Math.floor(at.getTime() / 1000);
  const signature = stripe.webhooks.generateTestHeaderString({ payload: body, secret: key, timestamp });
  return new Headers({ "stripe-signature": signature });
}

describeLedger("Stripe", (ledger) => {
  const credits = () => ledger().with(config);
  const provider = (options: object = {}) =>
    stripeProvider({
      books: credits(),
      config: credits().config,
      secretKey: "sk_test_x",
      webhookSecrets: secret,
      now: () => receivedAt,
      ...options,
    });
  const post = (body: string, headers: Headers, options = {}) =>
    createWebhookHandler({
      provider: () => provider(options),
      apply: (event) => credits().applyPaymentEvent(event),
    })(new Request("http://localhost/api/webhooks/stripe", { method: "POST", body, headers }));
  const paid = (userId = newUser(), change: Partial<StripeEvent> = {}) => {
    const story = new StripeStory(userId);
    const event = story.event(
      "checkout.session.completed",
      story.session("one", "price_credits_lite", 999),
      0,
    );
    return { userId, body: JSON.stringify({ ...event, ...change }, null, 2) };
  };

  describe("webhooks", () => {
    it("are applied when Stripe has signed them, and answered once they are durable", async () => {
      const { userId, body } = paid();
      const response = await post(body, signed(body));
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({ outcome: "applied" });
      expect(await (await post(body, signed(body))).json()).toEqual({ outcome: "replayed" });
      expect(await credits().getInfo({ userId })).toMatchObject({ availableCredits: 110 });
      // Old, and just young enough.
      const late = new Date(receivedAt.getTime() - toleranceSeconds * 1000);
      expect((await post(body, signed(body, { at: late }))).status).toBe(200);
    });

    it("take the new secret and the old one while it is being replaced", async () => {
      const { body } = paid();
      const both = { webhookSecrets: ["whsec_new", secret] };
      expect((await post(body, signed(body), both)).status).toBe(200);
      expect((await post(body, signed(body, { with: "whsec_new" }), both)).status).toBe(200);
      expect((await post(body, signed(body), { webhookSecrets: ["whsec_new"] })).status).toBe(400);
    });

    const { body: honest } = paid("somebody");
    const old = new Date(receivedAt.getTime() - (toleranceSeconds + 1) * 1000);
    it.each<[what: string, body: string, headers: Headers, status?: number]>([
      ["unsigned, from a host that looks like ours", honest, new Headers({ host: "localhost" })],
      ["with an empty signature", honest, new Headers({ "stripe-signature": "" })],
      ["signed with another secret", honest, signed(honest, { with: "whsec_other" })],
      ["changed by one byte", honest.replace("999", "998"), signed(honest)],
      ["signed too long ago", honest, signed(honest, { at: old })],
      ["of the other mode", paid("x", { livemode: true }).body, signed(paid("x", { livemode: true }).body)],
      ["that are no JSON", "credits=1000", signed("credits=1000")],
      ["that are null", "null", signed("null")],
      ["that are an array", "[]", signed("[]")],
      ["without an id", paid("x", { id: "" }).body, signed(paid("x", { id: "" }).body)],
      ["of ten megabytes", "x".repeat(10 * 1024 * 1024), signed("x"), 413],
    ])("%s are refused and change nothing (rule 32)", async (_what, body, headers, status = 400) => {
      const before = await snapshot(ledger());
      const response = await post(body, headers);
      expect(response.status).toBe(status);
      // Nothing of why: that would help whoever tries.
      expect(await response.text()).not.toContain("signature");
      expect(await snapshot(ledger())).toBe(before);
      expect((await credits().getPaymentEvents({ limit: 1000 })).map(({ eventId }) => eventId)).not.toContain(
        "evt_1_x",
      );
    });

    it("that name another user than the one whose customer paid are refused, and kept", async () => {
      const { userId, body } = paid();
      await post(body, signed(body));
      const thief = newUser();
      const story = new StripeStory(userId);
      const metadata = { userId: thief, priceId: "price_credits_max" };
      const session = {
        ...story.session("two", "price_credits_max", 1),
        client_reference_id: thief,
        metadata,
      };
      const event = { ...story.event("checkout.session.completed", session, 0), id: `evt_thief_${userId}` };
      const stolen = JSON.stringify(event);
      // Whoever answers for the account sees it: the provider's dashboard shows the 500, the inbox keeps the error.
      expect((await post(stolen, signed(stolen))).status).toBe(500);
      expect(await credits().getWallet({ userId: thief })).toBeNull();
      expect(await credits().getPaymentEvents({ status: "failed" })).toContainEqual(
        expect.objectContaining({ eventId: event.id, error: "IDEMPOTENCY_CONFLICT" }),
      );
    });

    it("are answered 503 while credits are disabled, so that Stripe tries again (rule 12)", async () => {
      const { body } = paid();
      const off = ledger().with({ ...config, enabled: false });
      const handler = createWebhookHandler({
        provider: () => provider(),
        apply: (event) => off.applyPaymentEvent(event),
      });
      const request = () => new Request("http://localhost/", { method: "POST", body, headers: signed(body) });
      expect((await handler(request())).status).toBe(503);
      const none = createWebhookHandler({
        provider: () => null,
        apply: () => Promise.reject(new Error("x")),
      });
      expect((await none(request())).status).toBe(503);
      expect((await none(new Request("http://localhost/"))).status).toBe(405);
    });
  });

  describe("calls out", () => {
    let server: Awaited<ReturnType<typeof startProviderServer>> | undefined;
    afterEach(() => server?.close());

    const calling = async (answer: Parameters<typeof startProviderServer>[0]) => {
      server = await startProviderServer(answer);
      const { port } = server;
      const client = new Stripe("sk_test_x", {
        host: "127.0.0.1",
        port,
        protocol: "http",
        maxNetworkRetries: 0,
      });
      return { server, provider: provider({ stripe: client }) };
    };
    const urls = { successUrl: "https://app.example/return", cancelUrl: "https://app.example/pricing" };
    const form = (body: string) => Object.fromEntries(new URLSearchParams(body));

    it("open a checkout as Stripe documents it, with a customer that is made once", async () => {
      const userId = newUser();
      const called = await calling(({ path }) => ({
        body:
          path === "/v1/customers"
            ? { id: `cus_${userId}`, object: "customer" }
            : { id: "cs_1", object: "checkout.session", url: "https://checkout.stripe.com/c/pay/cs_1" },
      }));
      const checkout = (priceId: string, idempotencyKey?: string) =>
        called.provider.createCheckout({
          userId,
          priceId,
          email: "ada@example.com",
          ...urls,
          idempotencyKey,
        });
      expect(await checkout("price_credits_lite", "click-1")).toEqual({
        url: "https://checkout.stripe.com/c/pay/cs_1",
      });
      await checkout("price_pro");
      const [customer, first, second, ...more] = called.server.calls;
      expect(more).toEqual([]);
      expect(customer).toMatchObject({ method: "POST", path: "/v1/customers" });
      expect(customer?.headers["idempotency-key"]).toBe(`creditkit-customer-${userId}`);
      expect(form(customer?.body ?? "")).toEqual({ email: "ada@example.com", "metadata[userId]": userId });
      expect(first).toMatchObject({ method: "POST", path: "/v1/checkout/sessions" });
      expect(first?.headers["idempotency-key"]).toBe("creditkit-checkout-click-1");
      expect(first?.headers.authorization).toBe("Bearer sk_test_x");
      expect(form(first?.body ?? "")).toEqual({
        mode: "payment",
        customer: `cus_${userId}`,
        client_reference_id: userId,
        "line_items[0][price]": "price_credits_lite",
        "line_items[0][quantity]": "1",
        success_url: urls.successUrl,
        cancel_url: urls.cancelUrl,
        "metadata[userId]": userId,
        "metadata[priceId]": "price_credits_lite",
        "payment_intent_data[metadata][userId]": userId,
        "payment_intent_data[metadata][priceId]": "price_credits_lite",
      });
      expect(form(second?.body ?? "")).toMatchObject({
        mode: "subscription",
        "subscription_data[metadata][userId]": userId,
        "line_items[0][price]": "price_pro",
      });
      expect(await credits().getCustomer({ userId, provider: "stripe" })).toBe(`cus_${userId}`);
    });

    it("open the portal of a customer, and of nobody else", async () => {
      const userId = newUser();
      const called = await calling(() => ({ body: { id: "bps_1", url: "https://billing.stripe.com/p/1" } }));
      const open = () =>
        called.provider.createPortal({ userId, returnUrl: "https://app.example/app/billing" });
      expect(await refusal(open())).toMatchObject({ code: "UNKNOWN_CUSTOMER" });
      await credits().linkCustomer({ userId, provider: "stripe", customerId: `cus_${userId}` });
      expect(await open()).toEqual({ url: "https://billing.stripe.com/p/1" });
      expect(called.server.calls).toHaveLength(1);
      expect(called.server.calls[0]).toMatchObject({ path: "/v1/billing_portal/sessions" });
      expect(form(called.server.calls[0]?.body ?? "")).toEqual({
        customer: `cus_${userId}`,
        return_url: "https://app.example/app/billing",
      });
    });

    it("say that Stripe refused, with its error as the cause", async () => {
      const called = await calling(() => ({ status: 500, body: { error: { message: "down" } } }));
      const work = called.provider.createCheckout({
        userId: newUser(),
        priceId: "price_credits_lite",
        ...urls,
      });
      expect(await refusal(work)).toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
    });

    it("are not made for what cannot be bought", async () => {
      const called = await calling(() => ({ body: {} }));
      const userId = newUser();
      const buy = (change: object) =>
        refusal(
          called.provider.createCheckout({ userId, priceId: "price_credits_lite", ...urls, ...change }),
        );
      expect(await buy({ priceId: "price_unknown" })).toMatchObject({ code: "UNKNOWN_PRICE" });
      // 1 700 credits do not fit under a balance of 1 000 (rule 19).
      expect(await buy({ priceId: "price_credits_pro" })).toMatchObject({ code: "BALANCE_LIMIT" });
      expect(await buy({ successUrl: "/return" })).toMatchObject({
        code: "INVALID_ARGUMENT",
        field: "successUrl",
      });
      expect(await buy({ cancelUrl: "javascript:alert(1)" })).toMatchObject({ field: "cancelUrl" });
      expect(await buy({ userId: "" })).toMatchObject({ field: "userId" });
      const members = ledger().with({ ...config, limitations: { allowFreeUserPurchasePackages: false } });
      expect(await refusal(members.checkPurchase({ userId, priceId: "price_credits_lite" }))).toMatchObject({
        code: "PURCHASE_NOT_ALLOWED",
      });
      expect(called.server.calls).toEqual([]);
    });

    it("need a key and a secret", () => {
      expect(() => provider({ secretKey: "" })).toThrow("secretKey");
      expect(() => provider({ webhookSecrets: [""] })).toThrow("webhookSecrets");
    });
  });
});
