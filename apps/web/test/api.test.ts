import { randomUUID } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Visitor } from "./visitor.ts";
import { freePort, startWebServer, temporaryDirectory, type WebServer } from "./web-server.ts";

const directory = temporaryDirectory();
const cronSecret = "the-cron-secret-of-these-tests";
let server: WebServer;
let admin: Visitor;
let ada: Visitor;
let receiver: Server;
let receiverUrl: string;
let answer = 200;
const received: { headers: IncomingHttpHeaders; body: string }[] = [];

beforeAll(async () => {
  const variables = { DATA_DIR: directory.path, CRON_SECRET: cronSecret };
  const first = await startWebServer(variables);
  const account = new Visitor(first.url);
  await account.signUp();
  await first.stop();
  server = await startWebServer({ ...variables, ADMIN_EMAILS: account.email });
  admin = new Visitor(server.url, account.email);
  await admin.signIn();
  ada = new Visitor(server.url);
  await ada.signUp();
  const port = await freePort();
  receiver = createServer(async (request, response) => {
    let body = "";
    for await (const part of request.setEncoding("utf8")) body += part;
    received.push({ headers: request.headers, body });
    response.writeHead(answer).end();
  });
  await new Promise<void>((resolve) => receiver.listen(port, "127.0.0.1", resolve));
  receiverUrl = `http://127.0.0.1:${port}/hook`;
});

afterAll(async () => {
  await server?.stop();
  receiver?.closeAllConnections();
  receiver?.close();
  directory.remove();
});

const send = (visitor: Visitor, path: string, fields: [string, string][], headers = {}) =>
  visitor.fetch(path, { method: "POST", body: new URLSearchParams(fields), headers });

const page = async () => (await admin.fetch("/admin/api")).text();

/** What the page shows once, after a form. */
async function shownSecret(): Promise<string> {
  return /data-testid="shown-once"[^>]*>([^<]+)</.exec(await page())?.[1] ?? "";
}

async function newKey(...scopes: string[]): Promise<string> {
  const fields: [string, string][] = [
    ["key", randomUUID()],
    ["name", "A shop"],
  ];
  const response = await send(admin, "/api/admin/keys", [
    ...fields,
    ...scopes.map((scope): [string, string] => ["scopes", scope]),
  ]);
  expect(response.headers.get("location")).toContain("done=create_key");
  return shownSecret();
}

const call = (key: string, method: string, path: string, body?: object, headers = {}) =>
  fetch(`${server.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      connection: "close",
      ...(body && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body && { body: JSON.stringify(body) }),
  });

test("an admin makes a key, a program spends with it, and it ends with the key", async () => {
  const key = await newKey("read", "spend");
  expect(key).toMatch(/^ck_/);
  const balance = () => call(key, "GET", `/users/${ada.userId}/balance`);
  expect(await (await balance()).json()).toMatchObject({ availableCredits: 20 });
  const spend = () =>
    call(
      key,
      "POST",
      `/users/${ada.userId}/consume`,
      { service: "google:chat" },
      { "idempotency-key": "one" },
    );
  const answers = await Promise.all([spend(), spend(), spend()].map(async (one) => (await one).json()));
  expect(new Set(answers.map(({ transactionId }) => transactionId)).size).toBe(1);
  expect(await (await balance()).json()).toMatchObject({ availableCredits: 18 });
  expect(await ada.creditsInfo()).toMatchObject({ data: { availableCredits: 18 } });
  expect(
    (await call(key, "POST", `/users/${ada.userId}/grants`, { amount: 5, type: "adjustment" })).status,
  ).toBe(403);

  const [keyId] = /name="keyId" value="([^"]+)"/.exec(await page())?.slice(1) ?? [];
  await send(admin, "/api/admin/keys", [
    ["key", randomUUID()],
    ["action", "revoke"],
    ["keyId", keyId ?? ""],
  ]);
  expect((await balance()).status).toBe(401);
  // Who did it is written down.
  const overview = await (await admin.fetch("/admin")).text();
  expect(overview).toContain("Made an API key");
  expect(overview).toContain("Revoked an API key");
});

test("a key is shown to the admin who made it, on one page, and not by its address", async () => {
  const response = await send(admin, "/api/admin/keys", [
    ["key", randomUUID()],
    ["name", "Seen once"],
    ["scopes", "read"],
  ]);
  const [cookie = ""] = response.headers.getSetCookie().filter((one) => one.startsWith("shown-once="));
  expect(cookie).toMatch(/; Path=\/admin\/api; Max-Age=60; HttpOnly; SameSite=Strict/);
  expect(response.headers.get("location")).not.toContain("ck_");
});

test("a form that is sent ten times at once makes one key", async () => {
  const fields: [string, string][] = [
    ["key", randomUUID()],
    ["name", "Ten at once"],
    ["scopes", "read"],
  ];
  await Promise.all(Array.from({ length: 10 }, () => send(admin, "/api/admin/keys", fields)));
  expect((await page()).split('aria-label="Revoke Ten at once"')).toHaveLength(2);
});

test.each([
  ["no name", [["scopes", "read"]], "NAME"],
  ["no scope", [["name", "x"]], "SCOPES"],
  [
    "a scope that there is not",
    [
      ["name", "x"],
      ["scopes", "all"],
    ],
    "SCOPES",
  ],
] as [string, [string, string][], string][])("a key with %s is not made", async (_what, fields, problem) => {
  const response = await send(admin, "/api/admin/keys", [["key", randomUUID()], ...fields]);
  expect(response.headers.get("location")).toContain(`problem=${problem}`);
});

test("nobody but an admin makes keys or endpoints, or sees them", async () => {
  for (const path of ["/api/admin/keys", "/api/admin/webhooks"]) {
    const fields: [string, string][] = [
      ["key", randomUUID()],
      ["name", "x"],
      ["scopes", "admin"],
      ["action", "create"],
      ["url", receiverUrl],
    ];
    expect((await send(ada, path, fields)).status).toBe(404);
    expect((await send(admin, path, fields, { origin: "https://evil.example" })).status).toBe(403);
  }
  expect((await ada.fetch("/admin/api")).status).toBe(404);
});

test("a session opens nothing of the API, and another site's page nothing at all", async () => {
  expect((await ada.fetch(`/api/v1/users/${ada.userId}/balance`)).status).toBe(401);
  const key = await newKey("spend");
  const foreign = { origin: "https://evil.example" };
  expect((await call(key, "POST", `/users/${ada.userId}/consume`, { service: "x" }, foreign)).status).toBe(
    403,
  );
});

test("the document and its page are there for everybody, under this app's policy", async () => {
  const document = await (await fetch(`${server.url}/api/v1/openapi.json`)).json();
  expect(document).toMatchObject({ openapi: "3.1.0", servers: [{ url: "/api/v1" }] });
  const reference = await fetch(`${server.url}/api/v1/reference`);
  expect(reference.headers.get("content-security-policy")).toContain("default-src 'self'");
  // What that policy lets through: a file of this host, and no style or script in the page.
  const html = await reference.text();
  expect(html).toContain('<link rel="stylesheet" href="/api/v1/reference.css">');
  expect(html).not.toMatch(/<style|<script|style="/);
  expect((await fetch(`${server.url}/api/v1/reference.css`)).headers.get("content-type")).toContain(
    "text/css",
  );
});

test("a receiver is told of a spend in the app by itself, signed, and again by hand", async () => {
  await send(admin, "/api/admin/webhooks", [
    ["key", randomUUID()],
    ["action", "create"],
    ["url", receiverUrl],
    ["events", "credits.consumed"],
    ["lowBalance", "5"],
  ]);
  const secret = await shownSecret();
  expect(secret).toMatch(/^whsec_/);
  await ada.draw("a lighthouse");
  await expect.poll(() => received.length, { timeout: 15_000 }).toBe(1);
  const [first] = received;
  const event = new Webhook(secret).verify(first?.body ?? "", first?.headers as Record<string, string>);
  expect(event).toMatchObject({
    type: "credits.consumed",
    data: { userId: ada.userId, service: "google:image", amount: 5 },
  });

  await expect.poll(page, { timeout: 10_000 }).toContain("1 attempt · answered 200");
  const html = await page();
  const [messageId, endpointId] = ["messageId", "endpointId"].map(
    (name) => new RegExp(`name="${name}" value="([^"]+)"`).exec(html)?.[1] ?? "",
  );
  await send(admin, "/api/admin/webhooks", [
    ["key", randomUUID()],
    ["action", "resend"],
    ["messageId", messageId ?? ""],
    ["endpointId", endpointId ?? ""],
  ]);
  await expect.poll(() => received.length, { timeout: 15_000 }).toBe(2);
  expect(received[1]?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);

  const change = (action: string) =>
    send(admin, "/api/admin/webhooks", [
      ["key", randomUUID()],
      ["action", action],
      ["endpointId", endpointId ?? ""],
    ]);
  await change("disable");
  expect(await page()).toContain("Switch on");
  await change("enable");
  expect(await page()).toContain("Switch off");
  await change("delete");
  expect(await page()).toContain("Nobody is told yet.");
});

test("a receiver that fails is seen, and the cron route sends too", async () => {
  answer = 500;
  await send(admin, "/api/admin/webhooks", [
    ["key", randomUUID()],
    ["action", "create"],
    ["url", receiverUrl],
    ["lowBalance", ""],
  ]);
  await ada.draw("a bridge");
  await expect.poll(page, { timeout: 15_000 }).toContain("answered 500");
  const job = (authorization: string) =>
    fetch(`${server.url}/api/jobs/webhooks/deliver`, { headers: { authorization, connection: "close" } });
  expect((await job("Bearer wrong")).status).toBe(401);
  expect(await (await job(`Bearer ${cronSecret}`)).json()).toMatchObject({
    success: true,
    results: { attempted: expect.any(Number), failed: 0 },
  });
});

test.each([
  ["no address", { url: "", lowBalance: "" }, "URL"],
  ["an address without encryption", { url: "http://example.com", lowBalance: "" }, "URL"],
  ["no number", { url: "https://example.com", lowBalance: "few" }, "LOW_BALANCE"],
])("an endpoint with %s is not added", async (_what, fields, problem) => {
  const response = await send(admin, "/api/admin/webhooks", [
    ["key", randomUUID()],
    ["action", "create"],
    ...Object.entries(fields),
  ]);
  expect(response.headers.get("location")).toContain(`problem=${problem}`);
});
