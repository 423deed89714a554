import type { Payment } from "creditkit";
import { formatDate, formatMoney, formatNumber } from "@/components/format";
import { creditsConfig } from "@/config/credits";

/** What a user has paid, and what became of it. */
export function PaymentTable({ payments }: { payments: readonly Payment[] }) {
  if (payments.length === 0) {
    return (
      <p className="rounded-lg bg-sunken px-4 py-8 text-center text-sm text-ink-soft">
        Nothing bought yet. What you pay will show up here, with its receipt.
      </p>
    );
  }
  return (
    <table className="w-full text-sm">
      <thead className="text-left text-ink-soft">
        <tr className="border-b border-line">
          <th scope="col" className="pb-2 font-medium">
            What
          </th>
          <th scope="col" className="hidden pb-2 font-medium sm:table-cell">
            When
          </th>
          <th scope="col" className="hidden pr-4 pb-2 text-right font-medium sm:table-cell">
            Credits
          </th>
          <th scope="col" className="pb-2 text-right font-medium">
            Paid
          </th>
        </tr>
      </thead>
      <tbody className="divide-y divide-line">
        {payments.map((payment) => (
          <tr key={`${payment.provider} ${payment.paymentId}`} className="align-top">
            <td className="py-3 pr-4">
              <span className="font-medium">{nameOf(payment)}</span>
              <Fate payment={payment} />
              {payment.receiptUrl && (
                <a
                  href={payment.receiptUrl}
                  rel="noreferrer"
                  className="block text-accent underline underline-offset-4"
                >
                  Receipt
                </a>
              )}
              <span className="mt-0.5 block text-xs sm:hidden">{formatDate(payment.createdAt)}</span>
            </td>
            <td className="hidden py-3 pr-4 whitespace-nowrap sm:table-cell">
              {formatDate(payment.createdAt)}
            </td>
            <td className="hidden py-3 pr-4 text-right tabular-nums sm:table-cell">
              {payment.credits === null ? "—" : formatNumber(payment.credits)}
            </td>
            <td className="py-3 text-right font-medium tabular-nums">
              {formatMoney(payment.amountPaid, payment.currency)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Fate({ payment }: { payment: Payment }) {
  const { amountRefunded, amountPaid, currency, disputed } = payment;
  const words = [
    ...(amountRefunded > 0
      ? [amountRefunded >= amountPaid ? "Refunded" : `${formatMoney(amountRefunded, currency)} refunded`]
      : []),
    ...(disputed ? ["Disputed"] : []),
  ];
  return words.length > 0 && <span className="block text-ink-soft">{words.join(", ")}</span>;
}

function nameOf({ kind, priceId }: Payment): string {
  if (kind === "package") {
    const sold = Object.values(creditsConfig.packages).find((one) => one.priceId === priceId);
    return `Package ${sold?.name ?? sold?.id ?? ""}`.trim();
  }
  const price = creditsConfig.planPrices.find((one) => one.priceId === priceId);
  return `Plan ${price?.planId ?? ""}${price?.interval === "year" ? ", a year" : ""}`.trim();
}
