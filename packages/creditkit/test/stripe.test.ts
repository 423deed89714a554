import { describe, expect, it } from "vitest";
import { stripeProvider } from "../src/adapters/stripe.ts";
import { fixture, now, options, secret, signed } from "./stripe.ts";

const body = JSON.stringify(fixture("checkout.session.completed"));
const seconds = Math.floor(now.getTime() / 1000);
const provider = stripeProvider(options);
const code = async (answer: Promise<unknown>) =>
  answer.then(
    () => "no error",
    (error) => error.code,
  );

describe("a webhook", () => {
  it("that Stripe signed is read", async () => {
    expect(await provider.readEvent(signed(body))).toMatchObject({
      type: "purchase.paid",
      userId: "user_ada",
    });
  });

  it.each([
    ["without a signature", { body, headers: new Headers() }],
    ["with an empty signature", { body, headers: new Headers({ "stripe-signature": "" }) }],
    ["with something else for a signature", { body, headers: new Headers({ "stripe-signature": "v1=00" }) }],
    ["signed with another secret", signed(body, { secret: "whsec_of_somebody" })],
    ["with one byte changed", { ...signed(body), body: body.replace("user_ada", "user_eve") }],
    ["with a byte more", { ...signed(body), body: `${body} ` }],
    ["with the signature of another body", { ...signed("{}"), body }],
    ["that is older than 300 s (rule 32)", signed(body, { timestamp: seconds - 301 })],
    ["that is empty", signed("")],
    ["that is not JSON", signed("credits=1000")],
    ["that is null", signed("null")],
    ["that is a list", signed("[]")],
    ["that is a thin event", signed(JSON.stringify({ object: "v2.core.event", livemode: false }))],
    ["without an id", signed(body.replace(/"id":"evt_\w+"/, '"id":""'))],
    ["without a time", signed(body.replace(/"created":\d+,"data"/, '"data"'))],
    ["of live mode", signed(body.replaceAll('"livemode":false', '"livemode":true'))],
    ["of no mode", signed(body.replaceAll('"livemode":false', '"livemode":"false"'))],
    ["whose metadata names another user", signed(body.replace('"userId":"user_ada"', '"userId":"user_eve"'))],
  ])("%s is INVALID_WEBHOOK", async (_what, message) => {
    expect(await code(provider.readEvent(message))).toBe("INVALID_WEBHOOK");
  });

  it("says nothing of what it held in its error (rule 33)", async () => {
    const error = await provider
      .readEvent({ ...signed(body), body: body.replace("user_ada", "user_eve") })
      .catch((thrown: unknown) => thrown);
    expect(JSON.stringify({ ...(error as Error), message: (error as Error).message })).not.toContain("user_");
    expect(error).not.toHaveProperty("cause");
  });

  it("may be as old as 300 s", async () => {
    expect(await code(provider.readEvent(signed(body, { timestamp: seconds - 300 })))).toBe("no error");
  });

  it("may be signed with any secret of a rotation", async () => {
    const rotating = stripeProvider({ ...options, webhookSecrets: ["whsec_new", secret] });
    expect(await code(rotating.readEvent(signed(body)))).toBe("no error");
    expect(await code(rotating.readEvent(signed(body, { secret: "whsec_new" })))).toBe("no error");
    expect(await code(rotating.readEvent(signed(body, { secret: "whsec_old" })))).toBe("INVALID_WEBHOOK");
  });

  it.each([
    ["sk_live_1", true],
    ["rk_live_1", true],
    ["sk_test_1", false],
    ["rk_test_1", false],
  ])("is of the mode of the key %s", async (secretKey, livemode) => {
    const of = (mode: boolean) => signed(body.replaceAll('"livemode":false', `"livemode":${mode}`));
    const keyed = stripeProvider({ ...options, secretKey });
    expect(await code(keyed.readEvent(of(livemode)))).toBe("no error");
    expect(await code(keyed.readEvent(of(!livemode)))).toBe("INVALID_WEBHOOK");
  });
});

describe("stripeProvider", () => {
  it.each([
    ["books", { books: {} }],
    ["config", { config: {} }],
    ["secretKey", { secretKey: undefined }],
    ["secretKey", { secretKey: " " }],
    ["webhookSecrets", { webhookSecrets: undefined }],
    ["webhookSecrets", { webhookSecrets: "" }],
    ["webhookSecrets", { webhookSecrets: [] }],
    ["webhookSecrets", { webhookSecrets: [secret, " "] }],
    ["livemode", { livemode: "false" }],
    ["livemode", { secretKey: undefined, stripe: {} }],
  ])("refuses to be made with a bad %s: %j", (field, bad) => {
    expect(() => stripeProvider({ ...options, ...bad } as never)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", field }),
    );
  });
});
