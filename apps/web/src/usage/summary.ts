import type { DailyUsage } from "creditkit";

export const usageRanges = [7, 30, 90] as const;
export type UsageRange = (typeof usageRanges)[number];

/** Of use, before an average says anything about tomorrow. */
const historyDaysMin = 7;

const dayMs = 24 * 60 * 60 * 1000;

export interface UsageSummary {
  /** `YYYY-MM-DD`, oldest first, none left out. */
  days: { day: string; total: number; byService: Readonly<Record<string, number>> }[];
  /** The largest first. */
  services: { service: string; amount: number; spends: number }[];
  total: number;
  average: number;
  /** How many days the average is taken over: none before the first spend. */
  averageDays: number;
  /** How long what is available lasts at this average; null where there is too little history, Infinity where nothing is spent. */
  lastsDays: number | null;
}

export function readRange(value: unknown): UsageRange {
  return usageRanges.find((range) => String(range) === value) ?? 30;
}

/** The first instant of a range that ends with the day of `now`, in UTC. */
export function rangeStart(range: UsageRange, now: Date): Date {
  return new Date(dayStart(now) - (range - 1) * dayMs);
}

/** Adds up the usage of a range that ends today. */
export function summarize(
  rows: readonly DailyUsage[],
  {
    range,
    now,
    firstSpendAt,
    available,
  }: { range: UsageRange; now: Date; firstSpendAt: Date | null; available: number },
): UsageSummary {
  const days = Array.from({ length: range }, (_, index) => {
    const day = new Date(rangeStart(range, now).getTime() + index * dayMs).toISOString().slice(0, 10);
    const ofDay = rows.filter((row) => row.day === day);
    return {
      day,
      total: sum(ofDay),
      byService: Object.fromEntries(ofDay.map(({ service, amount }) => [service, amount])),
    };
  });
  const services = [...new Set(rows.map(({ service }) => service))]
    .map((service) => {
      const ofService = rows.filter((row) => row.service === service);
      const spends = ofService.reduce((count, row) => count + row.spends, 0);
      return { service, amount: sum(ofService), spends };
    })
    .sort((one, other) => other.amount - one.amount || one.service.localeCompare(other.service));
  const total = sum(rows);
  const daysOfUse =
    firstSpendAt === null ? 0 : Math.floor((dayStart(now) - dayStart(firstSpendAt)) / dayMs) + 1;
  const averageDays = Math.min(range, daysOfUse);
  const average = averageDays === 0 ? 0 : total / averageDays;
  const lasts = average === 0 ? Number.POSITIVE_INFINITY : Math.floor(available / average);
  return {
    days,
    services,
    total,
    average,
    averageDays,
    lastsDays: daysOfUse < historyDaysMin ? null : lasts,
  };
}

function sum(rows: readonly { amount: number }[]): number {
  return rows.reduce((total, { amount }) => total + amount, 0);
}

function dayStart(instant: Date): number {
  return Math.floor(instant.getTime() / dayMs) * dayMs;
}
