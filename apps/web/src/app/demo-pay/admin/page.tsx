import type { Payment } from "creditkit";
import type { Metadata } from "next";
import { notFound, redirect } from "next/navigation";
import { useTranslations } from "next-intl";
import { getTranslations } from "next-intl/server";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { DemoPaymentNote } from "@/components/demo-payment-note";
import { SiteHeader } from "@/components/site-header";
import { getCredits } from "@/credits/server";
import { useFormat } from "@/i18n/format";
import { getDemo } from "@/payments/server";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("demoPay"))("admin") };
}

/** What can happen to a payment afterwards, for admins. Not there where the demo is not allowed. */
export default async function DemoAdminPage() {
  const signedIn = await getSignedIn();
  if ((await getDemo()) === null) notFound();
  if (!signedIn) redirect("/sign-in");
  if (!signedIn.isAdmin) notFound();
  const payments = (await (await getCredits()).getNewestPayments()).filter(
    ({ provider }) => provider === "demo",
  );
  const t = await getTranslations("demoPay");
  return (
    <>
      <SiteHeader />
      <main
        id="content"
        className="mx-auto grid w-full max-w-6xl flex-1 content-start gap-6 px-4 py-8 sm:px-6 sm:py-10"
      >
        <h1 className="text-2xl font-semibold tracking-tight">{t("admin")}</h1>
        <DemoPaymentNote />
        <Card title={t("payments")} note={t("note")}>
          {payments.length === 0 ? (
            <p className="rounded-lg bg-sunken px-4 py-8 text-center text-sm text-ink-soft">{t("empty")}</p>
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

const actions = ["half", "refund", "dispute", "won", "lost"] as const;

function PaymentRow({ payment }: { payment: Payment }) {
  const t = useTranslations("demoPay");
  const format = useFormat();
  const { paymentId, userId, kind, priceId, amountPaid, amountRefunded, currency, disputed, createdAt } =
    payment;
  return (
    <li className="grid gap-3 py-4">
      <p className="flex flex-wrap justify-between gap-x-4 gap-y-1 text-sm">
        <span className="font-medium">{priceId}</span>
        <span className="tabular-nums">
          {format.money(amountPaid, currency)}
          {amountRefunded > 0 && `, ${t("refunded", { amount: format.money(amountRefunded, currency) })}`}
          {disputed && `, ${t("disputed")}`}
        </span>
        <span>{format.instant(createdAt)}</span>
      </p>
      <form method="post" action="/api/demo-pay/admin" className="flex flex-wrap gap-2">
        <input type="hidden" name="userId" value={userId} />
        <input type="hidden" name="paymentId" value={paymentId} />
        {[...actions, ...(kind === "plan" ? (["renew"] as const) : [])].map((action) => (
          <button
            key={action}
            type="submit"
            name="action"
            value={action}
            className={buttonStyle("secondary")}
          >
            {t(`actions.${action}`)}
          </button>
        ))}
      </form>
    </li>
  );
}
