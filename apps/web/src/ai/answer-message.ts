import "server-only";
import { type ModelMessage, streamText, type TextStreamPart, type ToolSet, wrapLanguageModel } from "ai";
import { creditsMiddleware } from "creditkit/ai";
import { getModels } from "@/ai/models";
import { chatOperation } from "@/ai/operation";
import { tokensOf, tokensOfMessages } from "@/ai/token-count";
import { type ChatService, chatModels, heldCredits } from "@/config/models";
import { creditsLogger } from "@/credits/logger";
import { getCredits } from "@/credits/server";

const instructions =
  "You are the assistant in the sample app of Creditkit, a ledger for prepaid credits. Answer in the language of the " +
  "question, in at most 300 words. Use short paragraphs, lists, bold and code; no tables, links or images.";

export type AnswerPart = TextStreamPart<ToolSet>;

export interface AnswerRequest {
  userId: string;
  service: ChatService;
  /** The browser's name for the message: sent twice, it is answered and charged once. */
  messageId: string;
  messages: { role: "user" | "assistant"; text: string }[];
  abortSignal: AbortSignal;
}

export interface Answer {
  /** Credits set aside for it. */
  held: number;
  parts: ReadableStream<AnswerPart>;
}

/**
 * Has a message answered: holds what the longest answer would cost, calls the model, and settles by its tokens.
 *
 * @returns once the model has begun
 * @throws CreditsError when the ledger refuses, before any model is called; what the model threw when it failed at once
 */
export async function answerMessage(request: AnswerRequest): Promise<Answer> {
  const { userId, service, messageId, abortSignal } = request;
  const inputTokens = tokensOfMessages([instructions, ...request.messages.map(({ text }) => text)]);
  const held = heldCredits(service, inputTokens);
  const model = getModels().language(service);
  const result = streamText({
    model: wrapLanguageModel({
      model,
      middleware: creditsMiddleware({
        credits: await getCredits(),
        userId,
        service,
        price: { [model.modelId]: chatModels[service].creditsPerMillionTokens },
        estimate: held,
        operationKey: chatOperation(messageId),
        countTokens: tokensOf,
        description: `${chatModels[service].name} answer`,
        logger: creditsLogger,
      }),
    }),
    instructions,
    messages: request.messages.map(toModelMessage),
    maxOutputTokens: chatModels[service].answerTokensMax,
    // A second call would be refused: the key of the first has been used.
    maxRetries: 0,
    abortSignal,
    // Failures are answered and logged by the route; the default prints them whole, prompts included.
    onError: () => {},
  });
  const parts = await begun(result.stream);
  // Read to its end here too: a browser that goes away must not leave the answer half read and its hold open.
  void result.consumeStream({ onError: () => {} });
  return { held, parts };
}

function toModelMessage({ role, text }: AnswerRequest["messages"][number]): ModelMessage {
  return { role, content: text };
}

/** Waits until a stream says more than that it starts, so that a refusal can still become the response's status. */
async function begun(stream: ReadableStream<AnswerPart>): Promise<ReadableStream<AnswerPart>> {
  const reader = stream.getReader();
  const parts: AnswerPart[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (value.type === "error") {
      await reader.cancel();
      throw value.error;
    }
    parts.push(value);
    if (value.type !== "start") break;
  }
  return new ReadableStream({
    async pull(controller) {
      const part = parts.shift() ?? (await reader.read()).value;
      if (part) controller.enqueue(part);
      else controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
