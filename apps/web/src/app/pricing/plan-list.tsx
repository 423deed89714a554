import Link from "next/link";
import type { ReactNode } from "react";
import { formatNumber, formatPrice } from "@/components/format";
import { creditsConfig, getSubscriptionPlanCredits } from "@/config/credits";

interface PlanListProps {
  interval: "month" | "year";
  action: (priceId: string, name: string) => ReactNode;
}

const intervals = [
  { interval: "month", name: "Monthly", href: "/pricing" },
  { interval: "year", name: "Yearly", href: "/pricing?interval=year" },
] as const;

/** What is sold by the month or by the year. */
export function PlanList({ interval, action }: PlanListProps) {
  const prices = creditsConfig.planPrices.filter((price) => price.interval === interval);
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h2 id="plans-title" className="text-xl font-semibold tracking-tight">
          Plans
        </h2>
        <nav aria-label="Paid by" className="flex gap-1 rounded-lg border border-line bg-surface p-1">
          {intervals.map((one) => (
            <Link
              key={one.interval}
              href={one.href}
              scroll={false}
              aria-current={one.interval === interval ? "true" : undefined}
              className="rounded-md px-3 py-1.5 text-sm font-medium text-ink-soft hover:text-ink aria-[current=true]:bg-accent-wash aria-[current=true]:text-accent"
            >
              {one.name}
            </Link>
          ))}
        </nav>
      </div>
      <ul className="mt-6 grid gap-4 sm:grid-cols-2">
        <Plan planId="free" price="No payment" note="For everybody, each calendar month." />
        {prices.map(({ priceId, planId, amount, currency }) => (
          <Plan
            key={priceId}
            planId={planId}
            price={`${formatPrice(amount, currency)} a ${interval}`}
            note={
              interval === "year"
                ? `${formatPrice(amount / 12, currency)} a month, paid once a year.`
                : "Cancel whenever you like; it lasts until the end of the month you paid."
            }
            action={action(priceId, `${planName(planId)}, ${interval === "year" ? "yearly" : "monthly"}`)}
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
  const plan = getSubscriptionPlanCredits(planId);
  if (!plan?.enabled) return null;
  return (
    <li
      className={`flex flex-col rounded-xl border bg-surface p-5 ${action ? "border-accent" : "border-line"}`}
    >
      <h3 className="font-semibold tracking-tight">{planName(planId)}</h3>
      <p className="mt-3 text-3xl font-semibold tracking-tight tabular-nums">
        {formatNumber(plan.monthlyGrant)}{" "}
        <span className="text-sm font-normal tracking-normal text-ink-soft">credits a month</span>
      </p>
      <p className="mt-1 text-sm text-ink-soft">
        Each month&apos;s credits are valid for {plan.validityDays} days.
      </p>
      <p className="mt-auto pt-5 font-medium tabular-nums">{price}</p>
      <p className="mt-1 text-sm text-ink-soft">{note}</p>
      {action && <div className="mt-4">{action}</div>}
    </li>
  );
}

function planName(planId: string): string {
  return planId.charAt(0).toUpperCase() + planId.slice(1);
}
