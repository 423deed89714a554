import "server-only";
import { readEnvironment } from "@/env";

/** One instant per process, shared by every bundle's copy of this module. */
const shared = globalThis as { [testClockKey]?: Date };
const testClockKey = Symbol.for("creditkit.web.testClock");

/** Whether the operator allowed the ledger's clock to be moved (rule 2): off unless `CREDITS_TEST_CLOCK=allow`. */
export function isTestClockAllowed(): boolean {
  return readEnvironment().CREDITS_TEST_CLOCK === "allow";
}

/** Stops the ledger's clock of this process at an instant, or lets it run again. Each process has its own. */
export function setTestClock(now: Date | null): void {
  if (now === null) delete shared[testClockKey];
  else shared[testClockKey] = now;
}

/** Null until an admin sets it: the database's clock decides. */
export function readTestClock(): Date | null {
  return shared[testClockKey] ?? null;
}
