import type { Metadata } from "next";
import { notFound, redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { DemoPaymentNote } from "@/components/demo-payment-note";
import { SiteHeader } from "@/components/site-header";
import { creditsConfig } from "@/config/credits";
import { getFormat } from "@/i18n/format";
import { getDemo } from "@/payments/server";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("demoPay"))("checkout") };
}

interface CheckoutPageProps {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

const decisions = [
  { decision: "pay", look: "primary" },
  { decision: "later", look: "secondary" },
  { decision: "fail", look: "quiet" },
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
  const t = await getTranslations("demoPay");
  const format = await getFormat();
  const name =
    "planId" in sold
      ? t(sold.interval === "year" ? "planYear" : "planMonth", { name: sold.planId })
      : t("package", { name: sold.name ?? sold.id });
  return (
    <>
      <SiteHeader />
      <main
        id="content"
        className="mx-auto grid w-full max-w-md flex-1 content-start gap-6 px-4 py-12 sm:py-20"
      >
        <h1 className="text-2xl font-semibold tracking-tight">{t("checkout")}</h1>
        <DemoPaymentNote />
        <section aria-label={t("order")} className="rounded-xl border border-line bg-surface p-5 sm:p-6">
          <p className="flex items-baseline justify-between gap-4">
            <span className="font-medium">{name}</span>
            <span className="text-xl font-semibold tracking-tight tabular-nums">
              {format.price(sold.amount, sold.currency)}
            </span>
          </p>
          <form method="post" action="/api/demo-pay" className="mt-6 grid gap-2">
            <input type="hidden" name="order" value={token} />
            {decisions.map(({ decision, look }) => (
              <button
                key={decision}
                type="submit"
                name="decision"
                value={decision}
                className={`${buttonStyle(look)} w-full`}
              >
                {t(`decisions.${decision}`)}
              </button>
            ))}
          </form>
          <p className="mt-4 text-xs/5 text-ink-soft">{t("laterNote")}</p>
        </section>
      </main>
    </>
  );
}
