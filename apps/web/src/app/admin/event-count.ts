import { countedEventsMax } from "@/admin/health";
import type { Format } from "@/i18n/format";

/** A number of events; they are counted up to a point. */
export function eventCount(count: number, format: Format): string {
  return `${format.number(count)}${count === countedEventsMax ? "+" : ""}`;
}
