import { getSignedIn } from "@/auth/session";
import { answer, refuse, refuseFailure } from "@/credits/refusal";
import { getCredits } from "@/credits/server";

/** What the user of the session has now: for a page that is open while credits come and go. */
export async function GET(): Promise<Response> {
  try {
    const signedIn = await getSignedIn();
    if (!signedIn) return refuse(401, "UNAUTHORIZED", "Sign in first.");
    return answer(200, await (await getCredits()).getInfo({ userId: signedIn.userId }));
  } catch (error) {
    return refuseFailure(error, "reading a balance");
  }
}
