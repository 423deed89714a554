import { CreditTransactionType } from "creditkit";
import { creditsConfig } from "@/config/credits";

/** What a reader wants to see of the history, as it stands in the address. */
export interface HistoryFilter {
  type?: CreditTransactionType;
  service?: string;
  /** `YYYY-MM-DD`, UTC. */
  from?: string;
  /** `YYYY-MM-DD`, UTC, that day included. */
  to?: string;
}

export type SearchParameters = Readonly<Record<string, string | string[] | undefined>>;

/** In the order in which they are offered. */
export const historyTypes = Object.values(CreditTransactionType);
export const historyServices = Object.keys(creditsConfig.consumption);

/** Reads an address; what makes no sense there is as if it were not. */
export function readFilter(parameters: SearchParameters): HistoryFilter {
  const type = historyTypes.find((known) => known === parameters.type);
  const service = historyServices.find((known) => known === parameters.service);
  const from = readDay(parameters.from);
  const to = readDay(parameters.to);
  return { ...(type && { type }), ...(service && { service }), ...(from && { from }), ...(to && { to }) };
}

/** Pages are counted from 1 in the address and from 0 in the ledger; anything that is no page is the first. */
export function readPageIndex(page: SearchParameters[string]): number {
  return typeof page === "string" && /^[1-9]\d{0,8}$/.test(page) ? Number(page) - 1 : 0;
}

/** The address of a page of the history. */
export function historyHref(path: string, filter: HistoryFilter, page = 1): string {
  const query = new URLSearchParams({ ...filter, ...(page > 1 && { page: String(page) }) }).toString();
  return query === "" ? path : `${path}?${query}`;
}

const dayMs = 24 * 60 * 60 * 1000;

/** The same wish as the ledger understands it. */
export function toStatementFilter({ type, service, from, to }: HistoryFilter) {
  return {
    ...(type && { types: [type] }),
    ...(service && { service }),
    ...(from && { from: new Date(from) }),
    ...(to && { to: new Date(new Date(to).getTime() + dayMs) }),
  };
}

function readDay(value: SearchParameters[string]): string | undefined {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\d$/.test(value)) return undefined;
  const instant = new Date(value);
  // The 31st of February is the 3rd of March to JavaScript.
  const isDay = !Number.isNaN(instant.getTime()) && instant.toISOString().startsWith(value);
  return isDay && instant.getUTCFullYear() >= 1970 && instant.getUTCFullYear() < 9000 ? value : undefined;
}
