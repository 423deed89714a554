import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CreditsConfig, defaultCreditsConfig } from "../src/core/config.ts";
import type { Credits } from "../src/core/operations.ts";
import type { CheckoutParams, PaymentProvider, WebhookMessage } from "../src/core/payment-provider.ts";
import { type Ledger, newUser, openPgliteLedger, refusal } from "./ledger.ts";
import { startProviderServer } from "./provider-server.ts";

const conformanceConfig: CreditsConfig = {
  ...defaultCreditsConfig,
  limitations: { maxUserBalance: 1_000 },
  planPrices: [{ priceId: "price_pro", planId: "pro", interval: "month", amount: 19, currency: "USD" }],
};

/** What the suite has to know of a provider to try it. */
export interface ProviderUnderTest {
  name: string;
  /** The provider with its API at this address. */
  make(credits: Credits, url: string): PaymentProvider;
  /** What its API answers, by path. */
  answer(path: string): unknown;
  /** A message that a package of `price_credits_lite` is paid by a user, signed now. */
  paid(userId: string): WebhookMessage;
  /** A message of the real mode, where the tests' key is one of the test mode. */
  live(userId: string): WebhookMessage;
}

/** What any payment provider must do: the seam between verified messages and the ledger. */
export function describeProvider({ name, make, answer, paid, live }: ProviderUnderTest): void {
  describe(`the payment provider ${name}`, () => {
    let ledger: Ledger;
    let credits: Credits;
    let status = 200;
    let server: Awaited<ReturnType<typeof startProviderServer>>;
    let provider: PaymentProvider;
    beforeAll(async () => {
      ledger = await openPgliteLedger();
      ledger.clock.set(new Date());
      credits = ledger.with(conformanceConfig);
      server = await startProviderServer(({ path }) => ({
        status,
        body: status === 200 ? answer(path) : {},
      }));
      provider = make(credits, server.url);
    });
    afterAll(async () => {
      await server.close();
      await ledger.close();
    });
    const order = (change: Partial<CheckoutParams> = {}): CheckoutParams => ({
      userId: newUser(),
      priceId: "price_credits_lite",
      successUrl: "https://app.example/return",
      cancelUrl: "https://app.example/pricing",
      ...change,
    });

    it("reports under its own name what it read, the same each time, and moves nothing by reading", async () => {
      const userId = newUser();
      const message = paid(userId);
      const event = await provider.readEvent(message);
      expect(event).toMatchObject({ provider: provider.name, type: "purchase.paid", userId });
      expect(await provider.readEvent(message)).toEqual(event);
      expect(await credits.getWallet({ userId })).toBeNull();
    });

    it("reads what the ledger can apply: once, and for what the configuration says", async () => {
      const userId = newUser();
      const event = await provider.readEvent(paid(userId));
      if (event === null) throw new Error("It says nothing");
      expect(await credits.applyPaymentEvent(event)).toMatchObject({ outcome: "applied" });
      expect(await credits.applyPaymentEvent(event)).toMatchObject({ outcome: "replayed" });
      expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 110 });
    });

    it.each<[what: string, change: (message: WebhookMessage) => WebhookMessage]>([
      ["unsigned", ({ body }) => ({ body, headers: new Headers() })],
      ["changed by a byte", ({ body, headers }) => ({ body: `${body} `, headers })],
      ["empty", ({ headers }) => ({ body: "", headers })],
      ["with another one's signature", ({ headers }) => ({ body: paid("another").body, headers })],
    ])("refuses a message that is %s (rule 32)", async (_what, change) => {
      expect(await refusal(provider.readEvent(change(paid(newUser()))))).toMatchObject({
        code: "INVALID_WEBHOOK",
      });
    });

    it("refuses a message of the other mode", async () => {
      expect(await refusal(provider.readEvent(live(newUser())))).toMatchObject({ code: "INVALID_WEBHOOK" });
    });

    it("opens a checkout for a package and for a plan, and tells the provider who buys and no amount of credits", async () => {
      const before = server.calls.length;
      for (const priceId of ["price_credits_lite", "price_pro"]) {
        const bought = order({ priceId });
        const { url } = await provider.createCheckout(bought);
        expect(new URL(url).protocol).toBe("https:");
        const { body = "" } = server.calls.at(-1) ?? {};
        expect(decodeURIComponent(body)).toContain(bought.userId);
        expect(body).toContain(priceId);
        expect(body).not.toMatch(/110|credits_amount|bonus/);
      }
      expect(server.calls.length).toBeGreaterThan(before);
    });

    it.each<[code: string, change: Partial<CheckoutParams>]>([
      ["UNKNOWN_PRICE", { priceId: "price_of_nothing" }],
      ["BALANCE_LIMIT", { priceId: "price_credits_max" }],
      ["INVALID_ARGUMENT", { userId: "" }],
      ["INVALID_ARGUMENT", { successUrl: "/return" }],
      ["INVALID_ARGUMENT", { cancelUrl: "javascript:alert(1)" }],
    ])("asks nobody for a checkout that is %s", async (code, change) => {
      const before = server.calls.length;
      expect(await refusal(provider.createCheckout(order(change)))).toMatchObject({ code });
      expect(server.calls).toHaveLength(before);
    });

    it("opens the portal of a customer, and of nobody else", async () => {
      const userId = newUser();
      const open = () => provider.createPortal({ userId, returnUrl: "https://app.example/app/billing" });
      expect(await refusal(open())).toMatchObject({ code: "UNKNOWN_CUSTOMER" });
      await credits.linkCustomer({ userId, provider: provider.name, customerId: `cus_${userId}` });
      expect(new URL((await open()).url).protocol).toBe("https:");
      expect(server.calls.at(-1)?.body).toContain(`cus_${userId}`);
    });

    it("says that the provider is away", async () => {
      status = 500;
      try {
        expect(await refusal(provider.createCheckout(order()))).toMatchObject({
          code: "PROVIDER_UNAVAILABLE",
        });
      } finally {
        status = 200;
      }
    });
  });
}
