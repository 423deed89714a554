import type { Payment } from "creditkit";
import type { Metadata } from "next";
import { notFound, redirect } from "next/navigation";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { DemoPaymentNote } from "@/components/demo-payment-note";
import { formatInstant, formatMoney } from "@/components/format";
import { SiteHeader } from "@/components/site-header";
import { getCredits } from "@/credits/server";
import { getDemo } from "@/payments/server";

export const metadata: Metadata = { title: "Demo payments" };

/** What can happen to a payment afterwards, for admins. Not there where the demo is not allowed. */
export default async function DemoAdminPage() {
  const signedIn = await getSignedIn();
  if ((await getDemo()) === null) notFound();
  if (!signedIn) redirect("/sign-in");
  if (!signedIn.isAdmin) notFound();
  const payments = (await (await getCredits()).getNewestPayments()).filter(
    ({ provider }) => provider === "demo",
  );
  return (
    <>
      <SiteHeader />
      <main className="mx-auto grid w-full max-w-6xl flex-1 content-start gap-6 px-4 py-8 sm:px-6 sm:py-10">
        <h1 className="text-2xl font-semibold tracking-tight">Demo payments</h1>
        <DemoPaymentNote />
        <Card
          title="Payments"
          note="What a provider's dashboard would do. Each button sends the signed webhook that follows from it."
        >
          {payments.length === 0 ? (
            <p className="rounded-lg bg-sunken px-4 py-8 text-center text-sm text-ink-soft">
              Nobody has bought anything yet.
            </p>
          ) : (
            <ul className="divide-y divide-line">
              {payments.map((payment) => (
                <PaymentRow key={payment.paymentId} payment={payment} />
              ))}
            </ul>
          )}
        </Card>
      </main>
    </>
  );
}

const actions = [
  { action: "half", name: "Refund half" },
  { action: "refund", name: "Refund" },
  { action: "dispute", name: "Dispute" },
  { action: "won", name: "Win dispute" },
  { action: "lost", name: "Lose dispute" },
] as const;

function PaymentRow({ payment }: { payment: Payment }) {
  const { paymentId, userId, kind, priceId, amountPaid, amountRefunded, currency, disputed, createdAt } =
    payment;
  return (
    <li className="grid gap-3 py-4">
      <p className="flex flex-wrap justify-between gap-x-4 gap-y-1 text-sm">
        <span className="font-medium">{priceId}</span>
        <span className="tabular-nums">
          {formatMoney(amountPaid, currency)}
          {amountRefunded > 0 && `, ${formatMoney(amountRefunded, currency)} refunded`}
          {disputed && ", disputed"}
        </span>
        <span>{formatInstant(createdAt)}</span>
      </p>
      <form method="post" action="/api/demo-pay/admin" className="flex flex-wrap gap-2">
        <input type="hidden" name="userId" value={userId} />
        <input type="hidden" name="paymentId" value={paymentId} />
        {[...actions, ...(kind === "plan" ? [{ action: "renew", name: "Renew plan" }] : [])].map(
          ({ action, name }) => (
            <button
              key={action}
              type="submit"
              name="action"
              value={action}
              className={buttonStyle("secondary")}
            >
              {name}
            </button>
          ),
        )}
      </form>
    </li>
  );
}
