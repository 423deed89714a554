import "server-only";
import { setTimeout as wait } from "node:timers/promises";
import type { LanguageModelV4, LanguageModelV4Prompt, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { type AnswerManner, type DemoAnswer, demoAnswer } from "@/ai/demo-answers";
import { tokensOf, tokensOfMessages } from "@/ai/token-count";
import { readEnvironment } from "@/env";

interface DemoManner extends AnswerManner {
  /** Until the first word. */
  firstWordMs: number;
  perWordMs: number;
}

/**
 * A language model that lives in this process and says canned text: the provider's interface, a realistic pace, true
 * counts of its tokens, and an abort that breaks its stream as a lost connection breaks a provider's.
 */
export function demoLanguageModel(modelId: string, manner: DemoManner): LanguageModelV4 {
  return {
    specificationVersion: "v4",
    provider: "demo",
    modelId,
    supportedUrls: {},
    async doStream({ prompt, maxOutputTokens, abortSignal }) {
      const answer = demoAnswer(lastUserText(prompt), manner);
      const speech = speak(answer, manner, {
        inputTokens: tokensOfMessages(prompt.map(textOf)),
        outputTokensMax: maxOutputTokens ?? Number.POSITIVE_INFINITY,
        abortSignal,
      });
      return {
        stream: new ReadableStream<LanguageModelV4StreamPart>({
          async pull(controller) {
            try {
              const { done, value } = await speech.next();
              if (done) controller.close();
              else controller.enqueue(value);
            } catch (error) {
              controller.error(error);
            }
          },
          async cancel() {
            await speech.return();
          },
        }),
      };
    },
    async doGenerate() {
      throw new Error("The demo model only streams");
    },
  };
}

interface Speech {
  inputTokens: number;
  outputTokensMax: number;
  abortSignal: AbortSignal | undefined;
}

async function* speak(
  answer: DemoAnswer,
  manner: DemoManner,
  { inputTokens, outputTokensMax, abortSignal }: Speech,
): AsyncGenerator<LanguageModelV4StreamPart, void> {
  const { DEMO_MODEL_SPEED: speed } = readEnvironment();
  const pause = (milliseconds: number) => wait(milliseconds / speed, undefined, { signal: abortSignal });
  const spoken = { reasoning: 0, text: 0 };
  let isCut = false;
  yield { type: "stream-start", warnings: [] };
  await pause(manner.firstWordMs);

  for (const kind of ["reasoning", "text"] as const) {
    const whole = answer[kind];
    if (!whole || isCut) continue;
    let said = "";
    yield { type: `${kind}-start`, id: kind };
    for (const word of whole.match(/\s*\S+/g) ?? []) {
      const tokens = tokensOf(said + word);
      if (spoken.reasoning + spoken.text - spoken[kind] + tokens > outputTokensMax) {
        isCut = true;
        break;
      }
      await pause(manner.perWordMs);
      said += word;
      spoken[kind] = tokens;
      yield { type: `${kind}-delta`, id: kind, delta: word };
    }
    yield { type: `${kind}-end`, id: kind };
  }

  yield {
    type: "finish",
    finishReason: { unified: isCut ? "length" : "stop", raw: undefined },
    usage: {
      inputTokens: { total: inputTokens, noCache: inputTokens, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: spoken.reasoning + spoken.text, text: spoken.text, reasoning: spoken.reasoning },
    },
  };
}

type Message = LanguageModelV4Prompt[number];

function textOf(message: Message): string {
  if (message.role === "system") return message.content;
  return message.content.map((part) => (part.type === "text" ? part.text : "")).join("");
}

function lastUserText(prompt: LanguageModelV4Prompt): string {
  const last = prompt.findLast(({ role }) => role === "user");
  return last ? textOf(last) : "";
}
