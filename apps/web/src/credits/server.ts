import "server-only";
import { type Credits, createCredits } from "creditkit";
import { creditsConfig } from "@/config/credits";
import { creditsLogger } from "@/credits/logger";
import { isTestClockAllowed, readTestClock } from "@/credits/test-clock";
import { getDatabase } from "@/database/server";
import { oncePerProcess } from "@/once-per-process";

/** The composition root: environment → database → the ledger, migrated. Nothing is opened before the first call. */
export const getCredits: () => Promise<Credits> = oncePerProcess("credits", async () => {
  const { credits: database } = await getDatabase();
  const credits = createCredits({
    database,
    config: creditsConfig,
    logger: creditsLogger,
    ...(isTestClockAllowed() && { clock: readTestClock }),
  });
  await credits.migrate();
  return credits;
});
