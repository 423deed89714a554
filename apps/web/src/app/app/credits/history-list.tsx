import type { StatementEntry } from "creditkit";
import { useTranslations } from "next-intl";
import { TableHead } from "@/components/table-head";
import { useFormat } from "@/i18n/format";
import { EntryDetails } from "./entry-details";
import { useServiceName } from "./service-name";

/** Rows of a history, each with what is behind it one click away. */
export function HistoryList({ entries }: { entries: readonly StatementEntry[] }) {
  const t = useTranslations("credits.history");
  if (entries.length === 0) return <Empty>{t("empty")}</Empty>;
  return (
    <table className="w-full text-sm">
      <TableHead
        columns={[
          { name: t("what") },
          { name: t("when"), isWide: true },
          { name: t("amount"), isNumber: true },
        ]}
      />
      <tbody className="divide-y divide-line">
        {entries.map((entry) => (
          <Row key={entry.id} entry={entry} />
        ))}
      </tbody>
    </table>
  );
}

export function Empty({ children }: { children: string }) {
  return <p className="rounded-lg bg-sunken px-4 py-8 text-center text-sm text-ink-soft">{children}</p>;
}

function Row({ entry }: { entry: StatementEntry }) {
  const format = useFormat();
  const serviceName = useServiceName();
  const { type, service, description, amount, createdAt } = entry;
  const title = format.type(type);
  return (
    <tr className="align-top">
      <td className="py-3 pr-4">
        <span className="font-medium">{title}</span>
        {service !== null && <span className="text-ink-soft"> · {serviceName(service)}</span>}
        {description && <span className="block break-words text-ink-soft">{description}</span>}
        <span className="mt-0.5 block text-xs sm:hidden">{format.instant(createdAt)}</span>
        <EntryDetails entry={entry} title={title} />
      </td>
      <td className="hidden py-3 pr-4 whitespace-nowrap sm:table-cell">{format.instant(createdAt)}</td>
      <td className={`py-3 text-right font-medium tabular-nums ${amount > 0 ? "text-gain" : ""}`}>
        {format.signed(amount)}
      </td>
    </tr>
  );
}
