import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { getCreditPackages } from "@/config/credits";
import { useFormat } from "@/i18n/format";

/** What is sold once, each with what can be done about it. */
export function PackageList({ action }: { action?: (priceId: string, name: string) => ReactNode }) {
  const t = useTranslations("pricing");
  const format = useFormat();
  return (
    <ul className="mt-6 grid gap-4 sm:grid-cols-2 lg:grid-cols-4">
      {getCreditPackages().map(
        ({ id, name, credits, bonus, amount, currency, validityDays, popular, priceId }) => (
          <li
            key={id}
            className={`flex flex-col rounded-xl border bg-surface p-5 ${popular ? "border-accent" : "border-line"}`}
          >
            <h3 className="flex items-center justify-between gap-2 font-semibold tracking-tight">
              {name ?? id}
              {popular && (
                <span className="rounded-full bg-accent-wash px-2.5 py-0.5 text-xs font-medium text-accent">
                  {t("popular")}
                </span>
              )}
            </h3>
            <p className="mt-3 text-3xl font-semibold tracking-tight tabular-nums">
              {t.rich("packageCredits", {
                amount: format.number(credits + bonus),
                unit: (text) => (
                  <span className="text-sm font-normal tracking-normal text-ink-soft">{text}</span>
                ),
              })}
            </p>
            <p className="mt-1 text-sm text-ink-soft">
              {bonus > 0 && `${t("bonus", { bonus: format.number(bonus) })} `}
              {validityDays === undefined ? t("neverExpire") : t("validFor", { days: validityDays })}
            </p>
            <p className="mt-auto pt-5 font-medium tabular-nums">{format.price(amount, currency)}</p>
            {action && <div className="mt-3">{action(priceId, name ?? id)}</div>}
          </li>
        ),
      )}
    </ul>
  );
}
