import { historyServices } from "@/history/filter";

const styles = [
  { color: "var(--series-1)", dot: "bg-series-1" },
  { color: "var(--series-2)", dot: "bg-series-2" },
  { color: "var(--series-3)", dot: "bg-series-3" },
  { color: "var(--series-4)", dot: "bg-series-4" },
  { color: "var(--series-5)", dot: "bg-series-5" },
] as const;

/** The colour of a service: the same in every range and on every page. Beyond five they begin again. */
export function seriesStyle(service: string): (typeof styles)[number] {
  // A service that is not configured any more comes after those that are.
  const place = historyServices.indexOf(service);
  return styles[(place < 0 ? historyServices.length : place) % styles.length] ?? styles[0];
}
