import type { ReactNode } from "react";

const number = new Intl.NumberFormat("en");
const date = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" });
const time = new Intl.DateTimeFormat("en", { timeStyle: "short", hourCycle: "h23", timeZone: "UTC" });

/** What the types of the ledger are called on screen. */
const typeNames: Readonly<Record<string, string>> = {
  purchase: "Purchase",
  consumption: "Usage",
  monthly_grant: "Monthly grant",
  registration_bonus: "Welcome bonus",
  expiration: "Expired",
  reversal: "Given back",
  adjustment: "Adjustment",
  debt: "Owed",
  debt_repayment: "Repaid",
  refund: "Refund",
  refund_reversal: "Refund corrected",
  chargeback: "Disputed payment",
  chargeback_reversal: "Dispute won",
};

export function formatNumber(value: number): string {
  return number.format(value);
}

/** `1 credit`, `3 credits`. */
export function formatCredits(amount: number): string {
  return `${number.format(amount)} ${amount === 1 ? "credit" : "credits"}`;
}

/** A price in major units, as the configuration has it. */
export function formatPrice(amount: number, currency: string): string {
  return new Intl.NumberFormat("en", { style: "currency", currency }).format(amount);
}

/** Money as providers count it, in the currency's smallest unit: not every currency has hundredths. */
export function formatMoney(amount: number, currency: string): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

/** With its sign, since it says whether credits came or went. */
export function formatAmount(amount: number): string {
  return amount < 0 ? `−${number.format(-amount)}` : `+${number.format(amount)}`;
}

export function formatType(type: string): string {
  if (Object.hasOwn(typeNames, type)) return typeNames[type] ?? type;
  const words = type.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A day in UTC, the ledger's time: a page made on the server does not know the reader's time zone. */
export function formatDate(instant: Date): ReactNode {
  return <time dateTime={instant.toISOString()}>{date.format(instant)}</time>;
}

export function formatInstant(instant: Date): ReactNode {
  return (
    <time dateTime={instant.toISOString()}>
      {date.format(instant)} <span className="text-ink-soft">{time.format(instant)}</span>
    </time>
  );
}
