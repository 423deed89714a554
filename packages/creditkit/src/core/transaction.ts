import { parseId, parsePageIndex, parsePageSize, parseParameters } from "./argument.ts";
import type { Engine } from "./engine.ts";

/** What a transaction is for. The ledger adds types of its own as it grows. */
export const CreditTransactionType = {
  PURCHASE: "purchase",
  CONSUMPTION: "consumption",
  MONTHLY_GRANT: "monthly_grant",
  REGISTRATION_BONUS: "registration_bonus",
  EXPIRATION: "expiration",
  /** Credits given by hand. */
  ADJUSTMENT: "adjustment",
  /** Credits taken by hand. */
  DEDUCTION: "deduction",
  /** A spend given back. */
  REVERSAL: "reversal",
  /** Credits lent where a settlement cost more than there was, or a disputed purchase was spent. */
  DEBT: "debt",
  DEBT_REPAYMENT: "debt_repayment",
  /** Credits taken back because the provider refunded their purchase. */
  REFUND: "refund",
  /** Part of a refund given back: an invoice that came late has a share in what was taken. */
  REFUND_REVERSAL: "refund_reversal",
  /** Credits taken back because their purchase is disputed. */
  CHARGEBACK: "chargeback",
  /** Credits given back because a dispute was won. */
  CHARGEBACK_REVERSAL: "chargeback_reversal",
} as const;
export type CreditTransactionType = (typeof CreditTransactionType)[keyof typeof CreditTransactionType];

/** One row of a user's history. */
export interface CreditTransaction {
  id: string;
  type: string;
  /** Credits; positive into the wallet, negative out of it. */
  amount: number;
  description: string | null;
  /** Always `completed`: what was refused is not history. */
  status: string;
  /** The plan of a monthly grant. */
  sourcePlan: string | null;
  createdAt: Date;
}

export interface TransactionPage {
  items: CreditTransaction[];
  total: number;
  pageIndex: number;
  pageSize: number;
  pageCount: number;
}

export interface GetTransactionsParams {
  userId: string;
  /** From 0, the newest. Default 0. */
  pageIndex?: number;
  /** 1–100. Default 10. */
  pageSize?: number;
}

/**
 * One page of a user's history, newest first; an unknown user has an empty one.
 * @throws `INVALID_ARGUMENT` for a bad user id, page index or page size.
 */
export async function getTransactions(
  engine: Engine,
  params: GetTransactionsParams,
): Promise<TransactionPage> {
  const fields = parseParameters(params);
  const userId = parseId("userId", fields.userId);
  const pageIndex = parsePageIndex(fields.pageIndex);
  const pageSize = parsePageSize(fields.pageSize);
  if (!engine.config.enabled) return { items: [], total: 0, pageIndex, pageSize, pageCount: 0 };
  const page = await engine.call<PageAnswer | null>(
    "select answer::text from credits.get_transactions($1::text, $2::text::bigint, $3::text::integer) as answer",
    [userId, String(pageIndex), String(pageSize)],
  );
  const total = page?.total ?? 0;
  const items = (page?.items ?? []).map((item) => ({
    id: item.id,
    type: item.type,
    amount: engine.credits(item.amount),
    description: item.description,
    status: "completed",
    sourcePlan: item.source_plan,
    createdAt: new Date(item.created_at),
  }));
  return { items, total, pageIndex, pageSize, pageCount: Math.ceil(total / pageSize) };
}

interface PageAnswer {
  total: number;
  items: {
    id: string;
    type: string;
    amount: number;
    description: string | null;
    source_plan: string | null;
    created_at: number;
  }[];
}
