import { useLocale, useTranslations } from "next-intl";
import { getLocale, getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import type { Locale } from "@/i18n/locale";
import type { Messages } from "@/i18n/messages";

const hourMs = 60 * 60 * 1000;
const hoursPerDay = 24;

type Translate = ReturnType<typeof useTranslations<"common">>;
type TransactionTypeName = keyof Messages["common"]["transactionTypes"];

/** Numbers, money, days and the ledger's words, as the reader's language writes them. */
export interface Format {
  number(value: number): string;
  /** With one digit behind the point. */
  decimal(value: number): string;
  /** Of a share between 0 and 1. */
  percent(share: number): string;
  /** `1 credit`, `3 credits`. */
  credits(amount: number): string;
  /** With its sign, since it says whether credits came or went. */
  signed(amount: number): string;
  /** A price in major units, as the configuration has it. */
  price(amount: number, currency: string): string;
  /** Money as providers count it, in the currency's smallest unit: not every currency has hundredths. */
  money(amount: number, currency: string): string;
  /** A day in UTC, the ledger's time: a page made on the server does not know the reader's time zone. */
  date(instant: Date): ReactNode;
  dateText(instant: Date): string;
  /** A day without its year: for the axis of a chart. */
  dayText(instant: Date): string;
  /** `November 2026` */
  monthText(instant: Date): string;
  /** A day and a time in UTC. */
  instant(instant: Date): ReactNode;
  instantText(instant: Date): string;
  /** How far off an instant is: `in 12 days`, `in 3 hours`. */
  distance(instant: Date, now: Date): string;
  /** What a type of transaction is called on screen. */
  type(type: string): string;
}

/** For components that are not async, on the server or in the browser (which needs the namespace `common`). */
export function useFormat(): Format {
  return createFormat(useLocale(), useTranslations("common"));
}

/** For async components. */
export async function getFormat(): Promise<Format> {
  return createFormat(await getLocale(), await getTranslations("common"));
}

function createFormat(locale: Locale, translate: Translate): Format {
  const number = new Intl.NumberFormat(locale);
  const decimal = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const percent = new Intl.NumberFormat(locale, { style: "percent" });
  const shortDay = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", timeZone: "UTC" });
  const month = new Intl.DateTimeFormat(locale, { month: "long", year: "numeric", timeZone: "UTC" });
  const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
  const time = new Intl.DateTimeFormat(locale, { timeStyle: "short", hourCycle: "h23", timeZone: "UTC" });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
  const currencyFormat = (currency: string) => new Intl.NumberFormat(locale, { style: "currency", currency });
  return {
    number: (value) => number.format(value),
    decimal: (value) => decimal.format(value),
    percent: (share) => percent.format(share),
    credits: (amount) => translate("credits", { amount }),
    signed: (amount) => (amount < 0 ? `−${number.format(-amount)}` : `+${number.format(amount)}`),
    price: (amount, currency) => currencyFormat(currency).format(amount),
    money: (amount, currency) => {
      const format = currencyFormat(currency);
      return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
    },
    date: (instant) => <time dateTime={instant.toISOString()}>{day.format(instant)}</time>,
    dateText: (instant) => day.format(instant),
    monthText: (instant) => month.format(instant),
    dayText: (instant) => shortDay.format(instant),
    instant: (instant) => (
      <time dateTime={instant.toISOString()} className="whitespace-nowrap">
        {day.format(instant)} <span className="text-ink-soft">{time.format(instant)}</span>
      </time>
    ),
    instantText: (instant) => `${day.format(instant)} ${time.format(instant)}`,
    distance: (instant, now) => {
      const hours = Math.round((instant.getTime() - now.getTime()) / hourMs);
      return Math.abs(hours) < hoursPerDay
        ? relative.format(hours, "hour")
        : relative.format(Math.trunc(hours / hoursPerDay), "day");
    },
    type: (type) => {
      const key = `transactionTypes.${type as TransactionTypeName}` as const;
      if (translate.has(key)) return translate(key);
      const words = type.replaceAll("_", " ");
      return words.charAt(0).toUpperCase() + words.slice(1);
    },
  };
}
