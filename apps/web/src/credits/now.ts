import "server-only";
import { readTestClock } from "@/credits/test-clock";

/** The instant that the ledger takes for now, as far as pages need it: for words such as "in 3 days". */
export function now(): Date {
  return readTestClock() ?? new Date();
}
