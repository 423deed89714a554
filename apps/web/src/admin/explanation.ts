import "server-only";
import type { StatementEntry } from "creditkit";
import { creditsConfig } from "@/config/credits";
import { getCredits } from "@/credits/server";
import { getDatabase } from "@/database/server";

/** How a balance came about: a page of its rows, and what is left of all of them. Amounts in credits. */
export interface Explanation {
  /** With running totals, from the first row on. */
  entries: StatementEntry[];
  pageIndex: number;
  pageCount: number;
  /** What all rows of all pages add up to. */
  all: number;
  /** In batches that have expired and are not booked as such. */
  expired: number;
  held: number;
  debt: number;
  available: number;
  /** Whether the one follows from the others. */
  isExplained: boolean;
}

/** Null: the user was never in the books. A page behind the last is the last. */
export async function explain(
  userId: string,
  { pageIndex: askedPageIndex, pageSize }: { pageIndex: number; pageSize: number },
): Promise<Explanation | null> {
  const credits = await getCredits();
  const { drizzle } = await getDatabase();
  // One snapshot: what is spent between two of these questions would look like a hole in the books.
  return drizzle.transaction(
    async (transaction) => {
      const books = credits.using(transaction);
      const wallet = await books.getWallet({ userId });
      if (wallet === null) return null;
      const pageCount = Math.max(1, Math.ceil(wallet.transactionCount / pageSize));
      const pageIndex = Math.min(askedPageIndex, pageCount - 1);
      const page = { userId, withRunningTotal: true };
      const { entries } = await books.getStatement({ ...page, oldestFirst: true, pageIndex, pageSize });
      const newest = await books.getStatement({ ...page, pageSize: 1 });
      const { availableCredits, heldCredits, debt } = await books.getInfo({ userId });
      const all = newest.entries[0]?.runningTotal ?? 0;
      const expired = wallet.batches.reduce((sum, batch) => sum + (batch.expired ? batch.remaining : 0), 0);
      // Of a hold that has timed out, which is not booked, a batch may have expired as well: nobody has that part any more.
      const isSettled = wallet.held === heldCredits && wallet.debt === debt;
      const left = Math.max(0, all - expired - heldCredits - debt);
      return {
        entries,
        pageIndex,
        pageCount,
        all,
        expired,
        held: heldCredits,
        debt,
        available: availableCredits,
        // Half a unit: JavaScript's fractions do not add up exactly where the installation has decimals.
        isExplained: !isSettled || Math.abs(left - availableCredits) < 0.5 / 10 ** creditsConfig.decimals,
      };
    },
    { isolationLevel: "repeatable read" },
  );
}
