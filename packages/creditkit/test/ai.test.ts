import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs, streamText, tool, wrapLanguageModel } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { generateText as generateText6, wrapLanguageModel as wrapLanguageModel6 } from "ai-6";
import { MockLanguageModelV3 } from "ai-6/test";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  type CallCost,
  type CreditsMiddlewareOptions,
  creditsMiddleware,
  type TokenPrices,
} from "../src/adapters/ai.ts";
import { costOf, parsePrices, readUsage } from "../src/adapters/ai-price.ts";
import { createCredits } from "../src/core/credits.ts";
import type { Logger } from "../src/core/logger.ts";
import type { Credits } from "../src/core/operations.ts";
import { connectionReset, describeLedger, newUser } from "./ledger.ts";

/** A credit buys a hundred input tokens or ten output tokens. */
const price: Record<string, TokenPrices> = { mock: { input: 10_000, output: 100_000 } };

type Part =
  Awaited<ReturnType<MockLanguageModelV4["doStream"]>>["stream"] extends ReadableStream<infer P> ? P : never;
type Usage = Extract<Part, { type: "finish" }>["usage"];

const usage = (input: number | undefined, output: number | undefined): Usage => ({
  inputTokens: { total: input, noCache: input, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: output, text: output, reasoning: undefined },
});
const finish = (used: Usage): Part => ({
  type: "finish",
  usage: used,
  finishReason: { unified: "stop", raw: "stop" },
});
const words = (...texts: string[]): Part[] => [
  { type: "stream-start", warnings: [] },
  { type: "text-start", id: "1" },
  ...texts.map((delta): Part => ({ type: "text-delta", id: "1", delta })),
];

/** A model that streams parts one by one as they are read; an Error among them breaks the stream there. */
function streaming(parts: (Part | Error)[]) {
  return new MockLanguageModelV4({
    modelId: "mock",
    doStream: async () => {
      const left = [...parts];
      return {
        stream: new ReadableStream<Part>(
          {
            pull: (controller) => {
              const part = left.shift();
              if (part === undefined) controller.close();
              else if (part instanceof Error) controller.error(part);
              else controller.enqueue(part);
            },
          },
          { highWaterMark: 0 },
        ),
      };
    },
  });
}

const answering = (text: string, used: Usage) =>
  new MockLanguageModelV4({
    modelId: "mock",
    doGenerate: async () => ({
      content: [{ type: "text", text }],
      finishReason: { unified: "stop", raw: "stop" },
      usage: used,
      warnings: [],
    }),
  });

/** Waits for what happens beside the call, such as the settlement of an answer nobody reads any more. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (await isTrue()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("It did not happen");
}

describeLedger("the AI SDK middleware", (ledger) => {
  const funded = async (amount = 1000) => {
    const userId = newUser();
    await ledger().credits.grant({ userId, amount, type: "purchase" });
    return userId;
  };
  const info = async (userId: string) => {
    const { availableCredits, heldCredits } = await ledger().credits.getInfo({ userId });
    return { availableCredits, heldCredits };
  };
  const metered = (
    userId: string,
    model: MockLanguageModelV4,
    options: Partial<CreditsMiddlewareOptions> = {},
  ) => {
    const { credits } = ledger();
    // A fixed price is what a service of the configuration has.
    const prices = options.service === undefined ? { price } : {};
    const middleware = creditsMiddleware({ credits, userId, service: "chat", ...prices, ...options });
    return wrapLanguageModel({ model, middleware });
  };
  const logged = () => {
    const lines: string[] = [];
    const write = (_fields: object, message: string) => void lines.push(message);
    const logger: Logger = { debug: write, info: write, warn: write, error: write };
    return { logger, lines };
  };

  it("charges a generated answer by its tokens, rounded up once, and says so on the result", async () => {
    const userId = await funded();
    const heard: CallCost[] = [];
    const model = metered(userId, answering("hello", usage(101, 11)), {
      onSettled: (cost) => heard.push(cost),
    });
    const { text, providerMetadata } = await generateText({ model, prompt: "hi" });
    expect(text).toBe("hello");
    // 1.01 + 1.1 credits
    const cost = { consumedAmount: 3, shortfall: 0, newBalance: 997, transactionId: expect.any(String) };
    expect(providerMetadata?.creditkit).toEqual(cost);
    expect(heard).toEqual([expect.objectContaining({ ...cost, modelId: "mock" })]);
    expect(await info(userId)).toEqual({ availableCredits: 997, heldCredits: 0 });
  });

  it("charges a streamed answer once it has ended, and says so on its last part", async () => {
    const userId = await funded();
    const model = metered(userId, streaming([...words("he", "llo"), finish(usage(100, 20))]));
    const result = streamText({ model, prompt: "hi" });
    expect(await result.text).toBe("hello");
    expect((await result.providerMetadata)?.creditkit).toMatchObject({ consumedAmount: 3, newBalance: 997 });
    expect(await info(userId)).toEqual({ availableCredits: 997, heldCredits: 0 });
  });

  it("charges the configured price of a service where no token prices are given", async () => {
    const userId = await funded();
    const model = metered(userId, answering("hello", usage(1, 1)), {
      service: "google:reasoning",
    });
    const { providerMetadata } = await generateText({ model, prompt: "hi" });
    expect(providerMetadata?.creditkit).toMatchObject({ consumedAmount: 4, newBalance: 996 });
  });

  it("refuses a user who is short before the provider is asked", async () => {
    const userId = await funded(5);
    const model = streaming([...words("free"), finish(usage(1, 1))]);
    const errors: unknown[] = [];
    const result = streamText({
      model: metered(userId, model, { estimate: 6 }),
      prompt: "hi",
      onError: ({ error }) => void errors.push(error),
    });
    await result.consumeStream();
    expect(errors).toEqual([
      expect.objectContaining({ code: "INSUFFICIENT_CREDITS", required: 6, available: 5 }),
    ]);
    expect(model.doStreamCalls).toHaveLength(0);
    const generating = answering("free", usage(1, 1));
    await expect(
      generateText({ model: metered(userId, generating), prompt: "x".repeat(4000), maxRetries: 0 }),
    ).rejects.toMatchObject({ code: "INSUFFICIENT_CREDITS" });
    expect(generating.doGenerateCalls).toHaveLength(0);
    expect(await info(userId)).toEqual({ availableCredits: 5, heldCredits: 0 });
  });

  it("refuses a model without a price: never free", async () => {
    const userId = await funded();
    const model = answering("free", usage(1, 1));
    await expect(
      generateText({
        model: metered(userId, model, { price: { other: { input: 1, output: 1 } } }),
        prompt: "hi",
      }),
    ).rejects.toMatchObject({ code: "UNKNOWN_PRICE" });
    expect(model.doGenerateCalls).toHaveLength(0);
  });

  it("gives each model call of a tool loop a hold of its own", async () => {
    const userId = await funded();
    let step = 0;
    const model = new MockLanguageModelV4({
      modelId: "mock",
      doGenerate: async () => {
        step += 1;
        expect((await info(userId)).heldCredits).toBe(50);
        return {
          content:
            step === 1
              ? [{ type: "tool-call", toolCallId: "1", toolName: "weather", input: `{"city":"Rome"}` }]
              : [{ type: "text", text: "sunny" }],
          finishReason: { unified: step === 1 ? "tool-calls" : "stop", raw: undefined },
          usage: usage(100, 10),
          warnings: [],
        };
      },
    });
    const weather = tool({ inputSchema: z.object({ city: z.string() }), execute: async () => "sun" });
    const options = { estimate: 50, operationKey: "message-1" };
    const ask = () =>
      generateText({
        model: metered(userId, model, options),
        prompt: "weather?",
        tools: { weather },
        stopWhen: stepCountIs(3),
        maxRetries: 0,
      });
    expect((await ask()).text).toBe("sunny");
    expect(await info(userId)).toEqual({ availableCredits: 996, heldCredits: 0 });
    // The same request again is not run for nothing.
    await expect(ask()).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT", field: "idempotencyKey" });
    expect(step).toBe(2);
  });

  describe("an answer that ends early", () => {
    it("costs what was streamed when it is aborted", async () => {
      const userId = await funded();
      const abort = new AbortController();
      const model = metered(userId, streaming([...words("a".repeat(400), "b".repeat(400), "c".repeat(400))]));
      const result = streamText({ model, prompt: "hi", abortSignal: abort.signal });
      for await (const text of result.textStream) if (text.startsWith("b")) abort.abort();
      await until(async () => (await info(userId)).heldCredits === 0);
      // 200 tokens of answer and one of prompt; what was read ahead of the abort counts too.
      const { availableCredits } = await info(userId);
      expect([1000 - 21, 1000 - 31]).toContain(availableCredits);
    });

    it("costs what was streamed when its reader goes away", async () => {
      const userId = await funded();
      const middleware = creditsMiddleware({ credits: ledger().credits, userId, service: "chat", price });
      const model = streaming([...words("a".repeat(400), "b".repeat(400)), finish(usage(1, 200))]);
      const params = {
        prompt: [{ role: "user" as const, content: [{ type: "text" as const, text: "hi" }] }],
      };
      const { stream } = await middleware.wrapStream({
        doStream: async () => model.doStream(params),
        params,
        model,
      });
      const reader = stream.getReader();
      for (let part = 0; part < 3; part++) await reader.read();
      expect((await info(userId)).heldCredits).toBeGreaterThan(0);
      await reader.cancel();
      expect(await info(userId)).toEqual({ availableCredits: 1000 - 11, heldCredits: 0 });
    });

    it("is free when the provider fails before the first token, in either way", async () => {
      const userId = await funded();
      const failing = [
        new MockLanguageModelV4({ modelId: "mock", doStream: () => Promise.reject(new Error("down")) }),
        streaming([{ type: "stream-start", warnings: [] }, new Error("broken")]),
        streaming([
          { type: "stream-start", warnings: [] },
          { type: "error", error: new Error("overloaded") },
          finish(usage(undefined, undefined)),
        ]),
      ];
      for (const model of failing) {
        const result = streamText({
          model: metered(userId, model),
          prompt: "hi",
          maxRetries: 0,
          onError: () => {},
        });
        await result.consumeStream();
        await until(async () => (await info(userId)).heldCredits === 0);
        expect(await info(userId)).toEqual({ availableCredits: 1000, heldCredits: 0 });
      }
      const generating = new MockLanguageModelV4({
        modelId: "mock",
        doGenerate: () => Promise.reject(new Error("down")),
      });
      await expect(
        generateText({ model: metered(userId, generating), prompt: "hi", maxRetries: 0 }),
      ).rejects.toThrow("down");
      expect(await info(userId)).toEqual({ availableCredits: 1000, heldCredits: 0 });
    });

    it.each([
      ["breaks off", (text: Part[]): (Part | Error)[] => [...text, new Error("broken")]],
      [
        "says so in an error part, followed by a finish without usage",
        (text: Part[]): (Part | Error)[] => [
          ...text,
          { type: "error", error: new Error("overloaded") },
          finish(usage(undefined, undefined)),
        ],
      ],
    ])("costs what came before when the provider %s", async (_how, parts) => {
      const userId = await funded();
      const model = metered(userId, streaming(parts(words("a".repeat(400)))));
      const result = streamText({ model, prompt: "hi", onError: () => {} });
      await result.consumeStream({ onError: () => {} });
      await until(async () => (await info(userId)).heldCredits === 0);
      expect(await info(userId)).toEqual({ availableCredits: 1000 - 11, heldCredits: 0 });
    });

    it("with its process leaves a hold that times out", async () => {
      const userId = await funded();
      const middleware = creditsMiddleware({
        credits: ledger().credits,
        userId,
        service: "chat",
        price,
        ttlSeconds: 60,
        estimate: 100,
      });
      const model = streaming(words("a"));
      const params = { prompt: [] };
      await middleware.wrapStream({ doStream: async () => model.doStream(params), params, model });
      expect(await info(userId)).toEqual({ availableCredits: 900, heldCredits: 100 });
      ledger().clock.set(new Date(ledger().clock.now().getTime() + 60_000));
      expect(await info(userId)).toEqual({ availableCredits: 1000, heldCredits: 0 });
    });
  });

  it("loses no text when settling fails, logs it, and settles later under the hold's id", async () => {
    const userId = await funded();
    let isDown = true;
    const { logger, lines } = logged();
    const credits: Credits = createCredits({
      database: {
        ...ledger().database,
        query: async (text, parameters) => {
          // Committed, unheard: asking again must not charge again.
          const rows = await ledger().database.query(text, parameters);
          if (isDown && text.includes("credits.settle")) throw connectionReset();
          return rows;
        },
      },
      config: ledger().credits.config,
      clock: ledger().clock.now,
      logger,
    });
    const model = streaming([...words("he", "llo"), finish(usage(100, 20))]);
    const result = streamText({ model: metered(userId, model, { credits }), prompt: "hi" });
    expect(await result.text).toBe("hello");
    expect((await result.providerMetadata)?.creditkit).toBeUndefined();
    expect(lines).toContain("Metered work could not be settled");
    isDown = false;
    expect(await info(userId)).toEqual({ availableCredits: 997, heldCredits: 0 });
  });

  it("logs a usage that contradicts itself, and charges what is possible of it", async () => {
    const userId = await funded();
    const { logger, lines } = logged();
    const odd = usage(100, 10);
    odd.inputTokens = { total: 100, noCache: -800, cacheRead: 900, cacheWrite: undefined };
    const prices = { mock: { input: 10_000, cachedInput: 5_000, output: 100_000 } };
    const model = metered(userId, answering("x", odd), { price: prices, logger });
    const { providerMetadata } = await generateText({ model, prompt: "hi" });
    // A hundred cached tokens are half a credit, ten of the answer one: rounded up once.
    expect(providerMetadata?.creditkit).toMatchObject({ consumedAmount: 2 });
    expect(lines).toContain("A provider's usage contradicts itself and was cut");
  });

  it("serves ai 6 as well, by the version of its interface", async () => {
    const userId = await funded();
    const model = new MockLanguageModelV3({
      modelId: "mock",
      doGenerate: async () => ({
        content: [{ type: "text", text: "hello" }],
        finishReason: { unified: "stop", raw: "stop" },
        usage: {
          inputTokens: { total: 100, noCache: 100, cacheRead: undefined, cacheWrite: undefined },
          outputTokens: { total: 20, text: 20, reasoning: undefined },
        },
        warnings: [],
      }),
    });
    const middleware = creditsMiddleware({
      credits: ledger().credits,
      userId,
      service: "chat",
      price,
      specificationVersion: "v3",
    });
    const { providerMetadata } = await generateText6({
      model: wrapLanguageModel6({ model, middleware }),
      prompt: "hi",
    });
    expect(providerMetadata?.creditkit).toMatchObject({ consumedAmount: 3 });
  });

  describe("over HTTP, with an OpenAI-compatible provider,", () => {
    let server: Server;
    let cached = 0;
    beforeAll(async () => {
      server = createServer((_request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        const send = (body: object) => response.write(`data: ${JSON.stringify({ id: "1", ...body })}\n\n`);
        for (const content of ["he", "llo"]) send({ choices: [{ index: 0, delta: { content } }] });
        send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
        const prompt_tokens_details = { cached_tokens: cached };
        send({ choices: [], usage: { prompt_tokens: 1000, completion_tokens: 20, prompt_tokens_details } });
        response.end("data: [DONE]\n\n");
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    });
    afterAll(() => void server.close());

    it.each([
      ["among", "included", 10 - 9 + 1 + 2],
      ["beside", "separate", 10 + 1 + 2],
    ] as const)(
      "charges cached tokens once where the provider counts them %s the others",
      async (_how, cachedTokens, cost) => {
        cached = 900;
        const userId = await funded();
        const { port } = server.address() as AddressInfo;
        const provider = createOpenAICompatible({
          name: "local",
          baseURL: `http://127.0.0.1:${port}/v1`,
          includeUsage: true,
        });
        const model = wrapLanguageModel({
          model: provider("mock"),
          middleware: creditsMiddleware({
            credits: ledger().credits,
            userId,
            service: "chat",
            price: { mock: { input: 10_000, cachedInput: 1_000, output: 100_000 } },
            cachedTokens,
          }),
        });
        const result = streamText({ model, prompt: "hi" });
        expect(await result.text).toBe("hello");
        expect((await result.providerMetadata)?.creditkit).toMatchObject({ consumedAmount: cost });
      },
    );
  });

  it("leaves books that the audit finds clean", async () => {
    expect(await ledger().credits.audit()).toEqual({ ok: true, violations: [] });
  });
});

describe("token prices", () => {
  it.each([
    ["zero", { input: 0, output: 1 }, "price.m.input"],
    ["negative", { input: 1, output: -1 }, "price.m.output"],
    ["no number", { input: 1, output: "1" as unknown as number }, "price.m.output"],
    ["infinite", { input: Number.POSITIVE_INFINITY, output: 1 }, "price.m.input"],
    ["missing", { input: 1 } as TokenPrices, "price.m.output"],
    ["zero in a pool of its own", { input: 1, output: 1, cachedInput: 0 }, "price.m.cachedInput"],
    ["finer than nine decimals", { input: 1e-10, output: 1 }, "price.m.input"],
  ])("are refused where one is %s", (_what, prices, path) => {
    expect(() => parsePrices({ m: prices })).toThrow(
      expect.objectContaining({
        code: "INVALID_CONFIG",
        problems: expect.arrayContaining([expect.objectContaining({ path })]),
      }),
    );
  });

  it("are summed exactly and rounded up once, to the ledger's smallest unit", () => {
    const prices = parsePrices({ m: { input: 0.1, output: 0.2 } }).get("m");
    if (prices === undefined) throw new Error("No prices");
    const tokens = { input: 1_000_000, cachedInput: 0, cacheWrite: 0, output: 1_000_000, reasoning: 0 };
    expect(costOf(tokens, prices, 0)).toBe(1);
    // 0.1 + 0.2 is 0.3 here, and not a unit more.
    expect(costOf(tokens, prices, 1)).toBe(0.3);
    expect(costOf({ ...tokens, input: 1_000_001 }, prices, 6)).toBe(0.300001);
    expect(costOf({ ...tokens, input: 0, output: 0 }, prices, 0)).toBe(0);
  });
});

describe("a reported usage", () => {
  const of = (inputTokens: object, outputTokens: object = {}) => ({ inputTokens, outputTokens });

  it.each([
    [
      "cached inside",
      of({ total: 100, cacheRead: 30, cacheWrite: 20 }),
      { input: 50, cachedInput: 30, cacheWrite: 20 },
    ],
    [
      "exclusive already",
      of({ total: 100, noCache: 50, cacheRead: 30, cacheWrite: 20 }),
      { input: 50, cachedInput: 30, cacheWrite: 20 },
    ],
    ["nothing", of({}), undefined],
    ["no object", undefined, undefined],
  ])("is read as exclusive pools: %s", (_what, usageGiven, expected) => {
    expect(readUsage(usageGiven, "included")).toMatchObject({ input: expected, isClamped: false });
  });

  it.each([
    [
      "more cached than there is",
      of({ total: 10, cacheRead: 30 }),
      { input: 0, cachedInput: 10, cacheWrite: 0 },
    ],
    [
      "derived counts below zero",
      of({ total: 10, noCache: -20, cacheRead: 30 }),
      { input: 0, cachedInput: 10, cacheWrite: 0 },
    ],
    ["no number", of({ total: Number.NaN }), undefined],
  ])("is cut where it contradicts itself: %s", (_what, usageGiven, expected) => {
    expect(readUsage(usageGiven, "included")).toMatchObject({ input: expected, isClamped: true });
  });

  it("splits the answer into text and reasoning, neither counted twice", () => {
    expect(readUsage(of({}, { total: 100, text: 60, reasoning: 40 }), "included").output).toEqual({
      output: 60,
      reasoning: 40,
    });
    expect(readUsage(of({}, { total: 100, reasoning: 140 }), "included")).toMatchObject({
      output: { output: 0, reasoning: 100 },
      isClamped: true,
    });
    expect(readUsage(of({}, { text: 7 }), "included").output).toEqual({ output: 7, reasoning: 0 });
  });
});
