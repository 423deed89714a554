import { failureMessage } from "@/credits/failure";
import { getDemo } from "@/payments/server";
import { field, readForm, redirectTo } from "@/security/form";

/** What the user of the session decides in the demo's portal. Not there where the demo is not allowed. */
export async function POST(request: Request): Promise<Response> {
  const demo = await getDemo();
  if (demo === null) return new Response(null, { status: 404 });
  const read = await readForm(request);
  if (read instanceof Response) return read;
  const { signedIn, form, origin } = read;
  const decision = field(form, "decision");
  if (decision !== "end" && decision !== "keep")
    return new Response("There is no such decision.", { status: 400 });
  try {
    await demo.end(signedIn.userId, decision === "end");
    return redirectTo(origin, "/app/billing");
  } catch (error) {
    failureMessage(error, "a decision in the demo's portal");
    return redirectTo(origin, "/app/billing?problem=UNKNOWN");
  }
}
