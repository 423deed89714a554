import { createHmac, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Visitor } from "./visitor.ts";
import { startWebServer, temporaryDirectory, type WebServer } from "./web-server.ts";

const directory = temporaryDirectory();
const stripeSecret = "whsec_of_the_admin_tests";
let server: WebServer;
let admin: Visitor;
let ada: Visitor;

beforeAll(async () => {
  const variables = {
    DATA_DIR: directory.path,
    STRIPE_SECRET_KEY: "sk_test_x",
    STRIPE_WEBHOOK_SECRET: stripeSecret,
  };
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

const send = (visitor: Visitor, path: string, fields: Record<string, string>, headers = {}) =>
  visitor.fetch(path, { method: "POST", body: new URLSearchParams(fields), headers });

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
      `/admin/users/${ada.userId}`,
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
    const find = async (text: string) =>
      (await admin.fetch(`/admin/users?q=${encodeURIComponent(text)}`)).text();
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
    expect(await outcome(await adjust({ amount: "7", validityDays: "30" }))).toEqual({ done: "grant" });
    expect(await available()).toBe(before + 7);
    const [row] = await history();
    expect(row).toMatchObject({ type: "adjustment", amount: 7, description: "Sorry for the wait" });
    const page = await (await ada.fetch("/app/credits/history")).text();
    expect(page).toContain("Sorry for the wait");
    expect(page).not.toContain(admin.email);
    const theirs = await (await admin.fetch(`/admin/users/${ada.userId}`)).text();
    expect(theirs).toContain(`By ${admin.email}`);
  });

  test("takes credits, no more than there are, and says how many there are", async () => {
    const before = await available();
    expect(await outcome(await adjust({ action: "deduct", amount: "3" }))).toEqual({ done: "deduct" });
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
    for (const answer of answers) expect(await outcome(answer)).toEqual({ done: "grant" });
    // Another amount under the same key is the same form, changed on the way.
    await adjust({ key, amount: "4000" });
    expect(await available()).toBe(before + 4);
  });

  test("passes the balance limit only where the box is ticked", async () => {
    const before = await available();
    expect(await outcome(await adjust({ amount: "20000" }))).toMatchObject({ done: "grant" });
    // Cut to the room there was (rule 19).
    expect(await available()).toBe(10_000);
    expect(await outcome(await adjust({ amount: "5" }))).toMatchObject({ problem: "BALANCE_LIMIT" });
    expect(await outcome(await adjust({ amount: "5", force: "yes" }))).toEqual({ done: "grant" });
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
    ["too many days", { validityDays: "99999" }, "UNKNOWN"],
  ])("is refused for %s, keeps what was typed and changes nothing", async (_what, fields, problem) => {
    const before = await history();
    const answer = await outcome(await adjust(fields));
    if (problem !== "UNKNOWN") expect(answer).toMatchObject({ problem });
    expect(answer).toMatchObject({ problem: expect.any(String), ...fields });
    expect(await history()).toEqual(before);
    const { searchParams } = new URL(`http://x/?${new URLSearchParams(answer)}`);
    const page = await (await admin.fetch(`/admin/users/${ada.userId}?${searchParams}`)).text();
    expect(page).toContain('role="alert"');
  });

  test("of a user who is in no book yet makes the wallet, and of no user at all is refused", async () => {
    const userId = `host user ${randomUUID()}`;
    expect(await outcome(await adjust({ userId }))).toEqual({ done: "grant" });
    expect((await admin.fetch(`/admin/users/${encodeURIComponent(userId)}`)).status).toBe(200);
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
    for (const answer of answers) expect(await outcome(answer)).toEqual({ done: "reverse" });
    expect(await available()).toBe(before + 2);
    expect(await outcome(await back({ key: randomUUID(), amount: "4" }))).toMatchObject({
      problem: "NOT_REVERSIBLE",
      available: "3",
    });
    expect(await outcome(await back({ key: randomUUID() }))).toEqual({ done: "reverse" });
    expect(await available()).toBe(before + 5);
    expect(await outcome(await back({ key: randomUUID(), transactionId: "x" }))).toMatchObject({
      problem: "UNKNOWN",
    });
  });
});

describe("a frozen wallet", () => {
  test("spends nothing until it is unfrozen, and both are written down", async () => {
    const set = (action: string) =>
      send(admin, "/api/admin/status", {
        userId: ada.userId,
        key: randomUUID(),
        action,
        reason: "Looks like fraud",
      });
    expect(await outcome(await set("freeze"))).toEqual({ done: "freeze" });
    expect((await ada.draw("a harbour")).status).toBe(403);
    expect(await outcome(await set("unfreeze"))).toEqual({ done: "unfreeze" });
    expect((await ada.draw("a harbour")).status).toBe(200);
    const page = await (await admin.fetch(`/admin/users/${ada.userId}`)).text();
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
      expect(answer).toEqual({ done: job });
      expect(await (await admin.fetch("/admin/jobs")).text()).toContain(text);
    }
    expect((await send(admin, "/api/admin/run", { key: randomUUID(), job: "rm" })).status).toBe(400);
  });

  test("leaves provider events that failed to be seen and replayed", async () => {
    const body = JSON.stringify({
      id: "evt_unknown_price",
      object: "event",
      type: "checkout.session.completed",
      created: Math.floor(Date.now() / 1000),
      livemode: false,
      data: {
        object: {
          id: "cs_1",
          object: "checkout.session",
          mode: "payment",
          payment_status: "paid",
          payment_intent: "pi_unknown_price",
          amount_total: 999,
          currency: "usd",
          metadata: { userId: ada.userId, priceId: "price_of_yesterday" },
          client_reference_id: ada.userId,
        },
      },
    });
    const time = Math.floor(Date.now() / 1000);
    const signature = createHmac("sha256", stripeSecret).update(`${time}.${body}`).digest("hex");
    const headers = { "stripe-signature": `t=${time},v1=${signature}`, connection: "close" };
    const told = await fetch(`${server.url}/api/webhooks/stripe`, { method: "POST", body, headers });
    expect(told.status).toBe(500);
    const events = await (await admin.fetch("/admin/events")).text();
    expect(events).toContain("evt_unknown_price");
    const replay = { key: randomUUID(), eventId: "evt_unknown_price", provider: "stripe" };
    // Nothing is sold for that price still.
    expect(await outcome(await send(admin, "/api/admin/replay", replay))).toEqual({
      problem: "UNKNOWN_PRICE",
    });
    const none = { key: randomUUID(), eventId: "evt_none", provider: "stripe" };
    expect(await outcome(await send(admin, "/api/admin/replay", none))).toMatchObject({
      problem: "UNKNOWN_EVENT",
    });
  });
});

test("the books are explained row by row to what can be spent", async () => {
  const page = await (await admin.fetch(`/admin/users/${ada.userId}/explain`)).text();
  expect(page.match(/data-testid="explained">([\d,]+)</)?.[1]).toBe(String(await available()));
  expect(page).not.toContain("do not explain");
  const overview = await (await admin.fetch("/admin")).text();
  expect(overview).toContain("it adds up");
});
