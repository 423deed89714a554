import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { context, trace } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { CreditsError, createCredits } from "creditkit";
import { fromDrizzle } from "creditkit/drizzle";
import { fromPool } from "creditkit/pg";
import { createTestCredits, type TestCredits } from "creditkit/testing";
import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, text } from "drizzle-orm/pg-core";
import pg from "pg";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { newDatabase, query } from "./database.ts";
import { blockOf, exampleFolder, runBlock, write } from "./example.ts";
import { shell } from "./shell.ts";

const folder = exampleFolder();
const config = { consumption: { "google:chat": 2, "google:image": 5, "image:draw": 5 } };

let books: TestCredits;
beforeAll(async () => {
  books = await createTestCredits({ config, now: "2026-01-15T10:00:00Z" });
});
afterAll(() => books.close());

let users = 0;
/** A user of the test's own, with this many credits. */
async function userWith(amount: number): Promise<string> {
  const userId = `user_${++users}`;
  await books.credits.grant({ userId, amount, type: "adjustment" });
  return userId;
}
const available = async (userId: string) => (await books.credits.getInfo({ userId })).availableCredits;

describe("docs/guides/testing.md", () => {
  const page = "guides/testing.md";

  it("its tests pass when vitest runs them", async () => {
    write(folder, "drawing/drawing.test.ts", blockOf(page, "createTestCredits").code);
    // Not this project's own.
    write(folder, "drawing/vitest.config.js", "export default {};\n");
    const { code, out, error } = await shell("vitest run --root drawing", { cwd: folder });
    expect([code, error]).toEqual([0, ""]);
    expect(out).toMatch(/Tests +2 passed/);
  });

  it("its other code spends, buys and audits", async () => {
    const { drawPicture } = await runBlock(folder, blockOf(page, "drawPicture"));
    const userId = await userWith(7);
    expect(await drawPicture(books.credits, userId, "key")).toBe("a boat on a lake");
    expect(await drawPicture(books.credits, userId, "key")).toBe("a boat on a lake");
    expect(await available(userId)).toBe(2);

    const lite = { id: "lite", credits: 100, bonus: 0, priceId: "price_1Lite", amount: 10, currency: "USD" };
    const shop = await createTestCredits({ config: { packages: { lite: { ...lite, validityDays: 90 } } } });
    const given = { credits: shop.credits, userId: "ada", expect };
    await runBlock(folder, blockOf(page, "grantPurchased"), { given });
    await runBlock(folder, blockOf(page, "grantPurchased"), { given });
    expect(await shop.credits.getInfo({ userId: "ada" })).toMatchObject({ availableCredits: 100 });
    await runBlock(folder, blockOf(page, "audit()"), { given });
    await shop.pglite.exec(
      "alter table credits.wallet disable trigger all; update credits.wallet set balance = 7",
    );
    await expect(runBlock(folder, blockOf(page, "audit()"), { given })).rejects.toThrow(/violations/);
    await shop.close();
  });
});

describe("docs/guides/teams.md", () => {
  const page = "guides/teams.md";

  it("spends from the team's wallet, and counts by member", async () => {
    const organizationId = await userWith(100);
    const spend = blockOf(page, "organizationId ?? userId");
    const given = { credits: books.credits, organizationId };
    for (const userId of ["ada", "bob", "ada"])
      await runBlock(folder, spend, { given: { ...given, userId } });
    expect(await available(organizationId)).toBe(85);
    const { perMember } = await runBlock(folder, blockOf(page, "perMember"), { given, asked: ["perMember"] });
    expect(perMember).toEqual(
      new Map([
        ["ada", 10],
        ["bob", 5],
      ]),
    );
    const { rows } = await books.pglite.query(blockOf(page, "metadata ->>").code);
    expect(rows).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ user_id: organizationId, member: "ada", spent: "10" }),
        expect.objectContaining({ user_id: organizationId, member: "bob", spent: "5" }),
      ]),
    );
  });
});

describe("docs/guides/observability.md", () => {
  const page = "guides/observability.md";
  const given = () => ({ createCredits, database: books.database, config });

  it("names each operation in a span of the app's own tracer", async () => {
    const exporter = new InMemorySpanExporter();
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
    );
    const { credits } = await runBlock(folder, blockOf(page, "openTelemetry("), {
      given: given(),
      asked: ["credits"],
    });
    await credits.consumeForService({ userId: await userWith(10), service: "google:chat" });
    trace.disable();
    context.disable();
    const names = exporter.getFinishedSpans().map(({ name }) => name);
    expect(names.sort()).toEqual(["SELECT credits.consume", "credits.consumeForService"]);
  });

  it("writes its log lines with pino", async () => {
    const lines: string[] = [];
    const logger = () => pino({ level: "debug" }, { write: (line: string) => lines.push(line) });
    const { credits } = await runBlock(folder, blockOf(page, "pino()"), {
      given: { ...given(), pino: logger },
      asked: ["credits"],
    });
    await credits.processExpired();
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ job: "expire", msg: expect.stringContaining("A job has finished") }),
    ]);
  });

  it.each([page, "reference/events.md"])(
    "docs/%s: a low balance is mailed once it is crossed",
    async (at) => {
      const mail = vi.fn();
      const { credits } = await runBlock(folder, blockOf(at, "credits.low"), {
        given: { ...given(), mail },
        asked: ["credits"],
      });
      const userId = await userWith(22);
      const spend = () => credits.consume({ userId, amount: 2, service: "chat" });
      await spend();
      expect(mail).not.toHaveBeenCalled();
      await spend();
      await spend();
      expect(mail.mock.calls).toEqual([[userId, "Only 18 credits are left."]]);
    },
  );
});

describe("docs/guides/webhooks.md", () => {
  const page = "guides/webhooks.md";

  it("adds a receiver, sends to it, and verifies what it receives", async () => {
    const received: { body: string; headers: Record<string, string> }[] = [];
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      received.push({ body, headers: request.headers as Record<string, string> });
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/credits`;
    const now = await createTestCredits({ config });
    const given = { credits: now.credits };
    try {
      const { secret } = await runBlock(folder, blockOf(page, "createWebhookEndpoint({"), {
        given,
        asked: ["secret"],
        replaced: { "https://example.com/credits": url },
      });
      await now.credits.grant({ userId: "ada", amount: 100, type: "purchase" });
      await now.credits.consumeForService({ userId: "ada", service: "google:image" });
      const { stop } = await runBlock(folder, blockOf(page, "startWebhookDelivery("), {
        given,
        asked: ["stop"],
      });
      await expect.poll(() => received.length, { timeout: 10_000 }).toBe(1);
      await stop();
      const [message] = received;
      const verify = blockOf(page, "new Webhook(secret)");
      const { event } = await runBlock(folder, verify, { given: { ...message, secret }, asked: ["event"] });
      // The page's own example, but for what chance and time decide.
      const { timestamp, data } = JSON.parse(blockOf(page, '"sequence": 12').code);
      expect(event).toEqual({
        type: "credits.consumed",
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        data: { ...data, transactionId: expect.any(String), sequence: 2 },
      });
      expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      const forged = { ...message, body: message?.body.replace("ada", "eve"), secret };
      await expect(runBlock(folder, verify, { given: forged })).rejects.toThrow();
    } finally {
      server.close();
      await now.close();
    }
  });
});

describe("docs/guides/http-api.md", () => {
  const page = "guides/http-api.md";

  it("mounts the API, whose refusal is the one that the page shows", async () => {
    const userId = await userWith(10);
    write(folder, "credits/server.ts", "export const credits = globalThis.credits;\n");
    const { POST } = await runBlock(folder, blockOf(page, "createCreditsApi(credits);"), {
      given: { credits: books.credits },
      replaced: { "@/credits/server": "./credits/server" },
    });
    const { key } = await books.credits.createApiKey({ name: "shop", scopes: ["spend"] });
    const answer = await POST(
      new Request(`http://localhost/api/v1/users/${userId}/consume`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ amount: 11, service: "google:chat" }),
      }),
    );
    expect(answer.status).toBe(402);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await answer.json()).toEqual(JSON.parse(blockOf(page, "INSUFFICIENT_CREDITS").code));
  });
});

it("docs/errors.md: a refusal says what is needed", async () => {
  const given = { credits: books.credits, CreditsError, userId: await userWith(1) };
  const block = blockOf("errors.md", "CreditsError.is");
  expect(await runBlock(folder, block, { given })).toBe("You need 2, you have 1.");
  expect(await runBlock(folder, block, { given: { ...given, userId: await userWith(2) } })).toBeUndefined();
});

describe("on a PostgreSQL", () => {
  let database: string;
  let pool: pg.Pool;
  beforeAll(async () => {
    database = await newDatabase({ isMigrated: true });
    pool = new pg.Pool({ connectionString: database, max: 2 });
    await createCredits({ database: fromPool(pool), config }).grant({
      userId: "ada",
      amount: 8,
      type: "adjustment",
    });
  });
  afterAll(() => pool.end());

  it("docs/guides/scaling.md: a replica answers balances", async () => {
    const given = { createCredits, fromPool, replicaPool: pool, config, userId: "ada" };
    const block = blockOf("guides/scaling.md", "replicaPool");
    expect(await runBlock(folder, block, { given, asked: ["availableCredits"] })).toEqual({
      availableCredits: 8,
    });
  });

  it("docs/reference/engines.md: the sharded library works on one server too", async () => {
    const given = { createCredits, fromPool, pool, config };
    const block = blockOf("reference/engines.md", "sharded: true");
    const { credits } = await runBlock(folder, block, { given, asked: ["credits"] });
    expect(await credits.consume({ userId: "ada", amount: 1, service: "chat" })).toMatchObject({
      newBalance: 7,
    });
  });

  it("docs/start.md: the ledger moves to a PostgreSQL that is empty", async () => {
    write(folder, "creditkit.config.mjs", `export default ${JSON.stringify(config)};\n`);
    vi.stubEnv("DATABASE_URL", await newDatabase({ isMigrated: false }));
    const { open, pool: opened } = await runBlock(folder, blockOf("start.md", "new Pool({"), {
      asked: ["open", "pool"],
      replaced: { "../creditkit.config.mjs": "./creditkit.config.mjs" },
    });
    const [credits] = await Promise.all([open(), open()]);
    await credits.grant({ userId: "ada", amount: 5, type: "adjustment" });
    const spend = { userId: "ada", service: "image:draw" };
    expect(await credits.consumeForService(spend)).toMatchObject({ newBalance: 0 });
    vi.unstubAllEnvs();
    await opened.end();
  });

  it("README.md: a spend commits or rolls back with the app's own rows", async () => {
    await query(database, "create table images (user_id text, prompt text check (prompt <> ''))");
    const db = drizzle(pool);
    const images = pgTable("images", { userId: text("user_id"), prompt: text() });
    const credits = createCredits({ database: fromDrizzle(db), config });
    const block = blockOf("../README.md", "db.transaction");
    const given = { db, images, credits, userId: "ada", prompt: "a boat" };
    await runBlock(folder, block, { given });
    const picture = { user_id: "ada", prompt: "a boat" };
    expect(await query(database, "select * from images")).toEqual([picture]);
    expect(await credits.getInfo({ userId: "ada" })).toMatchObject({ availableCredits: 2 });
    // Not enough for a second one: its row goes as well.
    await expect(runBlock(folder, block, { given })).rejects.toMatchObject({ code: "INSUFFICIENT_CREDITS" });
    expect(await query(database, "select * from images")).toEqual([picture]);
  });
});
