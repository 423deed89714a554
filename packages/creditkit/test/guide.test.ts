import { readFileSync, rmSync, writeFileSync } from "node:fs";
import type { UIMessage } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Ledger, newUser, openPgliteLedger } from "./ledger.ts";

const guide = readFileSync(new URL("../../../docs/guides/meter-ai.md", import.meta.url), "utf8");
const blocks = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = ""]) => block);

/** What the guide's routes take as given. */
interface Host {
  google: (modelId: string) => MockLanguageModelV4;
  credits: Ledger["credits"];
  requireSession: () => Promise<{ userId: string }>;
}

/** Runs a block of the guide as it stands, in a module whose other names come from the host. */
async function run(name: string, block: string): Promise<Record<string, unknown>> {
  const file = new URL(`guide-${name}.example.ts`, import.meta.url);
  const head = [
    `import { convertToModelMessages, streamText, wrapLanguageModel } from "ai";`,
    "const { google, credits, requireSession, userId, render, prompt } = (globalThis as any).guideHost;",
    "void [convertToModelMessages, streamText, wrapLanguageModel, google, credits, requireSession, userId, render, prompt];",
  ];
  writeFileSync(file, `${head.join("\n")}\n${block.replaceAll('"creditkit/ai"', '"../src/adapters/ai.ts"')}`);
  try {
    return await import(file.href);
  } finally {
    rmSync(file);
  }
}

let ledger: Ledger;
beforeAll(async () => {
  ledger = await openPgliteLedger();
});
afterAll(() => ledger.close());

const model = (modelId: string) =>
  new MockLanguageModelV4({
    modelId,
    doStream: async () => ({
      stream: new ReadableStream({
        start(controller) {
          controller.enqueue({ type: "stream-start", warnings: [] });
          controller.enqueue({ type: "text-start", id: "1" });
          controller.enqueue({ type: "text-delta", id: "1", delta: "Hello" });
          controller.enqueue({ type: "text-end", id: "1" });
          controller.enqueue({
            type: "finish",
            usage: {
              inputTokens: { total: 1500, noCache: 1500, cacheRead: undefined, cacheWrite: undefined },
              outputTokens: { total: 500, text: 500, reasoning: undefined },
            },
            finishReason: { unified: "stop", raw: "stop" },
          });
          controller.close();
        },
      }),
    }),
  });

const host = (userId: string, extra: object = {}) =>
  Object.assign(globalThis, {
    guideHost: {
      google: model,
      credits: ledger.credits,
      requireSession: async () => ({ userId }),
      userId,
      ...extra,
    } satisfies Host & Record<string, unknown>,
  });

const question = (id: string) => {
  const message: UIMessage = { id, role: "user", parts: [{ type: "text", text: "Hi" }] };
  return new Request("http://localhost/api/chat", {
    method: "POST",
    body: JSON.stringify({ messages: [message] }),
  });
};
type Route = { POST: (request: Request) => Promise<Response> };

it("the guide's route of before answers, and its ten lines meter it", async () => {
  const userId = newUser();
  host(userId);
  const before = (await run("before", blocks[0] ?? "")) as Route;
  expect(await (await before.POST(question("m0"))).text()).toContain("Hello");

  await ledger.credits.grant({ userId, amount: 100, type: "purchase" });
  const metered = (await run("metered", blocks[1] ?? "")) as Route;
  expect(await (await metered.POST(question("m1"))).text()).toContain("Hello");
  // 1,500 tokens at 2,000 a million and 500 at 8,000 are 7 credits.
  expect(await ledger.credits.getInfo({ userId })).toMatchObject({ availableCredits: 93, heldCredits: 0 });
  expect(await (await metered.POST(question("m1"))).text()).not.toContain("Hello");
  expect(await ledger.credits.getInfo({ userId })).toMatchObject({ availableCredits: 93, heldCredits: 0 });
});

it("the guide's piece of other work is charged what it says", async () => {
  const userId = newUser();
  await ledger.credits.grant({ userId, amount: 100, type: "purchase" });
  host(userId, { render: async () => ({ seconds: 12 }), prompt: "a video" });
  await run("meter", blocks[2] ?? "");
  expect(await ledger.credits.getInfo({ userId })).toMatchObject({ availableCredits: 76, heldCredits: 0 });
});
