import { createHmac, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Visitor } from "./visitor.ts";
import {
  startAndFail,
  startWebServer,
  temporaryDirectory,
  type Variables,
  type WebServer,
} from "./web-server.ts";

const stripeSecret = "whsec_of_the_tests";
const creemSecret = "a creem secret of the tests";

function post(server: WebServer, path: string, body: string, headers: Record<string, string> = {}) {
  return fetch(`${server.url}${path}`, {
    method: "POST",
    body,
    headers: { connection: "close", ...headers },
  });
}

async function withServer(variables: Variables, work: (server: WebServer) => Promise<void>): Promise<void> {
  const server = await startWebServer({ DATA_DIR: "memory://", ...variables });
  try {
    await work(server);
  } finally {
    await server.stop();
  }
}

describe("with Stripe and Creem set up", () => {
  let server: WebServer;
  let ada: Visitor;
  beforeAll(async () => {
    server = await startWebServer({
      DATA_DIR: "memory://",
      STRIPE_SECRET_KEY: "sk_test_x",
      STRIPE_WEBHOOK_SECRET: stripeSecret,
      CREEM_API_KEY: "creem_test_x",
      CREEM_WEBHOOK_SECRET: creemSecret,
      PAYMENTS_DEMO: "allow",
    });
    ada = new Visitor(server.url);
    await ada.signUp();
  });
  afterAll(() => server?.stop());

  const stripeEvent = (userId: string, change: object = {}) =>
    JSON.stringify({
      id: `evt_${randomUUID()}`,
      object: "event",
      type: "checkout.session.completed",
      created: Math.floor(Date.now() / 1000),
      livemode: false,
      data: {
        object: {
          id: `cs_${userId}`,
          object: "checkout.session",
          mode: "payment",
          payment_status: "paid",
          payment_intent: `pi_${userId}`,
          client_reference_id: userId,
          customer: `cus_${userId}`,
          amount_total: 999,
          currency: "usd",
          metadata: { userId, priceId: "price_credits_lite", credits: "1000000" },
        },
      },
      ...change,
    });
  const stripeSignature = (body: string, time = Math.floor(Date.now() / 1000)) => ({
    "stripe-signature": `t=${time},v1=${createHmac("sha256", stripeSecret).update(`${time}.${body}`).digest("hex")}`,
  });

  test("a signed message of Stripe grants what the configuration says, once", async () => {
    const body = stripeEvent(ada.userId);
    const answers = await Promise.all(
      [1, 2, 3].map(() => post(server, "/api/webhooks/stripe", body, stripeSignature(body))),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const outcomes = await Promise.all(answers.map((answer) => answer.json()));
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(["applied", "replayed", "replayed"]);
    expect(await ada.creditsInfo()).toMatchObject({ data: { availableCredits: 20 + 110 } });
  });

  test("a signed message of Creem grants too", async () => {
    const object = {
      id: `ch_${ada.userId}`,
      object: "checkout",
      mode: "test",
      order: {
        id: `ord_${ada.userId}`,
        product: "price_credits_lite",
        amount: 999,
        currency: "USD",
        status: "paid",
        type: "onetime",
      },
      product: { id: "price_credits_lite" },
      customer: { id: `cust_${ada.userId}` },
      metadata: { userId: ada.userId },
    };
    const body = JSON.stringify({
      id: `evt_${randomUUID()}`,
      eventType: "checkout.completed",
      created_at: Date.now(),
      object,
    });
    const signature = createHmac("sha256", creemSecret).update(body).digest("hex");
    const response = await post(server, "/api/webhooks/creem", body, { "creem-signature": signature });
    expect([response.status, await response.json()]).toEqual([200, { outcome: "applied" }]);
    expect(await ada.creditsInfo()).toMatchObject({ data: { availableCredits: 20 + 110 + 110 } });
  });

  test.each<[what: string, send: (body: string) => Promise<Response>, status: number]>([
    ["unsigned", (body) => post(server, "/api/webhooks/stripe", body, { host: "localhost" }), 400],
    [
      "changed by one byte",
      (body) => post(server, "/api/webhooks/stripe", body.replace("999", "998"), stripeSignature(body)),
      400,
    ],
    [
      "signed six minutes ago",
      (body) =>
        post(
          server,
          "/api/webhooks/stripe",
          body,
          stripeSignature(body, Math.floor(Date.now() / 1000) - 360),
        ),
      400,
    ],
    ["of Creem without a signature", (body) => post(server, "/api/webhooks/creem", body), 400],
    ["of ten megabytes", () => post(server, "/api/webhooks/stripe", "x".repeat(10 * 1024 * 1024)), 413],
    ["asked for with GET", () => fetch(`${server.url}/api/webhooks/stripe`), 405],
  ])("a message that is %s is refused", async (_what, send, status) => {
    const eve = new Visitor(server.url);
    await eve.signUp();
    expect((await send(stripeEvent(eve.userId))).status).toBe(status);
    expect(await eve.creditsInfo()).toMatchObject({ data: { availableCredits: 20 } });
  });

  test("the demo is not there, though it is allowed", async () => {
    expect(server.output()).toContain("[Start] Payments: stripe");
    expect((await post(server, "/api/webhooks/demo", "{}")).status).toBe(503);
    expect((await ada.fetch("/demo-pay")).status).toBe(404);
    expect((await ada.fetch("/api/demo-pay", { method: "POST" })).status).toBe(404);
  });
});

describe("in production", () => {
  test("nothing can be bought without a provider, and the demo is not there unless it is allowed", async () => {
    await withServer({}, async (server) => {
      expect(server.output()).toContain("[Start] Payments: none; nothing can be bought");
      const ada = new Visitor(server.url);
      await ada.signUp();
      expect(await (await ada.fetch("/pricing")).text()).toContain("nothing can be bought");
      for (const path of ["stripe", "creem", "demo"])
        expect((await post(server, `/api/webhooks/${path}`, "{}")).status).toBe(503);
      for (const path of ["/demo-pay", "/demo-pay/admin", "/demo-pay/portal"])
        expect((await ada.fetch(path)).status).toBe(404);
      for (const path of ["/api/demo-pay", "/api/demo-pay/admin", "/api/demo-pay/portal"])
        expect((await ada.fetch(path, { method: "POST" })).status).toBe(404);
      const form = new URLSearchParams({ priceId: "price_credits_lite" });
      const response = await ada.fetch("/api/checkout", { method: "POST", body: form });
      expect(response.headers.get("location")).toBe(`${server.url}/pricing?problem=NOT_SET_UP`);
    });
  });

  test("the app does not start with another word than `allow`", async () => {
    const { exitCode, output } = await startAndFail({ DATA_DIR: "memory://", PAYMENTS_DEMO: "yes" });
    expect(exitCode).not.toBe(0);
    expect(output).toContain("PAYMENTS_DEMO must be `allow` or unset");
  });
});

describe("with the demo", () => {
  const directory = temporaryDirectory();
  let server: WebServer;
  let ada: Visitor;
  let admin: Visitor;
  beforeAll(async () => {
    const variables = { DATA_DIR: directory.path, PAYMENTS_DEMO: "allow" };
    const first = await startWebServer(variables);
    const account = new Visitor(first.url);
    await account.signUp();
    await first.stop();
    server = await startWebServer({ ...variables, ADMIN_EMAILS: account.email });
    ada = new Visitor(server.url);
    admin = new Visitor(server.url, account.email);
    await ada.signUp();
    await admin.signIn();
  });
  afterAll(async () => {
    await server?.stop();
    directory.remove();
  });

  const send = (visitor: Visitor, path: string, fields: Record<string, string>, headers = {}) =>
    visitor.fetch(path, { method: "POST", body: new URLSearchParams(fields), headers });
  const checkout = async (visitor: Visitor, priceId: string) => {
    const response = await send(visitor, "/api/checkout", { priceId });
    return new URL(response.headers.get("location") ?? "", server.url);
  };
  const available = async (visitor: Visitor) =>
    ((await visitor.creditsInfo()) as { data: { availableCredits: number } }).data.availableCredits;

  test("says loudly that payments are a demo", () => {
    expect(server.output()).toContain("[Start] WARNING: payments are a demo");
  });

  test("a checkout is opened for the user of the session, who alone can answer it, from this app's pages", async () => {
    const url = await checkout(ada, "price_credits_lite");
    expect(url.pathname).toBe("/demo-pay");
    const order = url.searchParams.get("order") ?? "";
    const bob = new Visitor(server.url);
    await bob.signUp();
    expect((await bob.fetch(`${url.pathname}${url.search}`)).status).toBe(404);
    expect((await send(bob, "/api/demo-pay", { order, decision: "pay" })).status).toBe(400);
    const foreign = { origin: "https://evil.example" };
    expect((await send(ada, "/api/demo-pay", { order, decision: "pay" }, foreign)).status).toBe(403);
    expect((await send(ada, "/api/checkout", { priceId: "price_credits_lite" }, foreign)).status).toBe(403);
    const forged = order.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    expect((await send(ada, "/api/demo-pay", { order: forged, decision: "pay" })).status).toBe(400);
    expect((await send(ada, "/api/demo-pay", { order, decision: "constructor" })).status).toBe(400);
    expect(await available(ada)).toBe(20);

    // Pressed twice, paid once: it is one order.
    await Promise.all([1, 2].map(() => send(ada, "/api/demo-pay", { order, decision: "pay" })));
    expect(await available(ada)).toBe(130);
  });

  test("a checkout that fails grants nothing", async () => {
    const url = await checkout(ada, "price_credits_lite");
    const order = url.searchParams.get("order") ?? "";
    const response = await send(ada, "/api/demo-pay", { order, decision: "fail" });
    expect(response.headers.get("location")).toContain("/pricing?problem=PAYMENT_FAILED");
    expect(await available(ada)).toBe(130);
  });

  test("what cannot be bought opens no checkout", async () => {
    expect((await checkout(ada, "price_of_nothing")).search).toBe("?problem=UNKNOWN_PRICE");
    const anonymous = new Visitor(server.url);
    expect((await checkout(anonymous, "price_credits_lite")).pathname).toBe("/sign-in");
    const page = await (await anonymous.fetch("/pricing?problem=%3Cscript%3E")).text();
    expect(page).not.toContain("problem=<script>");
    expect(page).toContain("That did not work");
  });

  test.each<[what: string, headers: Record<string, string>]>([
    ["unsigned", {}],
    ["signed with a made-up signature", { "demo-signature": `t=${Date.now()},v1=${"0".repeat(64)}` }],
  ])("a webhook that is %s is refused", async (_what, headers) => {
    const event = {
      type: "purchase.paid",
      provider: "demo",
      eventId: randomUUID(),
      occurredAt: new Date(),
      userId: ada.userId,
      paymentIds: ["pay_forged"],
      priceId: "price_credits_max",
      amountPaid: 1,
      currency: "usd",
    };
    expect((await post(server, "/api/webhooks/demo", JSON.stringify(event), headers)).status).toBe(400);
    expect(await available(ada)).toBe(130);
  });

  test("a plan grants its month at once, is shown, and renews", async () => {
    const cleo = new Visitor(server.url);
    await cleo.signUp();
    const url = await checkout(cleo, "price_pro_monthly");
    await send(cleo, "/api/demo-pay", { order: url.searchParams.get("order") ?? "", decision: "pay" });
    expect(await available(cleo)).toBe(220);
    const billing = await (await cleo.fetch("/app/billing")).text();
    expect(billing).toContain("Paid by the month");
    expect(billing).toContain("$19.90");

    const portal = await send(cleo, "/api/portal", {});
    expect(new URL(portal.headers.get("location") ?? "").pathname).toBe("/demo-pay/portal");
    expect(await (await cleo.fetch("/demo-pay/portal")).text()).toContain("End it with the period");
    await send(cleo, "/api/demo-pay/portal", { decision: "end" });
    expect(await (await cleo.fetch("/app/billing")).text()).toContain("Ends on");
    await send(cleo, "/api/demo-pay/portal", { decision: "keep" });
    expect(await (await cleo.fetch("/app/billing")).text()).toContain("Renews on");
    expect((await send(cleo, "/api/demo-pay/portal", { decision: "constructor" })).status).toBe(400);
    const foreign = { origin: "https://evil.example" };
    expect((await send(cleo, "/api/demo-pay/portal", { decision: "end" }, foreign)).status).toBe(403);
    await send(admin, "/api/demo-pay/admin", { userId: cleo.userId, action: "renew" });
    expect(await available(cleo)).toBe(420);
  });

  test("only an admin makes refunds and disputes happen", async () => {
    const dora = new Visitor(server.url);
    await dora.signUp();
    const url = await checkout(dora, "price_credits_lite");
    await send(dora, "/api/demo-pay", { order: url.searchParams.get("order") ?? "", decision: "pay" });
    const id = JSON.parse(
      Buffer.from((url.searchParams.get("order") ?? "").split(".")[0] ?? "", "base64url").toString(),
    ).id;
    const act = (visitor: Visitor, action: string) =>
      send(visitor, "/api/demo-pay/admin", { userId: dora.userId, paymentId: `pay_${id}`, action });
    expect((await act(dora, "refund")).status).toBe(403);
    expect((await dora.fetch("/demo-pay/admin")).status).toBe(404);
    expect((await act(admin, "steal")).status).toBe(400);
    expect(await available(dora)).toBe(130);
    await act(admin, "half");
    // Half of 999 cents is 499, and 110 × 499 ÷ 999 rounds down to 54.
    expect(await available(dora)).toBe(76);
    await act(admin, "dispute");
    expect(await available(dora)).toBe(20);
    await act(admin, "won");
    expect(await available(dora)).toBe(76);
    await act(admin, "refund");
    expect(await available(dora)).toBe(20);
    expect(await (await admin.fetch("/demo-pay/admin")).text()).toContain("price_credits_lite");
  });
});
