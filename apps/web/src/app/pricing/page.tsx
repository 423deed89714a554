import { randomUUID } from "node:crypto";
import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { DemoPaymentNote } from "@/components/demo-payment-note";
import { Notice } from "@/components/notice";
import { PackageOffers } from "@/components/packages";
import { PurchaseProblem } from "@/components/purchase-problem";
import { SiteFooter } from "@/components/site-footer";
import { SiteHeader } from "@/components/site-header";
import { getPaymentProvider } from "@/payments/server";
import { PlanList } from "./plan-list";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("pricing"))("title") };
}

/** Only for whoever does not see which card a button stands on. */
const hidden = (text: ReactNode) => <span className="sr-only">{text}</span>;

interface PricingPageProps {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export default async function PricingPage({ searchParams }: PricingPageProps) {
  const signedIn = await getSignedIn();
  const provider = await getPaymentProvider();
  const { problem, interval } = await searchParams;
  const t = await getTranslations("pricing");
  const tAuth = await getTranslations("auth");
  const buy = (priceId: string, name: string) => {
    if (provider === null) return null;
    if (!signedIn) {
      return (
        <Link href="/sign-up?next=/pricing" className={`${buttonStyle("secondary")} w-full`}>
          {t.rich("signUpToBuy", { name, hidden })}
        </Link>
      );
    }
    return (
      <form method="post" action="/api/checkout">
        <input type="hidden" name="priceId" value={priceId} />
        {/* The same page pressed twice opens one checkout. */}
        <input type="hidden" name="click" value={randomUUID()} />
        <button type="submit" className={`${buttonStyle("primary")} w-full`}>
          {t.rich("buy", { name, hidden })}
        </button>
      </form>
    );
  };
  return (
    <>
      <SiteHeader>
        {signedIn ? (
          <Link href="/app/credits" className={buttonStyle("quiet")}>
            {t("yours")}
          </Link>
        ) : (
          <>
            <Link href="/sign-in?next=/pricing" className={buttonStyle("quiet")}>
              {tAuth("signIn")}
            </Link>
            <Link href="/sign-up?next=/pricing" className={buttonStyle("primary")}>
              {tAuth("signUp")}
            </Link>
          </>
        )}
      </SiteHeader>
      <main id="content" className="mx-auto w-full max-w-6xl flex-1 px-4 py-8 sm:px-6 sm:py-12">
        <h1 className="text-3xl font-semibold tracking-tight">{t("title")}</h1>
        <p className="mt-2 max-w-2xl text-pretty text-ink-soft">{t("intro")}</p>
        <div className="mt-6 grid gap-4">
          <PurchaseProblem code={problem} />
          {provider === null && <Notice>{t("notSetUp")}</Notice>}
          {provider?.name === "demo" && <DemoPaymentNote />}
        </div>
        <section aria-labelledby="plans-title" className="mt-10">
          <PlanList interval={interval === "year" ? "year" : "month"} action={buy} />
        </section>
        <section aria-labelledby="packages-title" className="mt-12">
          <h2 id="packages-title" className="text-xl font-semibold tracking-tight">
            {t("packages")}
          </h2>
          <p className="mt-1 text-sm text-ink-soft">{t("packagesNote")}</p>
          <PackageOffers action={buy} />
        </section>
      </main>
      <SiteFooter />
    </>
  );
}
