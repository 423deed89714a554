const hourMs = 60 * 60 * 1000;
const hoursPerDay = 24;

/** Numbers, money and days as one language writes them. Days are in UTC, the ledger's time. */
export interface CreditsFormat {
  number(value: number): string;
  /** With its sign, since it says whether credits came or went. */
  signed(amount: number): string;
  /** A price in major units, as the configuration has it. */
  price(amount: number, currency: string): string;
  day(instant: Date): string;
  time(instant: Date): string;
  /** How far off an instant is: `in 12 days`, `in 3 hours`. */
  distance(instant: Date, now: Date): string;
}

export function creditsFormat(locale: string): CreditsFormat {
  const number = new Intl.NumberFormat(locale);
  const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
  const time = new Intl.DateTimeFormat(locale, { timeStyle: "short", hourCycle: "h23", timeZone: "UTC" });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
  return {
    number: (value) => number.format(value),
    signed: (amount) => (amount < 0 ? `−${number.format(-amount)}` : `+${number.format(amount)}`),
    price: (amount, currency) =>
      new Intl.NumberFormat(locale, { style: "currency", currency }).format(amount),
    day: (instant) => day.format(instant),
    time: (instant) => time.format(instant),
    distance: (instant, now) => {
      const hours = Math.round((instant.getTime() - now.getTime()) / hourMs);
      return Math.abs(hours) < hoursPerDay
        ? relative.format(hours, "hour")
        : relative.format(Math.trunc(hours / hoursPerDay), "day");
    },
  };
}

/** A label with its `{names}` filled in. */
export function fill(label: string, values: Readonly<Record<string, string | number>>): string {
  return label.replaceAll(/\{(\w+)\}/g, (name, key: string) => String(values[key] ?? name));
}

/** What a type of transaction is called on screen; one without a name by the ledger's word. */
export function typeName(type: string, names: Readonly<Record<string, string>>): string {
  if (Object.hasOwn(names, type)) return names[type] ?? type;
  const words = type.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Names of the ledger's types of transactions. */
export const typeNames: Readonly<Record<string, string>> = {
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
  deduction: "Taken back",
};
