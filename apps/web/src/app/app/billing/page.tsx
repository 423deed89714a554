import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { DemoPaymentNote } from "@/components/demo-payment-note";
import { PurchaseProblem } from "@/components/purchase-problem";
import { getCredits } from "@/credits/server";
import { getFormat } from "@/i18n/format";
import { getPaymentProvider } from "@/payments/server";
import { PaymentTable } from "./payment-table";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("billing"))("title") };
}

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
  const { problem } = await searchParams;
  const t = await getTranslations("billing");
  return (
    <main id="content" className="mx-auto w-full max-w-6xl flex-1 px-4 py-8 sm:px-6 sm:py-10">
      <h1 className="text-2xl font-semibold tracking-tight">{t("title")}</h1>
      <div className="mt-6 grid gap-4 sm:gap-6">
        <PurchaseProblem code={problem} />
        {provider?.name === "demo" && <DemoPaymentNote />}
        <Card title={t("plan")}>
          <div className="flex flex-wrap items-center justify-between gap-4">
            <div>
              <p className="text-2xl font-semibold tracking-tight capitalize">
                {subscription?.planId ?? "free"}
              </p>
              <p className="mt-1 text-sm text-ink-soft">
                {subscription === null ? t("free") : <Renewal subscription={subscription} />}
              </p>
            </div>
            <div className="flex flex-wrap gap-2">
              {subscription !== null && provider !== null && (
                <form method="post" action="/api/portal">
                  <button type="submit" className={buttonStyle("secondary")}>
                    {t("manage")}
                  </button>
                </form>
              )}
              <Link href="/pricing" className={buttonStyle("primary")}>
                {t(subscription === null ? "see" : "buy")}
              </Link>
            </div>
          </div>
        </Card>
        <Card title={t("payments")} note={t("paymentsNote")}>
          <PaymentTable payments={payments} />
        </Card>
      </div>
    </main>
  );
}

type Subscription = NonNullable<
  Awaited<ReturnType<Awaited<ReturnType<typeof getCredits>>["getSubscription"]>>
>;

async function Renewal({ subscription }: { subscription: Subscription }) {
  const t = await getTranslations("billing");
  const format = await getFormat();
  const { status, interval, currentPeriodEnd, cancelsAtPeriodEnd } = subscription;
  const date = format.dateText(currentPeriodEnd);
  if (status === "past_due" || status === "unpaid") return t("unpaid");
  if (status === "canceled" || cancelsAtPeriodEnd) return t("ends", { date });
  if (status === "trialing") return t("trial", { date });
  return t(interval === "year" ? "renewsYear" : "renewsMonth", { date });
}
