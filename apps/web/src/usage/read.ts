import "server-only";
import { failureMessage } from "@/credits/failure";
import { now } from "@/credits/now";
import { getCredits } from "@/credits/server";
import { rangeStart, summarize, type UsageRange, type UsageSummary } from "@/usage/summary";

const dayMs = 24 * 60 * 60 * 1000;

/** What a user spent in the days until today; null when the ledger is out of reach. Trusts the caller about whose it may be. */
export async function readUsage(userId: string, range: UsageRange): Promise<UsageSummary | null> {
  try {
    const credits = await getCredits();
    const at = now();
    const rows = await credits.getUsage({
      userId,
      from: rangeStart(range, at),
      to: new Date(at.getTime() + dayMs),
    });
    const first = await credits.getStatement({
      userId,
      types: ["consumption"],
      oldestFirst: true,
      pageSize: 1,
    });
    const { availableCredits } = await credits.getInfo({ userId });
    return summarize(rows, {
      range,
      now: at,
      firstSpendAt: first.entries[0]?.createdAt ?? null,
      available: availableCredits,
    });
  } catch (error) {
    failureMessage(error, "reading the usage");
    return null;
  }
}
