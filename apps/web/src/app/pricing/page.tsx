import { randomUUID } from "node:crypto";
import type { Metadata } from "next";
import Link from "next/link";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { DemoPaymentNote } from "@/components/demo-payment-note";
import { Notice } from "@/components/notice";
import { PackageList } from "@/components/packages";
import { SiteHeader } from "@/components/site-header";
import { problemText } from "@/payments/problem";
import { getPaymentProvider } from "@/payments/server";
import { PlanList } from "./plan-list";

export const metadata: Metadata = { title: "Pricing" };

interface PricingPageProps {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export default async function PricingPage({ searchParams }: PricingPageProps) {
  const signedIn = await getSignedIn();
  const provider = await getPaymentProvider();
  const { problem: code, interval } = await searchParams;
  const problem = problemText(code);
  const buy = (priceId: string, name: string) => {
    if (provider === null) return null;
    if (!signedIn) {
      return (
        <Link href="/sign-up?next=/pricing" className={`${buttonStyle("secondary")} w-full`}>
          Sign up to buy<span className="sr-only"> {name}</span>
        </Link>
      );
    }
    return (
      <form method="post" action="/api/checkout">
        <input type="hidden" name="priceId" value={priceId} />
        {/* The same page pressed twice opens one checkout. */}
        <input type="hidden" name="click" value={randomUUID()} />
        <button type="submit" className={`${buttonStyle("primary")} w-full`}>
          Buy<span className="sr-only"> {name}</span>
        </button>
      </form>
    );
  };
  return (
    <>
      <SiteHeader>
        {signedIn ? (
          <Link href="/app/credits" className={buttonStyle("quiet")}>
            Your credits
          </Link>
        ) : (
          <>
            <Link href="/sign-in?next=/pricing" className={buttonStyle("quiet")}>
              Sign in
            </Link>
            <Link href="/sign-up?next=/pricing" className={buttonStyle("primary")}>
              Sign up
            </Link>
          </>
        )}
      </SiteHeader>
      <main className="mx-auto w-full max-w-6xl flex-1 px-4 py-8 sm:px-6 sm:py-12">
        <h1 className="text-3xl font-semibold tracking-tight">Pricing</h1>
        <p className="mt-2 max-w-2xl text-pretty text-ink-soft">
          Credits to buy once, or a plan that brings some every month. What expires soonest is spent first.
        </p>
        <div className="mt-6 grid gap-4">
          {problem && <Notice>{problem}</Notice>}
          {provider === null && (
            <Notice>Payments are not set up on this server: nothing can be bought.</Notice>
          )}
          {provider?.name === "demo" && <DemoPaymentNote />}
        </div>
        <section aria-labelledby="plans-title" className="mt-10">
          <PlanList interval={interval === "year" ? "year" : "month"} action={buy} />
        </section>
        <section aria-labelledby="packages-title" className="mt-12">
          <h2 id="packages-title" className="text-xl font-semibold tracking-tight">
            Packages
          </h2>
          <p className="mt-1 text-sm text-ink-soft">Bought once, without a subscription.</p>
          <PackageList action={buy} />
        </section>
      </main>
    </>
  );
}
