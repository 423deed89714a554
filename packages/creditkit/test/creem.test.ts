import { createHmac } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { creemProvider, toleranceSeconds } from "../src/adapters/creem.ts";
import { readCreemEvent } from "../src/adapters/creem-event.ts";
import { createWebhookHandler } from "../src/adapters/next.ts";
import { type CreditsConfig, defaultCreditsConfig, resolveConfig } from "../src/core/config.ts";
import { CreemStory } from "./creem-story.ts";
import { describeLedger, newUser, refusal, snapshot } from "./ledger.ts";
import { startProviderServer } from "./provider-server.ts";

const config: CreditsConfig = {
  ...defaultCreditsConfig,
  planPrices: [{ priceId: "price_pro", planId: "pro", interval: "month", amount: 19, currency: "USD" }],
};
const resolved = resolveConfig(config);
const secret = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw==";
const receivedAt = new Date(Date.UTC(2026, 0, 15, 12));
const at = (minutes: number) => new Date(Date.UTC(2026, 0, 15, 9, minutes));

const hex = (body: string, key = secret) => createHmac("sha256", key).update(body).digest("hex");
const signed = (body: string, key = secret) => new Headers({ "creem-signature": hex(body, key) });
function standard(body: string, { id = "msg_1", when = receivedAt, key = secret } = {}): Headers {
  const timestamp = String(Math.floor(when.getTime() / 1000));
  const bytes = Buffer.from(key.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", bytes).update(`${id}.${timestamp}.${body}`).digest("base64");
  return new Headers({
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,AAAA v1,${signature}`,
  });
}

describe("an event of Creem", () => {
  const story = new CreemStory("ada");
  const read = (type: string, object: Record<string, unknown>) =>
    readCreemEvent({ ...story.event(type, object, 3) }, resolved);

  it("says who paid for what", () => {
    expect(read("checkout.completed", story.checkout("one", "price_credits_lite", 999))).toEqual({
      type: "purchase.paid",
      provider: "creem",
      eventId: expect.stringMatching(/^evt_/),
      occurredAt: at(3),
      userId: "ada",
      customerId: "cust_ada",
      paymentIds: ["ord_one_ada", "tran_one_ada", "ch_one_ada"],
      priceId: "price_credits_lite",
      amountPaid: 1209,
      currency: "USD",
    });
    const unpaid = { order: story.order("one", "price_credits_lite", 999, "onetime", "pending") };
    expect(read("checkout.completed", story.checkout("one", "p", 1, unpaid))).toMatchObject({
      type: "noted",
    });
    expect(read("checkout.completed", story.checkout("one", "p", 1, { metadata: {} }))).toBeNull();
    expect(read("checkout.completed", story.planCheckout("price_pro"))).toMatchObject({
      type: "checkout.completed",
      subscriptionId: "sub_ada",
    });
    expect(
      read("checkout.completed", { ...story.planCheckout("price_pro"), subscription: null }),
    ).toMatchObject({ type: "checkout.completed", userId: "ada" });
  });

  it("takes what was bought from the order, whatever the metadata says (rule 15)", () => {
    const greedy = { metadata: { userId: "ada", priceId: "price_credits_max", credits: 1_000_000_000 } };
    const event = read("checkout.completed", story.checkout("one", "price_credits_lite", 999, greedy));
    expect(event).toMatchObject({ priceId: "price_credits_lite" });
    expect(JSON.stringify(event)).not.toContain("1000000000");
  });

  it("takes a period from the subscription", () => {
    expect(read("subscription.paid", story.subscription("price_pro", "active"))).toMatchObject({
      type: "plan.paid",
      userId: "ada",
      subscriptionId: "sub_ada",
      paymentIds: ["tran_plan_ada"],
      priceId: "price_pro",
      periodStart: at(0),
      periodEnd: new Date(at(0).getTime() + 31 * 86_400_000),
      amountPaid: 1900,
    });
    const taxed = story.subscription("price_pro", "active", { last_transaction: { amount_paid: 2110 } });
    expect(read("subscription.paid", taxed)).toMatchObject({ amountPaid: 2110 });
    expect(read("subscription.paid", story.subscription("price_other", "active"))).toBeNull();
  });

  it.each([
    ["subscription.active", "active", "active"],
    ["subscription.trialing", "trialing", "trialing"],
    ["subscription.update", "past_due", "past_due"],
    ["subscription.scheduled_cancel", "scheduled_cancel", "active"],
    ["subscription.update", "scheduled_cancel", "active"],
    ["subscription.canceled", "canceled", "canceled"],
    ["subscription.paused", "paused", "paused"],
    ["subscription.past_due", "active", "past_due"],
    ["subscription.unpaid", "unpaid", "unpaid"],
    // Creem goes on trying after a period has expired unpaid.
    ["subscription.expired", "active", "past_due"],
  ])("%s in status %s is %s", (type, stated, status) => {
    expect(read(type, story.subscription("price_pro", stated))).toMatchObject({
      type: "subscription.changed",
      status,
      anchor: at(0),
      cancelsAtPeriodEnd: type === "subscription.scheduled_cancel" || stated === "scheduled_cancel",
    });
  });

  it("counts a period from the subscription's beginning where it names none", () => {
    const {
      current_period_start_date: _,
      current_period_end_date: __,
      ...bare
    } = story.subscription("price_pro", "active");
    expect(read("subscription.active", bare)).toMatchObject({
      anchor: at(0),
      currentPeriodEnd: new Date(Date.UTC(2026, 1, 15, 9)),
    });
    const late = { ...bare, created_at: "2026-01-31T09:00:00.000Z", current_period_end_date: null };
    expect(read("subscription.active", late)).toMatchObject({
      currentPeriodEnd: new Date(Date.UTC(2026, 1, 28, 9)),
    });
  });

  it("tells what went back, and what is disputed, of which payment", () => {
    expect(read("refund.created", story.refund("one", "a", 403, 1209))).toMatchObject({
      type: "payment.refunded",
      paymentIds: ["tran_one_ada", "ord_one_ada"],
      refund: { id: "ref_a_ada", amount: 403 },
      amountPaid: 1209,
    });
    // All payments of a plan share its first order.
    expect(read("refund.created", story.refund("plan", "b", 1, 2110, true))).toMatchObject({
      paymentIds: ["tran_plan_ada"],
    });
    expect(read("refund.created", story.refund("one", "a", 1, 1209, false, "pending"))).toMatchObject({
      type: "noted",
    });
    expect(read("dispute.created", story.dispute("two", 3209))).toMatchObject({
      type: "dispute.changed",
      status: "open",
      amount: 3209,
      amountPaid: 3209,
    });
    expect(read("license.created", {})).toBeNull();
    expect(read("constructor", {})).toBeNull();
  });
});

describeLedger("Creem", (ledger) => {
  const credits = () => ledger().with(config);
  const provider = (options: object = {}) =>
    creemProvider({
      books: credits(),
      config: credits().config,
      apiKey: "creem_test_x",
      webhookSecrets: secret,
      now: () => receivedAt,
      ...options,
    });
  const post = (body: string, headers: Headers, options = {}) =>
    createWebhookHandler({
      provider: () => provider(options),
      apply: (event) => credits().applyPaymentEvent(event),
    })(new Request("http://localhost/api/webhooks/creem", { method: "POST", body, headers }));
  const paid = (userId = newUser(), change: object = {}, mode = "test") => {
    const story = new CreemStory(userId, undefined, mode);
    const event = story.event("checkout.completed", story.checkout("one", "price_credits_lite", 999), 0);
    return { userId, body: JSON.stringify({ ...event, ...change }, null, 2) };
  };

  describe("webhooks", () => {
    it("are applied when Creem has signed them, in either scheme", async () => {
      const { userId, body } = paid();
      expect(await (await post(body, signed(body))).json()).toEqual({ outcome: "applied" });
      expect(await (await post(body, standard(body))).json()).toEqual({ outcome: "replayed" });
      // Without a time in its signature, only its id says that it was there before (rule 32).
      expect(
        await (await post(body, signed(body), { now: () => new Date(Date.UTC(2036, 0)) })).json(),
      ).toEqual({
        outcome: "replayed",
      });
      expect(await credits().getInfo({ userId })).toMatchObject({ availableCredits: 110 });
    });

    it("are of the mode that the key says, where they say one", async () => {
      const send = (mode: string | undefined, apiKey: string) => {
        const { body } = paid(newUser(), {}, mode ?? "none");
        const text = body.replaceAll('"mode": "none"', '"none": "none"');
        return post(text, signed(text), { apiKey });
      };
      expect((await send("prod", "creem_live")).status).toBe(200);
      expect((await send("test", "creem_live")).status).toBe(400);
      expect((await send("sandbox", "creem_test_x")).status).toBe(200);
      expect((await send(undefined, "creem_live")).status).toBe(200);
    });

    it("take a secret of Standard Webhooks without its prefix", async () => {
      const { body } = paid();
      const bare = { webhookSecrets: secret.slice("whsec_".length) };
      expect((await post(body, standard(body), bare)).status).toBe(200);
      expect((await post(body, standard(body, { key: "whsec_b3RoZXI=" }), bare)).status).toBe(400);
    });

    it("take the new secret and the old one while it is being replaced", async () => {
      const { body } = paid();
      const other = "whsec_b3RoZXI=";
      const both = { webhookSecrets: [other, secret] };
      expect((await post(body, signed(body), both)).status).toBe(200);
      expect((await post(body, signed(body, other), both)).status).toBe(200);
      expect((await post(body, standard(body), both)).status).toBe(200);
      expect((await post(body, signed(body), { webhookSecrets: [other] })).status).toBe(400);
    });

    const { body: honest } = paid("somebody");
    const { body: nameless } = paid("somebody", { id: "" });
    const { body: live } = paid("somebody", {}, "prod");
    const old = new Date(receivedAt.getTime() - (toleranceSeconds + 1) * 1000);
    it.each<[what: string, body: string, headers: Headers, status?: number]>([
      ["unsigned, from a host that looks like ours", honest, new Headers({ host: "localhost" })],
      ["with an empty signature", honest, new Headers({ "creem-signature": "" })],
      ["signed with another secret", honest, signed(honest, "whsec_b3RoZXI=")],
      ["changed by one byte", honest.replace("999", "998"), signed(honest)],
      ["signed too long ago", honest, standard(honest, { when: old })],
      ["with the signature of another message", honest, standard(honest, { key: "whsec_b3RoZXI=" })],
      ["with an empty event id", nameless, signed(nameless)],
      ["of the other mode", live, signed(live)],
      ["that are no JSON", "credits=1000", signed("credits=1000")],
      ["that are null", "null", signed("null")],
      ["of ten megabytes", "x".repeat(10 * 1024 * 1024), signed("x"), 413],
    ])("%s are refused and change nothing (rule 32)", async (_what, body, headers, status = 400) => {
      const before = await snapshot(ledger());
      expect((await post(body, headers)).status).toBe(status);
      expect(await snapshot(ledger())).toBe(before);
    });
  });

  describe("calls out", () => {
    let server: Awaited<ReturnType<typeof startProviderServer>> | undefined;
    afterEach(() => server?.close());
    const urls = { successUrl: "https://app.example/return", cancelUrl: "https://app.example/pricing" };

    it("open a checkout and a portal as Creem documents it", async () => {
      server = await startProviderServer(({ path }) => ({
        body:
          path === "/v1/checkouts"
            ? { id: "ch_1", checkout_url: "https://creem.io/test/checkout/ch_1" }
            : { customer_portal_link: "https://creem.io/my-orders/login/x" },
      }));
      const creem = provider({ serverUrl: server.url });
      const userId = newUser();
      const order = { userId, priceId: "price_credits_lite", email: "ada@example.com", ...urls };
      expect(await creem.createCheckout({ ...order, idempotencyKey: "click-1" })).toEqual({
        url: "https://creem.io/test/checkout/ch_1",
      });
      const [call] = server.calls;
      expect(call).toMatchObject({ method: "POST", path: "/v1/checkouts" });
      expect(call?.headers["x-api-key"]).toBe("creem_test_x");
      expect(JSON.parse(call?.body ?? "")).toEqual({
        product_id: "price_credits_lite",
        request_id: "click-1",
        success_url: urls.successUrl,
        metadata: { userId, priceId: "price_credits_lite" },
        customer: { email: "ada@example.com" },
      });
      const portal = () => creem.createPortal({ userId, returnUrl: "https://app.example/app/billing" });
      expect(await refusal(portal())).toMatchObject({ code: "UNKNOWN_CUSTOMER" });
      await credits().linkCustomer({ userId, provider: "creem", customerId: `cust_${userId}` });
      expect(await portal()).toEqual({ url: "https://creem.io/my-orders/login/x" });
      expect(JSON.parse(server.calls[1]?.body ?? "")).toEqual({ customer_id: `cust_${userId}` });
    });

    it("say that Creem refused, and are not made for what cannot be bought", async () => {
      server = await startProviderServer(() => ({ status: 403, body: { message: "Forbidden" } }));
      const creem = provider({ serverUrl: server.url });
      const order = { userId: newUser(), priceId: "price_credits_lite", ...urls };
      expect(await refusal(creem.createCheckout(order))).toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
      const calls = server.calls.length;
      expect(await refusal(creem.createCheckout({ ...order, priceId: "x" }))).toMatchObject({
        code: "UNKNOWN_PRICE",
      });
      expect(await refusal(creem.createCheckout({ ...order, successUrl: "/x" }))).toMatchObject({
        field: "successUrl",
      });
      expect(server.calls).toHaveLength(calls);
      expect(() => provider({ apiKey: "" })).toThrow("apiKey");
      expect(() => provider({ webhookSecrets: [] })).toThrow("webhookSecrets");
    });
  });
});
