import { operationId, readCharge } from "@/ai/operation";
import { getSignedIn } from "@/auth/session";
import { answer, refuse, refuseFailure } from "@/credits/refusal";

/** What one of the user's own messages cost: for an answer that was stopped, which can no longer say so itself. */
export async function GET(request: Request): Promise<Response> {
  try {
    const signedIn = await getSignedIn();
    if (!signedIn) return refuse(401, "UNAUTHORIZED", "Sign in first.");
    const parsed = operationId.safeParse(new URL(request.url).searchParams.get("message"));
    if (!parsed.success) return refuse(400, "INVALID_REQUEST", "Name a message.");
    return answer(200, await readCharge(signedIn.userId, parsed.data));
  } catch (error) {
    return refuseFailure(error, "looking up a charge");
  }
}
