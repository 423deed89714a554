import type { Overview } from "creditkit";
import { useTranslations } from "next-intl";
import { useServiceName } from "@/app/app/credits/service-name";
import { TableHead } from "@/components/table-head";
import { useFormat } from "@/i18n/format";

export function ServiceTable({ services }: Pick<Overview, "services">) {
  const t = useTranslations("admin.overview");
  const format = useFormat();
  const serviceName = useServiceName();
  return (
    <SimpleTable
      columns={[t("service"), t("credits")]}
      rows={services.map(({ service, amount }) => [serviceName(service), format.number(amount)])}
      empty={t("nothingSpent")}
    />
  );
}

export function FlowTable({ flows }: Pick<Overview, "flows">) {
  const t = useTranslations("admin.overview");
  const format = useFormat();
  return (
    <SimpleTable
      columns={[t("type"), t("transactions"), t("credits")]}
      rows={flows.map(({ type, amount, transactions }) => [
        format.type(type),
        format.number(transactions),
        format.signed(amount),
      ])}
      empty={t("empty")}
    />
  );
}

/** Names on the left, numbers on the right. */
function SimpleTable({ columns, rows, empty }: { columns: string[]; rows: string[][]; empty: string }) {
  if (rows.length === 0) return <p className="text-sm text-ink-soft">{empty}</p>;
  return (
    <table className="w-full text-sm tabular-nums">
      <TableHead columns={columns.map((name, index) => ({ name, isNumber: index > 0 }))} />
      <tbody className="divide-y divide-line">
        {rows.map(([name, ...values]) => (
          <tr key={name}>
            <th scope="row" className="py-2 text-left font-normal">
              {name}
            </th>
            {values.map((value, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its column
              <td key={index} className="py-2 text-right">
                {value}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
