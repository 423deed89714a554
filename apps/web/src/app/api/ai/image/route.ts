import { z } from "zod";
import { drawImage } from "@/ai/draw-image";
import { operationId } from "@/ai/operation";
import { isForeign } from "@/auth/origin";
import { getSignedIn } from "@/auth/session";
import { promptLengthMax } from "@/config/models";
import { answer, refuse, refuseFailure } from "@/credits/refusal";
import { refuseTooMany } from "@/security/limits";
import { readJson } from "../read-json";

const bodyBytesMax = 8 * 1024;

const imageRequest = z.object({
  prompt: z.string().trim().min(1).max(promptLengthMax),
  /** Sent again, it is drawn and charged once. */
  imageId: operationId,
});

/** Draws one picture; the session decides who pays, the configuration how much. */
export async function POST(request: Request): Promise<Response> {
  try {
    if (isForeign(request)) return refuse(403, "FORBIDDEN_ORIGIN", "This request came from another site.");
    const signedIn = await getSignedIn();
    if (!signedIn) return refuse(401, "UNAUTHORIZED", "Sign in first.");
    const tooMany = await refuseTooMany(signedIn.userId);
    if (tooMany) return tooMany;
    const parsed = imageRequest.safeParse(await readJson(request, bodyBytesMax));
    if (!parsed.success) {
      return refuse(400, "INVALID_REQUEST", `Send JSON with a prompt of 1 to ${promptLengthMax} characters.`);
    }
    return answer(200, await drawImage({ ...parsed.data, userId: signedIn.userId }));
  } catch (error) {
    return refuseFailure(error, "drawing a picture");
  }
}
