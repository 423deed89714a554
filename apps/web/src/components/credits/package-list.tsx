import type { CreditPackage } from "creditkit";
import type { ReactNode } from "react";
import { creditsFormat, fill } from "./format";

const english = {
  popular: "Popular",
  unit: "credits",
  bonus: "{bonus} of them free.",
  validFor: "Valid for {days} days.",
  neverExpire: "Never expire.",
};

interface PackageListProps {
  /** The configuration's `packages`. */
  packages: readonly CreditPackage[];
  /** What can be done about a package: a button that buys it. */
  action?: (creditPackage: CreditPackage) => ReactNode;
  /** BCP 47. Default: `en`. */
  locale?: string;
  /** Default: English. */
  labels?: Partial<typeof english>;
}

/** What is sold once, each with what can be done about it. */
export function PackageList({ packages, action, locale = "en", labels }: PackageListProps) {
  const text = { ...english, ...labels };
  const format = creditsFormat(locale);
  return (
    <ul className="grid gap-4 sm:grid-cols-2 lg:grid-cols-4">
      {packages.map((creditPackage) => {
        const { id, name, credits, bonus, amount, currency, validityDays, popular } = creditPackage;
        return (
          <li
            key={id}
            className={`flex flex-col rounded-xl border bg-card p-5 ${popular ? "border-primary" : "border-border"}`}
          >
            <h3 className="flex items-center justify-between gap-2 font-semibold tracking-tight">
              {name ?? id}
              {popular && (
                <span className="rounded-full bg-primary/10 px-2.5 py-0.5 text-xs font-medium text-primary">
                  {text.popular}
                </span>
              )}
            </h3>
            <p className="mt-3 text-3xl font-semibold tracking-tight tabular-nums">
              {format.number(credits + bonus)}{" "}
              <span className="text-sm font-normal tracking-normal text-muted-foreground">{text.unit}</span>
            </p>
            <p className="mt-1 text-sm text-muted-foreground">
              {bonus > 0 && `${fill(text.bonus, { bonus: format.number(bonus) })} `}
              {validityDays === undefined ? text.neverExpire : fill(text.validFor, { days: validityDays })}
            </p>
            <p className="mt-auto pt-5 font-medium tabular-nums">{format.price(amount, currency)}</p>
            {action && <div className="mt-3">{action(creditPackage)}</div>}
          </li>
        );
      })}
    </ul>
  );
}
