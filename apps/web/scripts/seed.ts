/*
 * A demo account with months of history, for looking at pages that are empty on a fresh clone: `npm run seed`. Everything is
 * done by the app's own operations while the ledger's test clock moves from day to day; no row is inserted by hand.
 */

import { describeFailure } from "../src/credits/failure.ts";
import { getCredits } from "../src/credits/server.ts";
import { getDatabase } from "../src/database/server.ts";
import { demoAdmin, demoUser, tellStory } from "./seed-story.ts";

// Allowed for this process alone: the server that is started afterwards has its own environment.
process.env.CREDITS_TEST_CLOCK = "allow";
// Its sign-ups come from no address, and no bonus is refused to them.
process.env.ADMIN_EMAILS = "";

try {
  const summary = await tellStory();
  const audit = await (await getCredits()).audit();
  if (!audit.ok) throw new Error(`The audit found ${audit.violations.length} violations`);
  console.info(`
Seeded ${summary.days} days of history: ${summary.transactions} transactions of ${summary.users} users. The audit is clean.

  demo user   ${demoUser.email}   password: ${demoUser.password}
  demo admin  ${demoAdmin.email}   password: ${demoAdmin.password}

Start the app (npm start) and sign in.`);
} catch (error) {
  // A sentence that was written for the operator; anything else may hold values.
  console.error(
    error instanceof Error && !("code" in error) && !error.cause ? error.message : describeFailure(error),
  );
  process.exitCode = 1;
} finally {
  await (await getDatabase()).close();
}
