import Link from "next/link";
import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { creditsConfig, getSubscriptionPlanCredits } from "@/config/credits";
import { useFormat } from "@/i18n/format";

interface PlanListProps {
  interval: "month" | "year";
  action: (priceId: string, name: string) => ReactNode;
}

const intervals = [
  { interval: "month", name: "monthly", href: "/pricing" },
  { interval: "year", name: "yearly", href: "/pricing?interval=year" },
] as const;

/** What is sold by the month or by the year. */
export function PlanList({ interval, action }: PlanListProps) {
  const t = useTranslations("pricing");
  const format = useFormat();
  const prices = creditsConfig.planPrices.filter((price) => price.interval === interval);
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h2 id="plans-title" className="text-xl font-semibold tracking-tight">
          {t("plans")}
        </h2>
        <nav aria-label={t("paidBy")} className="flex gap-1 rounded-lg border border-line bg-surface p-1">
          {intervals.map((one) => (
            <Link
              key={one.interval}
              href={one.href}
              scroll={false}
              aria-current={one.interval === interval ? "true" : undefined}
              className="rounded-md px-3 py-1.5 text-sm font-medium text-ink-soft hover:text-ink aria-[current=true]:bg-accent-wash aria-[current=true]:text-accent"
            >
              {t(one.name)}
            </Link>
          ))}
        </nav>
      </div>
      <ul className="mt-6 grid gap-4 sm:grid-cols-2">
        <Plan planId="free" price={t("noPayment")} note={t("freeNote")} />
        {prices.map(({ priceId, planId, amount, currency }) => (
          <Plan
            key={priceId}
            planId={planId}
            price={t(interval === "year" ? "aYear" : "aMonth", { price: format.price(amount, currency) })}
            note={
              interval === "year"
                ? t("yearNote", { price: format.price(amount / 12, currency) })
                : t("monthNote")
            }
            action={action(
              priceId,
              t(interval === "year" ? "planYearly" : "planMonthly", { plan: planName(planId) }),
            )}
          />
        ))}
      </ul>
    </>
  );
}

interface PlanProps {
  planId: string;
  price: string;
  note: string;
  action?: ReactNode;
}

function Plan({ planId, price, note, action }: PlanProps) {
  const t = useTranslations("pricing");
  const format = useFormat();
  const plan = getSubscriptionPlanCredits(planId);
  if (!plan?.enabled) return null;
  return (
    <li
      className={`flex flex-col rounded-xl border bg-surface p-5 ${action ? "border-accent" : "border-line"}`}
    >
      <h3 className="font-semibold tracking-tight">{planName(planId)}</h3>
      <p className="mt-3 text-3xl font-semibold tracking-tight tabular-nums">
        {t.rich("creditsAMonth", {
          amount: format.number(plan.monthlyGrant),
          unit: (text) => <span className="text-sm font-normal tracking-normal text-ink-soft">{text}</span>,
        })}
      </p>
      <p className="mt-1 text-sm text-ink-soft">{t("validity", { days: plan.validityDays })}</p>
      <p className="mt-auto pt-5 font-medium tabular-nums">{price}</p>
      <p className="mt-1 text-sm text-ink-soft">{note}</p>
      {action && <div className="mt-4">{action}</div>}
    </li>
  );
}

function planName(planId: string): string {
  return planId.charAt(0).toUpperCase() + planId.slice(1);
}
