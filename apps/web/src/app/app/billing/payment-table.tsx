import type { Payment } from "creditkit";
import { useTranslations } from "next-intl";
import { TableHead } from "@/components/table-head";
import { creditsConfig } from "@/config/credits";
import { useFormat } from "@/i18n/format";

/** What a user has paid, and what became of it. */
export function PaymentTable({ payments }: { payments: readonly Payment[] }) {
  const t = useTranslations("billing");
  const format = useFormat();
  if (payments.length === 0) {
    return <p className="rounded-lg bg-sunken px-4 py-8 text-center text-sm text-ink-soft">{t("empty")}</p>;
  }
  return (
    <table className="w-full text-sm">
      <TableHead
        columns={[
          { name: t("what") },
          { name: t("when"), isWide: true },
          { name: t("credits"), isNumber: true, isWide: true },
          { name: t("paid"), isNumber: true },
        ]}
      />
      <tbody className="divide-y divide-line">
        {payments.map((payment) => (
          <tr key={`${payment.provider} ${payment.paymentId}`} className="align-top">
            <td className="py-3 pr-4">
              <span className="font-medium">
                <Name payment={payment} />
              </span>
              <Fate payment={payment} />
              {payment.receiptUrl && (
                <a
                  href={payment.receiptUrl}
                  rel="noreferrer"
                  className="block text-accent underline underline-offset-4"
                >
                  {t("receipt")}
                </a>
              )}
              <span className="mt-0.5 block text-xs sm:hidden">{format.date(payment.createdAt)}</span>
            </td>
            <td className="hidden py-3 pr-4 whitespace-nowrap sm:table-cell">
              {format.date(payment.createdAt)}
            </td>
            <td className="hidden py-3 pr-4 text-right tabular-nums sm:table-cell">
              {payment.credits === null ? "—" : format.number(payment.credits)}
            </td>
            <td className="py-3 text-right font-medium tabular-nums">
              {format.money(payment.amountPaid, payment.currency)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Fate({ payment }: { payment: Payment }) {
  const t = useTranslations("billing");
  const format = useFormat();
  const { amountRefunded, amountPaid, currency, disputed } = payment;
  const words = [
    ...(amountRefunded > 0
      ? [
          amountRefunded >= amountPaid
            ? t("refunded")
            : t("partlyRefunded", { amount: format.money(amountRefunded, currency) }),
        ]
      : []),
    ...(disputed ? [t("disputed")] : []),
  ];
  return words.length > 0 && <span className="block text-ink-soft">{words.join(", ")}</span>;
}

function Name({ payment: { kind, priceId } }: { payment: Payment }) {
  const t = useTranslations("billing");
  if (kind === "package") {
    const sold = Object.values(creditsConfig.packages).find((one) => one.priceId === priceId);
    return t("package", { name: sold?.name ?? sold?.id ?? "" });
  }
  const price = creditsConfig.planPrices.find((one) => one.priceId === priceId);
  return t(price?.interval === "year" ? "planPaidYear" : "planPaid", { name: price?.planId ?? "" });
}
