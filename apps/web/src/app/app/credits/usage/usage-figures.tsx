import { useTranslations } from "next-intl";
import { useFormat } from "@/i18n/format";
import type { UsageRange, UsageSummary } from "@/usage/summary";

/** Beyond this, a number of days says nothing. */
const daysShownMax = 365;

/** How much, how fast, and how long it lasts at that pace. */
export function UsageFigures({ summary, range }: { summary: UsageSummary; range: UsageRange }) {
  const t = useTranslations("credits.usage");
  const format = useFormat();
  const { total, average, averageDays, lastsDays } = summary;
  const lasts =
    lastsDays === null
      ? t("lastsUnknown")
      : lastsDays > daysShownMax
        ? t("lastsLong")
        : t("lastsDays", { days: lastsDays });
  const figures = [
    { label: t("total", { days: range }), value: format.number(total), detail: null },
    {
      label: t("average"),
      value: format.decimal(average),
      detail: averageDays > 0 ? t("averageDetail", { days: averageDays }) : null,
    },
    {
      label: t("lasts"),
      value: lasts,
      detail: lastsDays === null ? t("lastsUnknownDetail") : t("lastsDetail"),
    },
  ];
  return (
    <dl className="grid overflow-hidden rounded-xl border border-line bg-surface divide-line max-md:divide-y md:grid-cols-3 md:divide-x">
      {figures.map(({ label, value, detail }) => (
        <div key={label} className="p-5 sm:p-6">
          <dt className="text-sm font-medium text-ink-soft">{label}</dt>
          <dd className="mt-2">
            <span className="text-2xl font-semibold tracking-tight tabular-nums">{value}</span>
            {detail && <span className="mt-1 block text-sm text-ink-soft">{detail}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
