import type { Overview } from "creditkit";
import { useTranslations } from "next-intl";
import { useFormat } from "@/i18n/format";

/** What users can still spend, by the month in which it runs out. */
export function Liability({ outstanding }: { outstanding: Overview["outstanding"] }) {
  const t = useTranslations("admin.overview");
  const format = useFormat();
  const { calendar, paid, free, total } = outstanding;
  if (calendar.length === 0) return <p className="text-sm text-ink-soft">{t("empty")}</p>;
  const largest = Math.max(...calendar.map((month) => month.paid + month.free));
  return (
    <table className="w-full text-sm tabular-nums">
      <thead className="text-left text-ink-soft">
        <tr className="border-b border-line">
          <th scope="col" className="pb-2 font-medium">
            {t("month")}
          </th>
          <th scope="col" className="hidden w-1/2 pb-2 sm:table-cell">
            <span className="flex gap-4 text-xs font-normal">
              <span className="flex items-center gap-1.5">
                <span aria-hidden="true" className="size-2.5 rounded-sm bg-series-1" />
                {t("paid")}
              </span>
              <span className="flex items-center gap-1.5">
                <span aria-hidden="true" className="size-2.5 rounded-sm bg-series-2" />
                {t("free")}
              </span>
            </span>
          </th>
          <th scope="col" className="pb-2 text-right font-medium">
            {t("paid")}
          </th>
          <th scope="col" className="pb-2 text-right font-medium">
            {t("free")}
          </th>
          <th scope="col" className="pb-2 text-right font-medium">
            {t("total")}
          </th>
        </tr>
      </thead>
      <tbody className="divide-y divide-line">
        {calendar.map((entry) => (
          <tr key={entry.month ?? "never"}>
            <th scope="row" className="py-2 text-left font-normal whitespace-nowrap">
              {entry.month === null ? t("never") : format.monthText(new Date(`${entry.month}-01`))}
            </th>
            <td className="hidden py-2 pr-6 sm:table-cell">
              <span aria-hidden="true" className="flex h-2.5 gap-0.5">
                <span
                  className="rounded-sm bg-series-1"
                  style={{ width: `${(100 * entry.paid) / largest}%` }}
                />
                <span
                  className="rounded-sm bg-series-2"
                  style={{ width: `${(100 * entry.free) / largest}%` }}
                />
              </span>
            </td>
            <td className="py-2 text-right">{format.number(entry.paid)}</td>
            <td className="py-2 text-right">{format.number(entry.free)}</td>
            <td className="py-2 text-right font-medium">{format.number(entry.paid + entry.free)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr className="border-t border-line-strong font-semibold">
          <th scope="row" className="pt-2 text-left">
            {t("total")}
          </th>
          <td className="hidden sm:table-cell" />
          <td className="pt-2 text-right">{format.number(paid)}</td>
          <td className="pt-2 text-right">{format.number(free)}</td>
          <td className="pt-2 text-right">{format.number(total)}</td>
        </tr>
      </tfoot>
    </table>
  );
}
