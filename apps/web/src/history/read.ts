import "server-only";
import type { Statement } from "creditkit";
import { failureMessage } from "@/credits/failure";
import { getCredits } from "@/credits/server";
import { type HistoryFilter, toStatementFilter } from "@/history/filter";

/** One page of a user's history; null when the ledger is out of reach. Trusts the caller about whose it may be. */
export async function readHistory(
  userId: string,
  filter: HistoryFilter,
  page: { pageIndex: number; pageSize: number },
): Promise<Statement | null> {
  try {
    return await (await getCredits()).getStatement({ userId, ...toStatementFilter(filter), ...page });
  } catch (error) {
    failureMessage(error, "reading a history");
    return null;
  }
}
