import { useLocale, useMessages, useTranslations } from "next-intl";
import { getLocale, getMessages, getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { creditsFormat, typeName } from "@/components/credits/format";
import type { Locale } from "@/i18n/locale";

type Translate = ReturnType<typeof useTranslations<"common">>;

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
  return createFormat(useLocale(), useTranslations("common"), useMessages().common.transactionTypes);
}

/** For async components. */
export async function getFormat(): Promise<Format> {
  return createFormat(
    await getLocale(),
    await getTranslations("common"),
    (await getMessages()).common.transactionTypes,
  );
}

function createFormat(locale: Locale, translate: Translate, types: Readonly<Record<string, string>>): Format {
  const base = creditsFormat(locale);
  const decimal = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const percent = new Intl.NumberFormat(locale, { style: "percent" });
  const shortDay = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", timeZone: "UTC" });
  const month = new Intl.DateTimeFormat(locale, { month: "long", year: "numeric", timeZone: "UTC" });
  return {
    number: base.number,
    decimal: (value) => decimal.format(value),
    percent: (share) => percent.format(share),
    credits: (amount) => translate("credits", { amount }),
    signed: base.signed,
    price: base.price,
    money: (amount, currency) => {
      const format = new Intl.NumberFormat(locale, { style: "currency", currency });
      return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
    },
    date: (instant) => <time dateTime={instant.toISOString()}>{base.day(instant)}</time>,
    dateText: base.day,
    monthText: (instant) => month.format(instant),
    dayText: (instant) => shortDay.format(instant),
    instant: (instant) => (
      <time dateTime={instant.toISOString()} className="whitespace-nowrap">
        {base.day(instant)} <span className="text-ink-soft">{base.time(instant)}</span>
      </time>
    ),
    instantText: (instant) => `${base.day(instant)} ${base.time(instant)}`,
    distance: base.distance,
    type: (type) => typeName(type, types),
  };
}
