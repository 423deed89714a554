import Stripe from "stripe";
import { describe, expect, it } from "vitest";
import { createWebhookHandler } from "../src/adapters/next.ts";
import { stripeProvider } from "../src/adapters/stripe.ts";
import { type CreditsConfig, defaultCreditsConfig } from "../src/core/config.ts";
import { describeLedger, newUser, snapshot } from "./ledger.ts";
import { type StripeEvent, StripeStory } from "./stripe-story.ts";

const config: CreditsConfig = {
  ...defaultCreditsConfig,
  planPrices: [{ priceId: "price_pro", planId: "pro", interval: "month", amount: 19, currency: "USD" }],
};
const secret = "whsec_test_secret";
const toleranceSeconds = 300;
const stripe = new Stripe("sk_test_x");
const receivedAt = new Date(Date.UTC(2026, 0, 15, 12));

function signed(body: string, { with: key = secret, at = receivedAt } = {}): Headers {
  const timestamp = Math.floor(at.getTime() / 1000);
  const signature = stripe.webhooks.generateTestHeaderString({ payload: body, secret: key, timestamp });
  return new Headers({ "stripe-signature": signature });
}

describeLedger("the webhook of Stripe", (ledger) => {
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
});
