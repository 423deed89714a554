import type { Payment } from "creditkit";
import { useTranslations } from "next-intl";
import { Card } from "@/components/card";
import { useFormat } from "@/i18n/format";

export function Payments({ payments }: { payments: readonly Payment[] }) {
  const t = useTranslations("admin.user");
  const format = useFormat();
  if (payments.length === 0) return null;
  return (
    <Card title={t("payments")}>
      <ul className="divide-y divide-line">
        {payments.map(
          ({ provider, paymentId, priceId, amountPaid, amountRefunded, currency, disputed, createdAt }) => (
            <li
              key={`${provider} ${paymentId}`}
              className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1 py-2.5 text-sm"
            >
              <span className="min-w-0">
                <span className="font-medium">{priceId}</span>
                <span className="block font-mono text-xs break-all text-ink-soft">
                  {provider} {paymentId}
                </span>
              </span>
              <span className="text-right tabular-nums">
                {format.money(amountPaid, currency)}
                {amountRefunded > 0 &&
                  `, ${t("refunded", { amount: format.money(amountRefunded, currency) })}`}
                {disputed && `, ${t("disputed")}`}
                <span className="block text-xs">{format.instant(createdAt)}</span>
              </span>
            </li>
          ),
        )}
      </ul>
    </Card>
  );
}
