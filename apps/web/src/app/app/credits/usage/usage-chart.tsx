import { useTranslations } from "next-intl";
import { useFormat } from "@/i18n/format";
import type { UsageRange, UsageSummary } from "@/usage/summary";
import { useServiceName } from "../service-name";
import { LazyBars } from "./lazy-bars";
import { seriesStyle } from "./series";

/** The days of a range as stacked bars; its numbers are in the table below for whoever does not see it. */
export function UsageChart({ summary, range }: { summary: UsageSummary; range: UsageRange }) {
  const t = useTranslations("credits.usage");
  const format = useFormat();
  const serviceName = useServiceName();
  const series = summary.services.map(({ service }) => ({
    key: service,
    name: serviceName(service),
    ...seriesStyle(service),
  }));
  return (
    <figure aria-label={t("chartLabel", { days: range })}>
      <LazyBars
        loading={t("loading")}
        series={series.map(({ key, name, color }) => ({ key, name, color }))}
        bars={summary.days.map(({ day, byService }) => ({
          label: format.dayText(new Date(day)),
          ...byService,
        }))}
      />
      <figcaption>
        <ul className="mt-3 flex flex-wrap gap-x-4 gap-y-1 text-xs text-ink-soft">
          {series.map(({ key, name, dot }) => (
            <li key={key} className="flex items-center gap-1.5">
              <span aria-hidden="true" className={`size-2.5 rounded-sm ${dot}`} />
              {name}
            </li>
          ))}
        </ul>
      </figcaption>
    </figure>
  );
}
