import type { Metadata } from "next";
import { notFound, redirect } from "next/navigation";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { DemoPaymentNote } from "@/components/demo-payment-note";
import { formatPrice } from "@/components/format";
import { SiteHeader } from "@/components/site-header";
import { creditsConfig } from "@/config/credits";
import { getDemo } from "@/payments/server";

export const metadata: Metadata = { title: "Demo checkout" };

interface CheckoutPageProps {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

const decisions = [
  { decision: "pay", name: "Pay", look: "primary" },
  { decision: "later", name: "Pay later", look: "secondary" },
  { decision: "fail", name: "Let it fail", look: "quiet" },
] as const;

/** The demo provider's checkout. Not there where the demo is not allowed. */
export default async function CheckoutPage({ searchParams }: CheckoutPageProps) {
  const signedIn = await getSignedIn();
  const demo = await getDemo();
  if (demo === null) notFound();
  if (!signedIn) redirect("/sign-in");
  const { order: token } = await searchParams;
  const order = typeof token === "string" ? await demo.readOrder(token) : null;
  if (order === null || order.userId !== signedIn.userId) notFound();
  const sold =
    Object.values(creditsConfig.packages).find(({ priceId }) => priceId === order.priceId) ??
    creditsConfig.planPrices.find(({ priceId }) => priceId === order.priceId);
  if (sold === undefined) notFound();
  const name =
    "planId" in sold ? `Plan ${sold.planId}, by the ${sold.interval}` : `Package ${sold.name ?? sold.id}`;
  return (
    <>
      <SiteHeader />
      <main className="mx-auto grid w-full max-w-md flex-1 content-start gap-6 px-4 py-12 sm:py-20">
        <h1 className="text-2xl font-semibold tracking-tight">Demo checkout</h1>
        <DemoPaymentNote />
        <section aria-label="Order" className="rounded-xl border border-line bg-surface p-5 sm:p-6">
          <p className="flex items-baseline justify-between gap-4">
            <span className="font-medium">{name}</span>
            <span className="text-xl font-semibold tracking-tight tabular-nums">
              {formatPrice(sold.amount, sold.currency)}
            </span>
          </p>
          <form method="post" action="/api/demo-pay" className="mt-6 grid gap-2">
            <input type="hidden" name="order" value={token} />
            {decisions.map(({ decision, name, look }) => (
              <button
                key={decision}
                type="submit"
                name="decision"
                value={decision}
                className={`${buttonStyle(look)} w-full`}
              >
                {name}
              </button>
            ))}
          </form>
          <p className="mt-4 text-xs/5 text-ink-soft">
            &ldquo;Pay later&rdquo; is a bank that confirms after some seconds.
          </p>
        </section>
      </main>
    </>
  );
}
