import { getCredits } from "@/credits/server";
import { getDemo } from "@/payments/server";
import { field, readForm, redirectTo } from "@/security/form";

/** What happens to a demo payment afterwards. For admins only, and not there where the demo is not allowed. */
export async function POST(request: Request): Promise<Response> {
  const demo = await getDemo();
  if (demo === null) return new Response(null, { status: 404 });
  const read = await readForm(request);
  if (read instanceof Response) return read;
  const { signedIn, form, origin } = read;
  if (!signedIn.isAdmin) return new Response("For admins only.", { status: 403 });
  const userId = field(form, "userId");
  const payments = userId === "" ? [] : await (await getCredits()).getPayments({ userId });
  const payment = payments.find(({ paymentId }) => paymentId === field(form, "paymentId"));
  const action = field(form, "action");
  if (action === "renew" && userId !== "") await demo.renew(userId);
  else if (payment === undefined) return new Response("There is no such payment.", { status: 400 });
  else {
    const { paymentId, amountPaid } = payment;
    if (action === "refund") await demo.refund(paymentId, amountPaid);
    else if (action === "half") await demo.refund(paymentId, Math.floor(amountPaid / 2));
    else if (action === "dispute") await demo.dispute(paymentId, amountPaid, "open");
    else if (action === "won" || action === "lost") await demo.dispute(paymentId, amountPaid, action);
    else return new Response("There is no such action.", { status: 400 });
  }
  return redirectTo(origin, "/demo-pay/admin");
}
