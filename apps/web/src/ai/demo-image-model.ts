import "server-only";
import { setTimeout as wait } from "node:timers/promises";
import type { ImageModelV4 } from "@ai-sdk/provider";
import { paint } from "@/ai/demo-painting";

/** About as long as a provider takes for a small picture. */
const drawingMs = 1_500;

/** An image model that lives in this process: it paints an SVG landscape of what the prompt mentions. */
export const demoImageModel: ImageModelV4 = {
  specificationVersion: "v4",
  provider: "demo",
  modelId: "demo-image",
  maxImagesPerCall: 1,
  async doGenerate({ prompt, abortSignal }) {
    await wait(drawingMs, undefined, { signal: abortSignal });
    return {
      images: [Buffer.from(paint(prompt ?? ""), "utf8").toString("base64")],
      warnings: [],
      response: { timestamp: new Date(), modelId: "demo-image", headers: undefined },
    };
  },
};
