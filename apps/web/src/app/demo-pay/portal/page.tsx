import type { Metadata } from "next";
import Link from "next/link";
import { notFound, redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { DemoPaymentNote } from "@/components/demo-payment-note";
import { SiteHeader } from "@/components/site-header";
import { getCredits } from "@/credits/server";
import { getFormat } from "@/i18n/format";
import { getDemo } from "@/payments/server";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("demoPay"))("portal") };
}

/** Where a user manages a plan of the demo provider. Not there where the demo is not allowed. */
export default async function PortalPage() {
  const signedIn = await getSignedIn();
  if ((await getDemo()) === null) notFound();
  if (!signedIn) redirect("/sign-in");
  const subscription = await (await getCredits()).getSubscription({ userId: signedIn.userId });
  if (subscription === null) redirect("/app/billing");
  const { planId, currentPeriodEnd, cancelsAtPeriodEnd } = subscription;
  const t = await getTranslations("demoPay");
  const tBilling = await getTranslations("billing");
  const format = await getFormat();
  return (
    <>
      <SiteHeader />
      <main
        id="content"
        className="mx-auto grid w-full max-w-md flex-1 content-start gap-6 px-4 py-12 sm:py-20"
      >
        <h1 className="text-2xl font-semibold tracking-tight">{t("portal")}</h1>
        <DemoPaymentNote />
        <section
          aria-label={tBilling("plan")}
          className="rounded-xl border border-line bg-surface p-5 sm:p-6"
        >
          <p className="font-medium">{t("plan", { name: planId })}</p>
          <p className="mt-1 text-sm text-ink-soft">
            {t(cancelsAtPeriodEnd ? "ends" : "renews", { date: format.dateText(currentPeriodEnd) })}
          </p>
          <form method="post" action="/api/demo-pay/portal" className="mt-6 grid gap-2">
            <button
              type="submit"
              name="decision"
              value={cancelsAtPeriodEnd ? "keep" : "end"}
              className={`${buttonStyle("primary")} w-full`}
            >
              {t(cancelsAtPeriodEnd ? "keep" : "end")}
            </button>
            <Link href="/app/billing" className={`${buttonStyle("quiet")} w-full`}>
              {t("back")}
            </Link>
          </form>
        </section>
      </main>
    </>
  );
}
