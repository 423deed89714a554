import { CreditsError } from "creditkit";
import { failureMessage } from "@/credits/failure";
import { getPaymentProvider } from "@/payments/server";
import { field, readForm, redirectTo } from "@/security/form";
import { secondsToWait } from "@/security/limits";

/** Opens a checkout for the user of the session; the form says only which price. */
export async function POST(request: Request): Promise<Response> {
  const read = await readForm(request);
  if (read instanceof Response) return read;
  const { signedIn, form, origin } = read;
  const problem = (code: string) => redirectTo(origin, `/pricing?problem=${code}`);
  if ((await secondsToWait(signedIn.userId)) !== null) return problem("RATE_LIMITED");
  try {
    const provider = await getPaymentProvider();
    if (provider === null) return problem("NOT_SET_UP");
    const { url } = await provider.createCheckout({
      userId: signedIn.userId,
      email: signedIn.email,
      priceId: field(form, "priceId"),
      successUrl: new URL("/app/billing/return", origin).href,
      cancelUrl: new URL("/pricing", origin).href,
      ...(field(form, "click") !== "" && { idempotencyKey: `${signedIn.userId}:${field(form, "click")}` }),
    });
    return redirectTo(origin, url);
  } catch (error) {
    if (CreditsError.is(error)) return problem(error.code);
    failureMessage(error, "opening a checkout");
    return problem("UNKNOWN");
  }
}
