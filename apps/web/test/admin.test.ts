import { createHmac, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Visitor } from "./visitor.ts";
import { startWebServer, temporaryDirectory, type WebServer } from "./web-server.ts";

const directory = temporaryDirectory();
const stripeSecret = "whsec_of_the_admin_tests";
let server: WebServer;
let admin: Visitor;
let ada: Visitor;

const variables = {
  DATA_DIR: directory.path,
  STRIPE_SECRET_KEY: "sk_test_x",
  STRIPE_WEBHOOK_SECRET: stripeSecret,
};

beforeAll(async () => {
  const first = await startWebServer(variables);
  const account = new Visitor(first.url);
  await account.signUp();
  await first.stop();
  server = await startWebServer({ ...variables, ADMIN_EMAILS: account.email });
  admin = new Visitor(server.url, account.email);
  await admin.signIn();
  ada = new Visitor(server.url);
  await ada.signUp();
});

afterAll(async () => {
  await server?.stop();
  directory.remove();
});

/** With other variables, as an operator who mended the configuration would. */
async function restart(change: Record<string, string>): Promise<void> {
  await server.stop();
  server = await startWebServer({ ...variables, ADMIN_EMAILS: admin.email, ...change });
  admin = new Visitor(server.url, admin.email);
  ada = new Visitor(server.url, ada.email);
  await admin.signIn();
  await ada.signIn();
}

/** A signed message of Stripe; how it was answered. */
async function tell(id: string, type: string, object: object): Promise<number> {
  const time = Math.floor(Date.now() / 1000);
  const body = JSON.stringify({
    id,
    object: "event",
    type,
    created: time,
    livemode: false,
    data: { object },
  });
  const signature = createHmac("sha256", stripeSecret).update(`${time}.${body}`).digest("hex");
  const headers = { "stripe-signature": `t=${time},v1=${signature}`, connection: "close" };
  return (await fetch(`${server.url}/api/webhooks/stripe`, { method: "POST", body, headers })).status;
}

const checkoutOf = (userId: string, paymentId: string, priceId: string) => ({
  id: `cs_${paymentId}`,
  object: "checkout.session",
  mode: "payment",
  payment_status: "paid",
  payment_intent: paymentId,
  amount_total: 999,
  currency: "usd",
  metadata: { userId, priceId },
  client_reference_id: userId,
});

const send = (visitor: Visitor, path: string, fields: Record<string, string>, headers = {}) =>
  visitor.fetch(path, { method: "POST", body: new URLSearchParams(fields), headers });

/** What the admin reads there: neither scripts nor React's marks between texts. */
async function read(path: string): Promise<string> {
  const page = await (await admin.fetch(path)).text();
  return page.replace(/<script[\s\S]*?<\/script>/g, "").replaceAll("<!-- -->", "");
}

/** Where the form leads: what was done, or why not. */
async function outcome(response: Response): Promise<Record<string, string>> {
  expect(response.status).toBe(303);
  return Object.fromEntries(new URL(response.headers.get("location") ?? "").searchParams);
}

const adjust = (fields: Record<string, string>, visitor = admin) =>
  send(visitor, "/api/admin/adjust", {
    userId: ada.userId,
    key: randomUUID(),
    action: "grant",
    amount: "5",
    reason: "Sorry for the wait",
    validityDays: "",
    ...fields,
  });

const available = async () =>
  ((await ada.creditsInfo()) as { data: { availableCredits: number } }).data.availableCredits;
const history = async () =>
  (
    (await ada.transactions()) as {
      data: { items: { id: string; type: string; amount: number; description: string }[] };
    }
  ).data.items;

const forms: [path: string, fields: () => Record<string, string>][] = [
  [
    "/api/admin/adjust",
    () => ({ userId: ada.userId, key: randomUUID(), action: "grant", amount: "5", reason: "none" }),
  ],
  [
    "/api/admin/reverse",
    () => ({ userId: ada.userId, key: randomUUID(), transactionId: randomUUID(), reason: "none" }),
  ],
  ["/api/admin/status", () => ({ userId: ada.userId, key: randomUUID(), action: "freeze", reason: "none" })],
  ["/api/admin/run", () => ({ key: randomUUID(), job: "grant" })],
  ["/api/admin/replay", () => ({ key: randomUUID(), eventId: "evt", provider: "stripe" })],
];

describe("the administration", () => {
  test("does not exist for anybody but an admin", async () => {
    for (const path of [
      "/admin",
      "/admin/users",
      "/admin/jobs",
      "/admin/events",
      "/admin/api",
      `/admin/users/${ada.userId}`,
      `/admin/users/${ada.userId}/explain`,
    ]) {
      const anonymous = await new Visitor(server.url).fetch(path);
      expect([path, anonymous.status, anonymous.headers.get("location")]).toEqual([path, 307, "/sign-in"]);
      const page = await ada.fetch(path);
      expect([path, page.status]).toEqual([path, 404]);
      expect(await page.text()).not.toContain("Jobs and audit");
      expect((await admin.fetch(path)).status).toBe(200);
    }
  });

  test.each(forms)(
    "%s is refused to a user, and to a foreign page that uses an admin's session",
    async (path, fields) => {
      const before = await history();
      expect((await send(ada, path, fields())).status).toBe(404);
      const foreign = { origin: "https://evil.example" };
      expect((await send(admin, path, fields(), foreign)).status).toBe(403);
      expect((await send(new Visitor(server.url), path, fields())).headers.get("location")).toMatch(
        /\/sign-in$/,
      );
      expect(await history()).toEqual(before);
    },
  );

  test("finds users by a part of their address, by id, and takes no wildcard for one", async () => {
    const find = (text: string) => read(`/admin/users?q=${encodeURIComponent(text)}`);
    expect(await find(ada.email.slice(0, 12).toUpperCase())).toContain(ada.email);
    expect(await find(ada.userId)).toContain(ada.email);
    for (const text of ["%", "_", "\\", "nobody at all", "'; drop table"])
      expect(await find(text)).not.toContain(ada.email);
  });

  test("logs whose books are looked at, and escapes what the address says (rule 31)", async () => {
    await admin.fetch(`/admin/users/${ada.userId}`);
    expect(server.output()).toContain(`admin ${admin.userId} reads the credits of user "${ada.userId}"`);
    expect((await admin.fetch("/admin/users/a%0Ab")).status).toBe(404);
    expect((await admin.fetch("/admin/users/%E0%A4%A")).status).toBeGreaterThanOrEqual(400);
  });
});

describe("an adjustment", () => {
  test("gives credits with a reason that the user reads, and nothing of the admin", async () => {
    const before = await available();
    expect(await outcome(await adjust({ amount: "7", validityDays: "30" }))).toEqual({
      done: "grant",
      amount: "7",
    });
    expect(await available()).toBe(before + 7);
    const [row] = await history();
    expect(row).toMatchObject({ type: "adjustment", amount: 7, description: "Sorry for the wait" });
    const page = await (await ada.fetch("/app/credits/history")).text();
    expect(page).toContain("Sorry for the wait");
    expect(page).not.toContain(admin.email);
    const theirs = await read(`/admin/users/${ada.userId}`);
    expect(theirs).toContain(`By ${admin.email}`);
  });

  test("takes credits, no more than there are, and says how many there are", async () => {
    const before = await available();
    expect(await outcome(await adjust({ action: "deduct", amount: "3" }))).toEqual({
      done: "deduct",
      amount: "3",
    });
    expect(await available()).toBe(before - 3);
    expect(await outcome(await adjust({ action: "deduct", amount: "9999" }))).toMatchObject({
      problem: "INSUFFICIENT_CREDITS",
      available: String(before - 3),
      amount: "9999",
    });
    expect(await available()).toBe(before - 3);
  });

  test("acts once per form, sent again or ten times at once", async () => {
    const before = await available();
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 10 }, () => adjust({ key, amount: "4" })));
    for (const answer of answers) expect(await outcome(answer)).toEqual({ done: "grant", amount: "4" });
    expect(await available()).toBe(before + 4);
    const page = await read(`/admin/users/${ada.userId}`);
    expect(page.match(/Gave 4</g)).toHaveLength(1);
  });

  test("says so when a form that was sent before comes back with something else in it (rule 14)", async () => {
    const key = randomUUID();
    await adjust({ key, amount: "4" });
    const before = await history();
    const changes: Record<string, string>[] = [
      { amount: "5" },
      { action: "deduct" },
      { reason: "Another reason" },
      { userId: admin.userId },
    ];
    for (const change of changes) {
      expect(await outcome(await adjust({ key, amount: "4", ...change }))).toMatchObject({
        problem: "IDEMPOTENCY_CONFLICT",
      });
    }
    expect(await history()).toEqual(before);
  });

  test("passes the balance limit only where the box is ticked", async () => {
    const before = await available();
    // Cut to the room there was (rule 19), and said and written down as what it was.
    const granted = String(10_000 - before);
    expect(await outcome(await adjust({ amount: "20000" }))).toEqual({
      done: "grantCut",
      amount: granted,
      asked: "20000",
    });
    expect(await available()).toBe(10_000);
    const page = await read(`/admin/users/${ada.userId}`);
    expect(page).toContain(`Gave ${Number(granted).toLocaleString("en-US")}<`);
    expect(page).not.toContain("Gave 20,000");
    expect(await outcome(await adjust({ amount: "5" }))).toMatchObject({ problem: "BALANCE_LIMIT" });
    expect(await outcome(await adjust({ amount: "5", force: "yes" }))).toMatchObject({ done: "grant" });
    await adjust({ action: "deduct", amount: String(10_005 - before) });
    expect(await available()).toBe(before);
  });

  test.each([
    ["no amount", { amount: "" }, "AMOUNT"],
    ["0", { amount: "0" }, "INVALID_AMOUNT"],
    ["less than nothing", { amount: "-5" }, "AMOUNT"],
    ["a fraction", { amount: "1.5" }, "INVALID_AMOUNT"],
    ["too much", { amount: "9999999999" }, "INVALID_AMOUNT"],
    ["words for an amount", { amount: "five" }, "AMOUNT"],
    ["no reason", { reason: " " }, "REASON"],
    ["a reason of two letters", { reason: "ok" }, "REASON"],
    ["a long reason", { reason: "x".repeat(501) }, "REASON"],
    ["no whole days", { validityDays: "1.5" }, "VALIDITY"],
    ["too many days", { validityDays: "36501" }, "VALIDITY"],
  ])("is refused for %s, keeps what was typed and changes nothing", async (_what, fields, problem) => {
    const before = await history();
    const answer = await outcome(await adjust({ force: "yes", ...fields }));
    const typed = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
    expect(answer).toMatchObject({ problem, force: "yes", ...typed });
    expect(await history()).toEqual(before);
    const page = await read(`/admin/users/${ada.userId}?${new URLSearchParams(answer)}`);
    expect(page).toContain('role="alert"');
    for (const value of Object.values(typed)) expect(page).toContain(`value="${value}"`);
  });

  test("hands back no more than an address can hold", async () => {
    const answer = await adjust({ reason: "长".repeat(1_500) });
    expect(answer.headers.get("location")?.length).toBeLessThan(8_000);
  });

  test("of a user who is in no book yet makes the wallet, and of no user at all is refused", async () => {
    const userId = `host user ${randomUUID()}`;
    expect(await outcome(await adjust({ userId }))).toMatchObject({ done: "grant" });
    expect((await admin.fetch(`/admin/users/${encodeURIComponent(userId)}`)).status).toBe(200);
    expect(await read(`/admin/users?q=${encodeURIComponent(userId)}`)).toContain("No account here");
    // An id that is a part of somebody's address is found beside that one.
    const part = ada.email.slice(0, 12);
    await adjust({ userId: part });
    const both = await read(`/admin/users?q=${part}`);
    expect(both).toContain(ada.email);
    expect(both).toContain("No account here");
    expect((await adjust({ userId: "" })).status).toBe(400);
    expect(await outcome(await adjust({ userId: `none ${randomUUID()}`, action: "deduct" }))).toMatchObject({
      problem: "USER_BALANCE_NOT_FOUND",
    });
  });
});

describe("a spend", () => {
  test("is given back in part and as a whole, once per form, and never beyond itself (rule 23)", async () => {
    await ada.draw("a harbour");
    const before = await available();
    const [spend] = await history();
    const key = randomUUID();
    const back = (fields: Record<string, string>) =>
      send(admin, "/api/admin/reverse", {
        userId: ada.userId,
        key,
        transactionId: spend?.id ?? "",
        amount: "",
        reason: "A broken picture",
        ...fields,
      });
    const answers = await Promise.all([back({ amount: "2" }), back({ amount: "2" })]);
    for (const answer of answers) expect(await outcome(answer)).toEqual({ done: "reverse", amount: "2" });
    expect(await available()).toBe(before + 2);
    const refusal = await outcome(await back({ key: randomUUID(), amount: "4" }));
    expect(refusal).toMatchObject({ problem: "NOT_REVERSIBLE", available: "3" });
    const again = await read(`/admin/users/${ada.userId}?${new URLSearchParams(refusal)}`);
    expect(again).toContain("Only 3 of this spend");
    expect(again).toMatch(/<details[^>]* open=""/);
    expect(again).toContain('value="A broken picture"');
    expect(await outcome(await back({ key: randomUUID() }))).toEqual({ done: "reverse", amount: "3" });
    expect(await available()).toBe(before + 5);
    const whole = await read(`/admin/users/${ada.userId}`);
    expect(whole).toContain("Gave back 2 of a spend");
    expect(whole).toContain("Gave back 3 of a spend");
    expect(await outcome(await back({ key: randomUUID() }))).toMatchObject({ problem: "NOT_REVERSIBLE" });
    expect(await outcome(await back({ key: randomUUID(), transactionId: "x" }))).toMatchObject({
      problem: "UNKNOWN",
    });
    expect(await outcome(await back({ key: randomUUID(), transactionId: randomUUID() }))).toMatchObject({
      problem: "TRANSACTION_NOT_FOUND",
    });
  });

  test("is not given back under the key of a form that gave another one back", async () => {
    await ada.draw("a harbour");
    await ada.draw("a lighthouse");
    const [second, first] = await history();
    const key = randomUUID();
    const back = (transactionId = "") =>
      send(admin, "/api/admin/reverse", {
        userId: ada.userId,
        key,
        transactionId,
        amount: "",
        reason: "Two broken pictures",
      });
    expect(await outcome(await back(first?.id))).toMatchObject({ done: "reverse" });
    const before = await available();
    expect(await outcome(await back(second?.id))).toMatchObject({ problem: "IDEMPOTENCY_CONFLICT" });
    expect(await available()).toBe(before);
  });
});

describe("a frozen wallet", () => {
  test("spends nothing until it is unfrozen, and both are written down", async () => {
    const set = (action: string, fields = {}) =>
      send(admin, "/api/admin/status", {
        userId: ada.userId,
        key: randomUUID(),
        action,
        reason: "Looks like fraud",
        ...fields,
      });
    const key = randomUUID();
    expect(await outcome(await set("freeze", { key }))).toEqual({ done: "freeze" });
    expect((await ada.chat("Hello")).status).toBe(403);
    expect((await ada.draw("a harbour")).status).toBe(403);
    expect(await outcome(await set("unfreeze"))).toEqual({ done: "unfreeze" });
    expect((await ada.draw("a harbour")).status).toBe(200);
    // The form that froze it, sent again from a page that stayed open, freezes nothing anew.
    expect(await outcome(await set("freeze", { key }))).toEqual({ done: "freeze" });
    expect((await ada.chat("Hello")).status).toBe(200);
    expect(await outcome(await set("freeze", { reason: "no" }))).toEqual({
      problem: "REASON",
      form: "status",
      reason: "no",
    });
    const page = await read(`/admin/users/${ada.userId}`);
    expect(page).toContain("Froze the wallet");
    expect(page).toContain("Unfroze the wallet");
    expect(await outcome(await set("close"))).toMatchObject({ problem: expect.any(String) });
  });
});

describe("what runs by itself", () => {
  test("can be run now, and its result is shown", async () => {
    for (const [job, text] of [
      ["grant", "looked at"],
      ["expire", "credits expired"],
      ["audit", "The books are clean"],
    ] as const) {
      const answer = await outcome(await send(admin, "/api/admin/run", { key: randomUUID(), job }));
      expect(answer).toEqual({ done: `run_${job}` });
      expect(await read("/admin/jobs")).toContain(text);
    }
    const runs = async () => (await read("/admin/jobs")).match(/looked at/g)?.length;
    const before = await runs();
    const key = randomUUID();
    for (const job of ["grant", "grant"]) await send(admin, "/api/admin/run", { key, job });
    expect(await runs()).toBe((before ?? 0) + 1);
    expect(await outcome(await send(admin, "/api/admin/run", { key, job: "expire" }))).toMatchObject({
      problem: "IDEMPOTENCY_CONFLICT",
    });
    const overview = await read("/admin");
    for (const act of ["Ran the grant job", "Ran the expire job", "Ran the audit", "Froze the wallet"])
      expect(overview).toContain(act);
    expect((await send(admin, "/api/admin/run", { key: randomUUID(), job: "rm" })).status).toBe(400);
  });

  test("leaves provider events that failed to be seen and replayed", async () => {
    expect(
      await tell(
        "evt_unknown_price",
        "checkout.session.completed",
        checkoutOf(ada.userId, "pi_1", "price_of_yesterday"),
      ),
    ).toBe(500);
    const events = await read("/admin/events");
    expect(events).toContain("evt_unknown_price");
    expect(events).toContain("Failed 1<");
    expect(await read("/admin")).toContain("1 failed");
    const replay = { key: randomUUID(), eventId: "evt_unknown_price", provider: "stripe" };
    // Nothing is sold for that price still.
    expect(await outcome(await send(admin, "/api/admin/replay", replay))).toEqual({
      problem: "UNKNOWN_PRICE",
    });
    const none = { key: randomUUID(), eventId: "evt_none", provider: "stripe" };
    expect(await outcome(await send(admin, "/api/admin/replay", none))).toMatchObject({
      problem: "UNKNOWN_EVENT",
    });
    const before = await available();
    await restart({ CREDIT_LITE_PRICE_ID: "price_of_yesterday" });
    const today = { ...replay, key: randomUUID(), status: "failed" };
    expect(await outcome(await send(admin, "/api/admin/replay", today))).toEqual({
      done: "applied",
      status: "failed",
    });
    expect(await available()).toBe(before + 110);
    expect(await outcome(await send(admin, "/api/admin/replay", today))).toMatchObject({ done: "replayed" });
    expect(await available()).toBe(before + 110);
    expect(await read("/admin/events?status=failed")).toContain("Failed 0<");
  });
});

test("the books are explained row by row to what can be spent, and add up, with debt as well", async () => {
  const bob = new Visitor(server.url);
  await bob.signUp();
  const explained = async () => {
    const page = await read(`/admin/users/${bob.userId}/explain`);
    expect(page).not.toContain("do not explain");
    return page.match(/data-testid="explained">([\d,]+)</)?.[1];
  };
  const info = async () =>
    ((await bob.creditsInfo()) as { data: { availableCredits: number } }).data.availableCredits;
  const books = async () => {
    const page = await read("/admin");
    expect(page).toContain("It adds up");
    return page;
  };
  expect(
    await tell("evt_bob", "checkout.session.completed", checkoutOf(bob.userId, "pi_2", "price_of_yesterday")),
  ).toBe(200);
  expect(await explained()).toBe(String(await info()));
  expect(await books()).toContain("− 0 owed");

  // The bonus goes first; so the picture is paid from the purchase. It is owed once that is disputed (rule 24).
  await adjust({ userId: bob.userId, action: "deduct", amount: "20" });
  await bob.draw("a harbour");
  const dispute = {
    id: "du_1",
    object: "dispute",
    charge: "ch_1",
    payment_intent: "pi_2",
    amount: 999,
    currency: "usd",
    status: "needs_response",
  };
  expect(await tell("evt_dispute", "charge.dispute.created", dispute)).toBe(200);
  expect([await explained(), await info()]).toEqual(["0", 0]);
  expect(await read(`/admin/users/${bob.userId}/explain`)).toContain("− 5<");
  expect(await books()).toContain("− 5 owed");
});

test("a foreign name for a page or a user is no page", async () => {
  for (const path of [
    "/admin/nothing",
    `/admin/users/${randomUUID()}`,
    `/admin/users/${randomUUID()}/explain`,
  ])
    expect([path, (await admin.fetch(path)).status]).toEqual([path, 404]);
  expect((await admin.fetch("/admin/users?q=%00&page=99999999")).status).toBe(307);
  expect(await read("/admin/users?q=%00")).toContain("Nobody is found");
});
