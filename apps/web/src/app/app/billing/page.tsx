import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { DemoPaymentNote } from "@/components/demo-payment-note";
import { formatDate } from "@/components/format";
import { Notice } from "@/components/notice";
import { getCredits } from "@/credits/server";
import { problemText } from "@/payments/problem";
import { getPaymentProvider } from "@/payments/server";
import { PaymentTable } from "./payment-table";

export const metadata: Metadata = { title: "Billing" };

interface BillingPageProps {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export default async function BillingPage({ searchParams }: BillingPageProps) {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  const { userId } = signedIn;
  const credits = await getCredits();
  const [subscription, payments, provider] = [
    await credits.getSubscription({ userId }),
    await credits.getPayments({ userId }),
    await getPaymentProvider(),
  ];
  const problem = problemText((await searchParams).problem);
  return (
    <main className="mx-auto w-full max-w-6xl flex-1 px-4 py-8 sm:px-6 sm:py-10">
      <h1 className="text-2xl font-semibold tracking-tight">Billing</h1>
      <div className="mt-6 grid gap-4 sm:gap-6">
        {problem && <Notice>{problem}</Notice>}
        {provider?.name === "demo" && <DemoPaymentNote />}
        <Card title="Plan">
          <div className="flex flex-wrap items-center justify-between gap-4">
            <div>
              <p className="text-2xl font-semibold tracking-tight capitalize">
                {subscription?.planId ?? "free"}
              </p>
              <p className="mt-1 text-sm text-ink-soft">
                {subscription === null ? (
                  "Free credits each calendar month."
                ) : (
                  <Renewal subscription={subscription} />
                )}
              </p>
            </div>
            <div className="flex flex-wrap gap-2">
              {subscription !== null && provider !== null && (
                <form method="post" action="/api/portal">
                  <button type="submit" className={buttonStyle("secondary")}>
                    Manage plan
                  </button>
                </form>
              )}
              <Link href="/pricing" className={buttonStyle("primary")}>
                {subscription === null ? "See plans and packages" : "Buy credits"}
              </Link>
            </div>
          </div>
        </Card>
        <Card title="Payments" note="Newest first. Days are in UTC.">
          <PaymentTable payments={payments} />
        </Card>
      </div>
    </main>
  );
}

type Subscription = NonNullable<
  Awaited<ReturnType<Awaited<ReturnType<typeof getCredits>>["getSubscription"]>>
>;

function Renewal({ subscription }: { subscription: Subscription }) {
  const { status, interval, currentPeriodEnd, cancelsAtPeriodEnd } = subscription;
  const paid = interval === "year" ? "Paid by the year" : "Paid by the month";
  if (status === "past_due" || status === "unpaid")
    return "The last invoice is not paid: no new credits until it is.";
  if (status === "canceled" || cancelsAtPeriodEnd) return <>Ends on {formatDate(currentPeriodEnd)}.</>;
  if (status === "trialing") return <>Free to try until {formatDate(currentPeriodEnd)}.</>;
  return (
    <>
      {paid}. Renews on {formatDate(currentPeriodEnd)}.
    </>
  );
}
