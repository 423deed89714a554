import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { newId, Visitor } from "./visitor.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

const bonus = 20;
const price = 5;

let server: WebServer;
let visitor: Visitor;

beforeAll(async () => {
  server = await startWebServer({ DATA_DIR: "memory://" });
});
afterAll(() => server?.stop());

beforeEach(async () => {
  visitor = new Visitor(server.url);
  await visitor.signUp();
});

async function expectBalance(credits: number): Promise<void> {
  expect(await visitor.creditsInfo()).toMatchObject({ data: { availableCredits: credits } });
}

describe("the pictures", () => {
  test("are drawn for nobody who is not signed in", async () => {
    const { status, answer } = await new Visitor(server.url).draw("a harbour");
    expect([status, answer.error?.code]).toEqual([401, "UNAUTHORIZED"]);
  });

  test("are drawn for no other site", async () => {
    const request = { prompt: "a harbour", imageId: newId() };
    const response = await visitor.post("/api/ai/image", request, { origin: "https://evil.example" });
    expect(response.status).toBe(403);
    await expectBalance(bonus);
  });

  test.each([
    ["no JSON", "a harbour"],
    ["no prompt", JSON.stringify({ imageId: newId() })],
    ["a blank prompt", JSON.stringify({ prompt: "  ", imageId: newId() })],
    ["a prompt that is too long", JSON.stringify({ prompt: "x".repeat(501), imageId: newId() })],
    ["no id", JSON.stringify({ prompt: "a harbour" })],
    [
      "a body that is too long",
      JSON.stringify({ prompt: "a", imageId: newId(), padding: "x".repeat(9_000) }),
    ],
  ])("are refused for %s, which costs nothing", async (_what, body) => {
    const headers = { "content-type": "application/json" };
    const response = await visitor.fetch("/api/ai/image", { method: "POST", headers, body });
    expect([response.status, (await response.json()).error.code]).toEqual([400, "INVALID_REQUEST"]);
    await expectBalance(bonus);
  });

  test("cost the price of google:image each, and are an SVG without anything of the prompt", async () => {
    const { status, answer } = await visitor.draw("a harbour <script>alert(1)</script>");
    expect(status).toBe(200);
    expect(answer).toMatchObject({ mediaType: "image/svg+xml", charged: price, newBalance: bonus - price });
    const svg = Buffer.from(answer.base64, "base64").toString("utf8");
    expect(svg).toMatch(/^<svg .*<\/svg>$/);
    expect(svg).not.toContain("script");
    await expectBalance(bonus - price);
  });

  test("are drawn and charged once under one id (rule 21)", async () => {
    const imageId = newId();
    const answers = await Promise.all([visitor.draw("a city", imageId), visitor.draw("a city", imageId)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect((await visitor.draw("another city", imageId)).status).toBe(409);
    await expectBalance(bonus - price);
  });

  test("are refused to a user who is short before anything is drawn (rules 8, 9)", async () => {
    const drawn = await Promise.all(["a", "b", "c", "d"].map((prompt) => visitor.draw(prompt)));
    expect(drawn.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { status, answer } = await visitor.draw("one too many");
    expect(status).toBe(402);
    expect(answer.error).toMatchObject({
      code: "INSUFFICIENT_CREDITS",
      required: price,
      available: 0,
      missing: price,
    });
    await expectBalance(0);
  });
});
