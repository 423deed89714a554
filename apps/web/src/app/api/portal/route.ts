import { CreditsError } from "creditkit";
import { failureMessage } from "@/credits/failure";
import { getPaymentProvider } from "@/payments/server";
import { readForm, redirectTo } from "@/security/form";
import { secondsToWait } from "@/security/limits";

/** Opens the provider's page where the user of the session manages a subscription. */
export async function POST(request: Request): Promise<Response> {
  const read = await readForm(request);
  if (read instanceof Response) return read;
  const { signedIn, origin } = read;
  if ((await secondsToWait(signedIn.userId)) !== null)
    return redirectTo(origin, "/app/billing?problem=RATE_LIMITED");
  try {
    const provider = await getPaymentProvider();
    if (provider === null) return redirectTo(origin, "/app/billing?problem=NOT_SET_UP");
    const returnUrl = new URL("/app/billing", origin).href;
    return redirectTo(origin, (await provider.createPortal({ userId: signedIn.userId, returnUrl })).url);
  } catch (error) {
    const code = CreditsError.is(error) ? error.code : "UNKNOWN";
    if (!CreditsError.is(error)) failureMessage(error, "opening the portal");
    return redirectTo(origin, `/app/billing?problem=${code}`);
  }
}
