import "server-only";
import { createGoogle } from "@ai-sdk/google";
import type { ImageModelV4, LanguageModelV4 } from "@ai-sdk/provider";
import { demoImageModel } from "@/ai/demo-image-model";
import { demoLanguageModel } from "@/ai/demo-language-model";
import type { ChatService } from "@/config/models";
import { readEnvironment } from "@/env";

/** What a service runs on, from fast to thorough. */
const geminiModels = {
  "google:fast": "gemini-3.5-flash-lite",
  "google:chat": "gemini-3.8-flash",
  "google:reasoning": "gemini-4-hydrogen",
} as const satisfies Record<ChatService, string>;

const geminiImageModel = "gemini-3.1-flash-image-preview";

const demoModels = {
  "google:fast": demoLanguageModel("demo-fast", { firstWordMs: 150, perWordMs: 30, isBrief: true }),
  "google:chat": demoLanguageModel("demo-chat", { firstWordMs: 400, perWordMs: 45 }),
  "google:reasoning": demoLanguageModel("demo-reasoning", { firstWordMs: 600, perWordMs: 40, reasons: true }),
} as const satisfies Record<ChatService, LanguageModelV4>;

/** The models of this server: Gemini with a key, the demo models without; everything around them is the same. */
export interface Models {
  isDemo: boolean;
  language(service: ChatService): LanguageModelV4;
  image: ImageModelV4;
}

export function getModels(): Models {
  const { GOOGLE_GENERATIVE_AI_API_KEY: apiKey } = readEnvironment();
  if (apiKey === undefined)
    return { isDemo: true, language: (service) => demoModels[service], image: demoImageModel };
  const google = createGoogle({ apiKey });
  return {
    isDemo: false,
    language: (service) => google(geminiModels[service]),
    image: google.image(geminiImageModel),
  };
}
