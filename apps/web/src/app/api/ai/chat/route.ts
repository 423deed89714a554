import { createUIMessageStreamResponse, toUIMessageStream } from "ai";
import type { CallCost } from "creditkit/ai";
import { z } from "zod";
import { type AnswerPart, answerMessage } from "@/ai/answer-message";
import type { AnswerDetails, ChatMessage } from "@/ai/chat-message";
import { operationId } from "@/ai/operation";
import { isForeign } from "@/auth/origin";
import { getSignedIn } from "@/auth/session";
import {
  answerLengthMax,
  chatServices,
  conversationLengthMax,
  messageLengthMax,
  messagesMax,
} from "@/config/models";
import { describeFailure, unknownFailure } from "@/credits/failure";
import { refuse, refuseFailure } from "@/credits/refusal";
import { refuseTooMany } from "@/security/limits";
import { readJson } from "../read-json";

/** A conversation of the longest kind in a script of four bytes a character, and its JSON. */
const bodyBytesMax = 4 * conversationLengthMax + 16 * 1024;

const userMessage = z.object({
  role: z.literal("user"),
  text: z
    .string()
    .max(messageLengthMax)
    .refine((text) => text.trim() !== ""),
});
const assistantMessage = z.object({
  role: z.literal("assistant"),
  text: z.string().min(1).max(answerLengthMax),
});

const chatRequest = z.object({
  service: z.enum(chatServices),
  /** Of the last message: sent again, it is answered and charged once. */
  messageId: operationId,
  messages: z
    .array(z.discriminatedUnion("role", [userMessage, assistantMessage]))
    .max(messagesMax)
    .refine((messages) => messages.at(-1)?.role === "user")
    .refine((messages) => messages.reduce((sum, { text }) => sum + text.length, 0) <= conversationLengthMax),
});

/** Streams the answer to a conversation's last message; the session decides who pays, the configuration how much. */
export async function POST(request: Request): Promise<Response> {
  try {
    return await chat(request);
  } catch (error) {
    return refuseFailure(error, "the chat");
  }
}

async function chat(request: Request): Promise<Response> {
  if (isForeign(request)) return refuse(403, "FORBIDDEN_ORIGIN", "This request came from another site.");
  const signedIn = await getSignedIn();
  if (!signedIn) return refuse(401, "UNAUTHORIZED", "Sign in first.");
  const tooMany = await refuseTooMany(signedIn.userId);
  if (tooMany) return tooMany;
  const parsed = chatRequest.safeParse(await readJson(request, bodyBytesMax));
  if (!parsed.success)
    return refuse(400, "INVALID_REQUEST", "The message is empty or the conversation is too long.");
  const { service } = parsed.data;

  const { held, parts } = await answerMessage({
    ...parsed.data,
    userId: signedIn.userId,
    abortSignal: request.signal,
  });
  const stream = toUIMessageStream<never, ChatMessage>({
    stream: parts as ReadableStream<never>,
    messageMetadata: ({ part }) => detailsOf(part, { service, held }),
    onError: (error) => {
      console.error(`[Chat] an answer broke off: ${describeFailure(error)}`);
      return unknownFailure;
    },
  });
  return createUIMessageStreamResponse({ stream, headers: { "cache-control": "no-store" } });
}

/** What the browser learns beside the text: what is held at the start, what it cost at the end. */
function detailsOf(part: AnswerPart, { service, held }: { service: AnswerDetails["service"]; held: number }) {
  if (part.type === "start") return { service, held };
  if (part.type !== "finish-step") return undefined;
  const cost = part.providerMetadata?.creditkit as CallCost | undefined;
  return {
    charged: cost?.consumedAmount ?? null,
    newBalance: cost?.newBalance,
    inputTokens: part.usage.inputTokens,
    outputTokens: part.usage.outputTokens,
  };
}
