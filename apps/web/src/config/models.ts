/**
 * The chat models and what their tokens cost. Isomorphic like `credits.ts` beside it: the page says what a model costs
 * from the same table that the server charges by.
 *
 * Each price per token keeps the ratio of the services' prices in `credits.ts` (1 : 2 : 4): a thousand tokens read cost
 * one use of the service, a thousand tokens written four.
 */
export const chatModels = {
  "google:fast": {
    name: "Fast",
    description: "Short answers, at once",
    creditsPerMillionTokens: { input: 1_000, output: 4_000 },
    answerTokensMax: 800,
  },
  "google:chat": {
    name: "Chat",
    description: "Balanced, for most questions",
    creditsPerMillionTokens: { input: 2_000, output: 8_000 },
    answerTokensMax: 800,
  },
  "google:reasoning": {
    name: "Reasoning",
    description: "Thinks before it answers; the thinking is charged too",
    creditsPerMillionTokens: { input: 4_000, output: 16_000 },
    answerTokensMax: 1_000,
  },
} as const satisfies Record<string, ChatModel>;

export interface ChatModel {
  name: string;
  description: string;
  creditsPerMillionTokens: TokenPrice;
  /** Where an answer is cut off, thinking included. */
  answerTokensMax: number;
}

/** Credits per million tokens. A message's cost is rounded up to the ledger's whole credits once, at its end. */
export interface TokenPrice {
  input: number;
  output: number;
}

export type ChatService = keyof typeof chatModels;

export const chatServices = Object.keys(chatModels) as [ChatService, ...ChatService[]];

export const chatServiceDefault: ChatService = "google:chat";

export const imageService = "google:image";

const tokensPerPrice = 1_000_000;

/** Credits set aside while a message is answered: what it costs when the answer has its full length. */
export function heldCredits(service: ChatService, inputTokens: number): number {
  const { creditsPerMillionTokens: price, answerTokensMax } = chatModels[service];
  return Math.ceil((inputTokens * price.input + answerTokensMax * price.output) / tokensPerPrice);
}

/** Credits per thousand tokens, the number that a person can read. */
export function creditsPerThousand(price: TokenPrice): TokenPrice {
  return { input: price.input / 1_000, output: price.output / 1_000 };
}

/** Limits of a conversation that is sent; the browser keeps within them, the server refuses what does not. */
export const messageLengthMax = 4_000;
export const answerLengthMax = 16_000;
export const messagesMax = 40;
export const conversationLengthMax = 40_000;

export const promptLengthMax = 500;
