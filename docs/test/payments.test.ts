import { createHmac } from "node:crypto";
import { createTestCredits, type TestCredits } from "creditkit/testing";
import nock from "nock";
import Stripe from "stripe";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { blockOf, exampleFolder, runBlock } from "./example.ts";

// The providers' own servers are out of reach of a test: requests to them are answered here.
nock.disableNetConnect();
afterAll(() => {
  vi.unstubAllEnvs();
  nock.restore();
});
afterEach(() => expect(nock.pendingMocks()).toEqual([]));

const folder = exampleFolder();

async function openShop(page: string): Promise<TestCredits> {
  const { creditsConfig } = await runBlock(folder, blockOf(page, "creditsConfig"));
  return createTestCredits({ config: creditsConfig });
}

type Route = (request: Request) => Promise<Response>;
const tell = async (route: Route, body: string, headers: Record<string, string>) => {
  const answer = await route(new Request("http://localhost/api/webhooks", { method: "POST", body, headers }));
  return [answer.status, await answer.json()];
};

describe("docs/guides/stripe.md", () => {
  const page = "guides/stripe.md";
  const usual = {
    session: { user: { id: "ada", email: "ada@example.com" } },
    priceId: "price_1Lite",
    formId: "form-1",
  };
  let shop: TestCredits;
  /** What the page's module exports, with both secrets of a rotation set. */
  let app: { stripe: unknown; POST: Route };
  beforeAll(async () => {
    shop = await openShop(page);
    vi.stubEnv("STRIPE_SECRET_KEY", "rk_test_of_the_tests");
    vi.stubEnv("STRIPE_WEBHOOK_SECRET", "whsec_new,whsec_old");
    app = await runBlock(folder, blockOf(page, "stripeProvider({"), { given: { credits: shop.credits } });
  });
  afterAll(() => shop.close());

  const completed = (session: object) =>
    JSON.stringify({
      id: `evt_${crypto.randomUUID()}`,
      object: "event",
      type: "checkout.session.completed",
      created: Math.floor(Date.now() / 1000),
      livemode: false,
      data: {
        object: {
          id: "cs_test_1",
          object: "checkout.session",
          mode: "payment",
          payment_status: "paid",
          amount_total: 999,
          currency: "usd",
          customer: "cus_ada",
          payment_intent: "pi_1",
          client_reference_id: null,
          metadata: {},
          ...session,
        },
      },
    });
  const signed = (payload: string, secret = "whsec_new") => ({
    "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload, secret }),
  });

  it("grants what a verified message says is paid, once, and ignores a payment that is nobody's", async () => {
    const paid = completed({
      client_reference_id: "ada",
      metadata: { userId: "ada", priceId: "price_1Lite" },
    });
    expect(await tell(app.POST, paid, {})).toMatchObject([400, {}]);
    expect(await tell(app.POST, paid, signed(paid, "whsec_other"))).toMatchObject([400, {}]);
    expect(await tell(app.POST, paid, signed(paid))).toEqual([200, { outcome: "applied" }]);
    expect(await tell(app.POST, paid, signed(paid, "whsec_old"))).toEqual([200, { outcome: "replayed" }]);
    expect(await shop.credits.getInfo({ userId: "ada" })).toMatchObject({ availableCredits: 110 });
    const foreign = completed({});
    expect(await tell(app.POST, foreign, signed(foreign))).toEqual([200, { outcome: "ignored" }]);
  });

  it("sells a price of the configuration, and refuses any other before it asks Stripe", async () => {
    const sell = blockOf(page, "stripe.createCheckout(");
    const given = { stripe: app.stripe, ...usual };
    nock("https://api.stripe.com")
      .post("/v1/checkout/sessions", /line_items.*price_1Lite/)
      .matchHeader("authorization", "Bearer rk_test_of_the_tests")
      .reply(200, { id: "cs_1", object: "checkout.session", url: "https://checkout.stripe.com/1" });
    expect(await runBlock(folder, sell, { given, asked: ["url"] })).toEqual({
      url: "https://checkout.stripe.com/1",
    });
    const unknown = runBlock(folder, sell, { given: { ...given, priceId: "price_other" } });
    await expect(unknown).rejects.toMatchObject({ code: "UNKNOWN_PRICE" });
    await expect(runBlock(folder, sell, { given: { stripe: null } })).rejects.toThrow("not configured");
  });

  it("opens the portal of a customer, and says who is none", async () => {
    const portal = blockOf(page, "createPortal");
    const given = { stripe: app.stripe, ...usual };
    nock("https://api.stripe.com")
      .post("/v1/billing_portal/sessions", /customer=cus_ada/)
      .reply(200, { id: "bps_1", object: "billing_portal.session", url: "https://billing.stripe.com/1" });
    expect(await runBlock(folder, portal, { given, asked: ["url"] })).toEqual({
      url: "https://billing.stripe.com/1",
    });
    const stranger = { ...given, session: { user: { id: "bob", email: "bob@example.com" } } };
    const refused = runBlock(folder, portal, { given: stranger });
    await expect(refused).rejects.toMatchObject({ code: "UNKNOWN_CUSTOMER" });
  });

  it("answers 503 while the keys are not set", async () => {
    vi.stubEnv("STRIPE_WEBHOOK_SECRET", "");
    const unset = await runBlock(folder, blockOf(page, "stripeProvider({"));
    expect(unset.stripe).toBeNull();
    expect(await tell(unset.POST, "{}", {})).toMatchObject([503, {}]);
  });
});

describe("docs/guides/creem.md", () => {
  const page = "guides/creem.md";
  const given = {
    userId: "ada",
    priceId: "prod_lite",
    successUrl: "https://app.example.com/credits",
    cancelUrl: "https://app.example.com/pricing",
  };
  let shop: TestCredits;
  beforeAll(async () => {
    shop = await openShop(page);
    vi.stubEnv("CREEM_API_KEY", "creem_test_key");
    vi.stubEnv("CREEM_WEBHOOK_SECRET", "new,old");
  });
  afterAll(() => shop.close());
  const code = blockOf(page, "creemProvider({");

  it("opens a checkout, and grants what a signed message says is paid, once", async () => {
    nock("https://test-api.creem.io")
      .post("/v1/checkouts", (body) => body.product_id === "prod_lite" && body.metadata.userId === "ada")
      .matchHeader("x-api-key", "creem_test_key")
      .reply(200, { id: "ch_1", object: "checkout", checkout_url: "https://checkout.creem.io/1" });
    const options = { given: { credits: shop.credits, ...given }, asked: ["url"] };
    const { url, POST } = await runBlock(folder, code, options);
    expect(url).toBe("https://checkout.creem.io/1");

    const body = JSON.stringify({
      id: "evt_1",
      eventType: "checkout.completed",
      created_at: Date.now(),
      object: {
        id: "ch_1",
        object: "checkout",
        status: "completed",
        mode: "test",
        order: {
          id: "ord_1",
          object: "order",
          product: "prod_lite",
          status: "paid",
          type: "onetime",
          amount: 999,
          amount_paid: 999,
          currency: "USD",
          transaction: "tran_1",
          mode: "test",
        },
        product: { id: "prod_lite", object: "product", billing_type: "onetime", mode: "test" },
        customer: { id: "cust_1", object: "customer", mode: "test" },
        metadata: { userId: "ada" },
      },
    });
    const by = (secret: string) => ({
      "creem-signature": createHmac("sha256", secret).update(body).digest("hex"),
    });
    expect(await tell(POST, body, by("another"))).toMatchObject([400, {}]);
    expect(await tell(POST, body, by("new"))).toEqual([200, { outcome: "applied" }]);
    expect(await tell(POST, body, by("old"))).toEqual([200, { outcome: "replayed" }]);
    expect(await shop.credits.getInfo({ userId: "ada" })).toMatchObject({ availableCredits: 110 });
  });
});
