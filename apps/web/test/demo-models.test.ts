import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { describe, expect, test } from "vitest";
import { demoAnswer } from "@/ai/demo-answers";
import { demoLanguageModel } from "@/ai/demo-language-model";
import { paint } from "@/ai/demo-painting";
import { chatSuggestions } from "@/ai/suggestions";
import { tokensOf } from "@/ai/token-count";
import { messages } from "@/i18n/messages";

const atOnce = { firstWordMs: 0, perWordMs: 0, reasons: true };
const prompt = [
  { role: "user" as const, content: [{ type: "text" as const, text: "How does a hold work?" }] },
];

async function partsOf(
  stream: ReadableStream<LanguageModelV4StreamPart>,
): Promise<LanguageModelV4StreamPart[]> {
  const parts: LanguageModelV4StreamPart[] = [];
  for await (const part of stream as unknown as AsyncIterable<LanguageModelV4StreamPart>) parts.push(part);
  return parts;
}

function said(parts: LanguageModelV4StreamPart[], type: "text-delta" | "reasoning-delta"): string {
  return parts.map((part) => (part.type === type ? part.delta : "")).join("");
}

describe("the demo language model", () => {
  test("counts the very tokens that it says", async () => {
    const { stream } = await demoLanguageModel("demo", atOnce).doStream({ prompt });
    const parts = await partsOf(stream);
    const finish = parts.at(-1);
    if (finish?.type !== "finish") throw new Error("The stream did not finish");
    const [text, reasoning] = [said(parts, "text-delta"), said(parts, "reasoning-delta")].map(tokensOf);
    expect(finish.usage.outputTokens).toEqual({
      total: (text ?? 0) + (reasoning ?? 0),
      text,
      reasoning,
    });
    expect(finish.finishReason.unified).toBe("stop");
  });

  test.each([1, 50, 150])(
    "says at most %i tokens when it may say no more, thinking included",
    async (maxOutputTokens) => {
      const { stream } = await demoLanguageModel("demo", atOnce).doStream({ prompt, maxOutputTokens });
      const finish = (await partsOf(stream)).at(-1);
      if (finish?.type !== "finish") throw new Error("The stream did not finish");
      expect(finish.usage.outputTokens.total).toBeLessThanOrEqual(maxOutputTokens);
      expect(finish.finishReason.unified).toBe("length");
    },
  );

  test("breaks its stream when it is aborted, as a provider's connection does", async () => {
    const abort = new AbortController();
    const { stream } = await demoLanguageModel("demo", { ...atOnce, perWordMs: 10_000 }).doStream({
      prompt,
      abortSignal: abort.signal,
    });
    const reading = partsOf(stream);
    abort.abort();
    await expect(reading).rejects.toThrow(/abort/i);
  });
});

describe("what the demo model says", () => {
  test.each([
    ["How does a hold work?", /\*\*hold\*\*/],
    ["Explain double entry", /Double-entry bookkeeping/],
    ["Write a haiku", /Three haiku/],
    ["Plan a weekend", /Kyoto/],
  ])("fits the suggestion %j", (title, about) => {
    const { suggestions } = messages.en.chat;
    const name = chatSuggestions.find((name) => suggestions[name].title === title);
    expect(demoAnswer(name ? suggestions[name].text : "", {}).text).toMatch(about);
  });

  test("is Chinese for whoever asks in Chinese", () => {
    for (const { text } of Object.values(messages["zh-CN"].chat.suggestions))
      expect(demoAnswer(text, {}).text).toContain("**演示模型**");
  });

  test("says of anything else that it is the demo model", () => {
    expect(demoAnswer("What is the weather like?", {}).text).toContain("**demo model**");
  });
});

describe("the demo painter", () => {
  const prompts = [
    "a harbour at dusk",
    "a city under the moon",
    "dunes",
    "a pine forest",
    "",
    "<svg onload=alert(1)>",
  ];

  test.each(prompts)("paints %j the same way each time, and well-formed", (text) => {
    const svg = paint(text);
    expect(paint(text)).toBe(svg);
    expect(svg).toMatch(/^<svg [^>]*>.*<\/svg>$/);
    expect(svg).not.toMatch(/NaN|undefined|script|onload/);
  });

  test("paints different prompts differently", () => {
    expect(new Set(prompts.map(paint)).size).toBe(prompts.length);
  });
});
