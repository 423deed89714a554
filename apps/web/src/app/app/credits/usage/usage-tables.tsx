import { useTranslations } from "next-intl";
import { ScrollArea } from "@/components/scroll-area";
import { TableHead } from "@/components/table-head";
import { useFormat } from "@/i18n/format";
import type { UsageSummary } from "@/usage/summary";
import { useServiceName } from "../service-name";
import { seriesStyle } from "./series";

/** The numbers of the chart; days without any are left out. */
export function UsageTable({ summary }: { summary: UsageSummary }) {
  const t = useTranslations("credits.usage");
  const format = useFormat();
  const serviceName = useServiceName();
  const { days, services } = summary;
  return (
    <details className="mt-4 text-sm">
      <summary className="cursor-pointer rounded font-medium text-accent underline-offset-4 hover:underline">
        {t("table")}
      </summary>
      <ScrollArea label={t("title")} className="mt-3 max-h-96 rounded-lg border border-line">
        <table className="w-full tabular-nums">
          <thead className="sticky top-0 bg-sunken text-left text-ink-soft">
            <tr>
              <th scope="col" className="px-3 py-2 font-medium">
                {t("day")}
              </th>
              {services.map(({ service }) => (
                <th key={service} scope="col" className="px-3 py-2 text-right font-medium whitespace-nowrap">
                  {serviceName(service)}
                </th>
              ))}
              <th scope="col" className="px-3 py-2 text-right font-medium">
                {t("sum")}
              </th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {days
              .filter(({ total }) => total > 0)
              .map(({ day, total, byService }) => (
                <tr key={day}>
                  <th scope="row" className="px-3 py-1.5 text-left font-normal whitespace-nowrap">
                    {format.date(new Date(day))}
                  </th>
                  {services.map(({ service }) => (
                    <td key={service} className="px-3 py-1.5 text-right">
                      {format.number(byService[service] ?? 0)}
                    </td>
                  ))}
                  <td className="px-3 py-1.5 text-right font-medium">{format.number(total)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </ScrollArea>
    </details>
  );
}

/** Which service took how much. */
export function ServiceTable({ summary }: { summary: UsageSummary }) {
  const t = useTranslations("credits.usage");
  const format = useFormat();
  const serviceName = useServiceName();
  const { services, total } = summary;
  if (services.length === 0) return <p className="text-sm text-ink-soft">—</p>;
  return (
    <table className="w-full text-sm tabular-nums">
      <TableHead
        columns={[
          { name: t("service") },
          { name: t("spends"), isNumber: true },
          { name: t("credits"), isNumber: true },
          { name: t("share"), isNumber: true },
        ]}
      />
      <tbody className="divide-y divide-line">
        {services.map(({ service, amount, spends }) => (
          <tr key={service}>
            <th scope="row" className="py-2.5 text-left font-medium">
              <span className="flex items-center gap-2">
                <span aria-hidden="true" className={`size-2.5 rounded-sm ${seriesStyle(service).dot}`} />
                {serviceName(service)}
              </span>
            </th>
            <td className="py-2.5 text-right">{format.number(spends)}</td>
            <td className="py-2.5 text-right font-medium">{format.number(amount)}</td>
            <td className="py-2.5 text-right text-ink-soft">{format.percent(amount / total)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
