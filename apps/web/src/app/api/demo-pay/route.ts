import { failureMessage } from "@/credits/failure";
import type { DemoOrder, DemoProvider } from "@/payments/demo-provider";
import { getDemo } from "@/payments/server";
import { field, readForm, redirectTo } from "@/security/form";

/** What a buyer can decide in the demo's checkout. */
const decisions: Readonly<Record<string, (demo: DemoProvider, order: DemoOrder) => Promise<string>>> = {
  pay: async (demo, order) => {
    await demo.pay(order);
    return order.successUrl;
  },
  later: async (demo, order) => {
    await demo.payLater(order);
    return order.successUrl;
  },
  fail: async (demo, order) => {
    await demo.fail(order);
    return `${order.cancelUrl}?problem=PAYMENT_FAILED`;
  },
};

/** The demo's checkout was answered. Not there where the demo is not allowed. */
export async function POST(request: Request): Promise<Response> {
  const demo = await getDemo();
  if (demo === null) return new Response(null, { status: 404 });
  const read = await readForm(request);
  if (read instanceof Response) return read;
  const { signedIn, form, origin } = read;
  const order = await demo.readOrder(field(form, "order"));
  const name = field(form, "decision");
  const decide = Object.hasOwn(decisions, name) ? decisions[name] : undefined;
  if (order === null || order.userId !== signedIn.userId || decide === undefined)
    return new Response("There is no such order.", { status: 400 });
  try {
    return redirectTo(origin, await decide(demo, order));
  } catch (error) {
    failureMessage(error, "a demo payment");
    return redirectTo(origin, "/pricing?problem=UNKNOWN");
  }
}
