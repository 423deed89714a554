import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Visitor } from "./visitor.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

let server: WebServer;
let visitor: Visitor;

beforeAll(async () => {
  server = await startWebServer({ DATA_DIR: "memory://" });
  visitor = new Visitor(server.url);
  await visitor.signUp();
});
afterAll(() => server?.stop());

async function balance(): Promise<unknown> {
  return visitor.creditsInfo();
}

describe("the demo chat", () => {
  test("answers nobody who is not signed in", async () => {
    const { status, answer } = await new Visitor(server.url).chat("hello");
    expect([status, answer.error.code]).toEqual([401, "UNAUTHORIZED"]);
  });

  test("refuses a page of another site that borrows the user's cookies", async () => {
    const foreign = [{ origin: "https://evil.example" }, { origin: "null" }];
    for (const headers of foreign) {
      const response = await visitor.post("/api/demo/chat", { message: "hello" }, headers);
      expect(response.status).toBe(403);
    }
    expect(await balance()).toMatchObject({ data: { availableCredits: 20 } });
  });

  test.each([
    ["no JSON", "hello"],
    ["no message", "{}"],
    ["a blank message", '{"message":"   "}'],
    ["a message that is too long", JSON.stringify({ message: "x".repeat(2_001) })],
    ["a body that is too long", JSON.stringify({ message: "hello", padding: "x".repeat(17_000) })],
    ["a request id with odd characters", JSON.stringify({ message: "hello", requestId: "a b" })],
  ])("refuses %s and charges nothing", async (_what, body) => {
    const headers = { "content-type": "application/json" };
    const response = await visitor.fetch("/api/demo/chat", { method: "POST", headers, body });
    expect([response.status, (await response.json()).error.code]).toEqual([400, "INVALID_REQUEST"]);
    expect(await balance()).toMatchObject({ data: { availableCredits: 20 } });
  });

  test("refuses what a foreign form could send without asking", async () => {
    const headers = { "content-type": "text/plain" };
    const response = await visitor.fetch("/api/demo/chat", {
      method: "POST",
      headers,
      body: '{"message":"hello"}',
    });
    expect(response.status).toBe(400);
  });

  test("charges the price of google:chat and answers", async () => {
    const { status, answer } = await visitor.chat("hello there");
    expect(status).toBe(200);
    expect(answer).toEqual({
      reply: expect.stringContaining("2 words"),
      charged: 2,
      newBalance: 18,
      transactionId: expect.any(String),
    });
  });

  test("charges a request once, sent twice at once or again later (rule 21)", async () => {
    const [first, second] = await Promise.all([
      visitor.chat("once", "click-1"),
      visitor.chat("once", "click-1"),
    ]);
    const third = await visitor.chat("once", "click-1");
    const ids = [first, second, third].map(({ answer }) => answer.transactionId);
    expect(new Set(ids).size).toBe(1);
    expect(await balance()).toMatchObject({ data: { availableCredits: 16 } });
  });

  test("charges another message under the same request id: one payment buys one answer", async () => {
    const { answer } = await visitor.chat("something else", "click-1");
    expect(answer).toMatchObject({ charged: 2, newBalance: 14 });
  });

  test("tells a short user what is missing and changes nothing (rule 8)", async () => {
    for (let spent = 0; spent < 7; spent++) expect((await visitor.chat(`message ${spent}`)).status).toBe(200);
    const { status, answer } = await visitor.chat("one too many");
    expect(status).toBe(402);
    expect(answer.error).toMatchObject({
      code: "INSUFFICIENT_CREDITS",
      required: 2,
      available: 0,
      missing: 2,
    });
    expect(answer.error.message).toContain("missing 2");
    expect(await balance()).toMatchObject({ data: { availableCredits: 0 } });
  });
});
