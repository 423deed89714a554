import "server-only";
import { generateImage } from "ai";
import { getModels } from "@/ai/models";
import { imageOperation } from "@/ai/operation";
import { getCreditConsumption } from "@/config/credits";
import { imageService } from "@/config/models";
import { getCredits } from "@/credits/server";

/** A provider that takes longer has lost it. */
const drawingTimeoutMs = 60_000;

/** What a picture may be: an SVG is only ever shown as an image, in which no script runs. */
const mediaTypes = ["image/png", "image/jpeg", "image/webp", "image/svg+xml"] as const;

export interface DrawingRequest {
  userId: string;
  /** The browser's name for the picture: sent twice, it is drawn and charged once. */
  imageId: string;
  prompt: string;
}

export interface Drawing {
  mediaType: string;
  base64: string;
  /** Credits; null when the ledger has not said yet. */
  charged: number | null;
  newBalance: number | null;
}

/**
 * Draws a picture for its service's price: held before the model is called, charged once there is a picture.
 *
 * @throws CreditsError when the ledger refuses, before any model is called; what the model threw, which costs nothing
 */
export async function drawImage({ userId, imageId, prompt }: DrawingRequest): Promise<Drawing> {
  const credits = await getCredits();
  const { value, settlement } = await credits.meter(
    {
      userId,
      service: imageService,
      estimate: getCreditConsumption(imageService),
      idempotencyKey: imageOperation(imageId),
      description: "Picture",
    },
    async () => {
      const abortSignal = AbortSignal.timeout(drawingTimeoutMs);
      const { image } = await generateImage({ model: getModels().image, prompt, maxRetries: 0, abortSignal });
      return { mediaType: mediaTypeOf(image), base64: image.base64 };
    },
  );
  return {
    ...value,
    charged: settlement?.consumedAmount ?? null,
    newBalance: settlement?.newBalance ?? null,
  };
}

function mediaTypeOf(image: { mediaType: string; base64: string }): string {
  // The SDK looks at the first bytes of pixel formats only, and takes the rest for PNG.
  const isSvg = Buffer.from(image.base64.slice(0, 8), "base64").toString("latin1").startsWith("<svg");
  const mediaType = isSvg ? "image/svg+xml" : image.mediaType;
  if (!mediaTypes.some((known) => known === mediaType)) throw new Error("The model sent no picture");
  return mediaType;
}
