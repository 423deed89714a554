import "server-only";
import type { Logger } from "creditkit";

/** The ledger's warnings and errors, on the console. What the jobs did stands in the lines of their routes. */
export const creditsLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (fields, message) => console.warn(`[Credits] WARNING: ${message}`, JSON.stringify(fields)),
  error: (fields, message) => console.error(`[Credits] ${message}`, JSON.stringify(fields)),
};
