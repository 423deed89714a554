import { type Metadata, parseId, parsePageIndex, parsePageSize, parseParameters } from "./argument.ts";
import type { Engine } from "./engine.ts";
import { CreditsError } from "./errors.ts";

/** What a transaction is for. The ledger adds types of its own as it grows. */
export const CreditTransactionType = {
  PURCHASE: "purchase",
  CONSUMPTION: "consumption",
  MONTHLY_GRANT: "monthly_grant",
  REGISTRATION_BONUS: "registration_bonus",
  EXPIRATION: "expiration",
  /** Credits given by hand. */
  ADJUSTMENT: "adjustment",
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
    "select credits.get_transactions($1::text, $2::text::bigint, $3::text::integer)::text as answer",
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

/** A request as the functions of the schema read it. */
export type LedgerRequest = Record<string, string | number | boolean | Metadata | undefined>;

/** A refusal: its code and its facts, amounts in units. */
export interface Refusal {
  code:
    | "INSUFFICIENT_CREDITS"
    | "USER_BALANCE_NOT_FOUND"
    | "WALLET_FROZEN"
    | "IDEMPOTENCY_CONFLICT"
    | "BALANCE_LIMIT"
    | "BALANCE_OVERFLOW"
    | "UNKNOWN_PLAN";
  required?: number;
  available?: number;
  limit?: number;
  field?: string;
  plan?: string;
}

export function isRefusal(answer: object): answer is Refusal {
  return "code" in answer;
}

/** The typed error of a refusal, by its code. */
export function refusalError(engine: Engine, refusal: Refusal): CreditsError {
  const { code } = refusal;
  const required = engine.credits(refusal.required ?? 0);
  const available = engine.credits(refusal.available ?? 0);
  const limit = engine.credits(refusal.limit ?? 0);
  switch (code) {
    case "INSUFFICIENT_CREDITS":
      return new CreditsError(code, `Insufficient credits: required ${required}, available ${available}`, {
        required,
        available,
      });
    case "USER_BALANCE_NOT_FOUND":
      return new CreditsError(code, "User balance not found");
    case "WALLET_FROZEN":
      return new CreditsError(code, "The wallet is frozen");
    case "IDEMPOTENCY_CONFLICT":
      return new CreditsError(code, `The same key was used before with another ${refusal.field}`, {
        field: refusal.field ?? "",
      });
    case "BALANCE_LIMIT":
      return new CreditsError(
        code,
        `Free credits are granted up to a balance of ${limit}, available ${available}`,
        {
          limit,
          available,
        },
      );
    case "BALANCE_OVERFLOW":
      return new CreditsError(code, `The balance would pass ${engine.credits(Number.MAX_SAFE_INTEGER)}`);
    case "UNKNOWN_PLAN":
      return unknownPlan(refusal.plan ?? "");
  }
}

export function unknownPlan(planId: string): CreditsError {
  return new CreditsError("UNKNOWN_PLAN", `Unknown plan: ${planId}`, { field: "planId" });
}

/**
 * Sends one request to a set-based function of the schema and returns its result.
 * @throws the typed error of a refusal.
 */
export async function submit<Result extends object>(
  engine: Engine,
  operation: "consume" | "grant",
  request: LedgerRequest,
): Promise<Result> {
  const [answer] = await engine.call<[Result | Refusal]>(
    `select credits.${operation}($1::text::jsonb, $2::text::timestamptz)::text as answer`,
    // Sent again, it may have happened already: then its id finds it (rule 29).
    (attempt) => [JSON.stringify([attempt === 0 ? request : { ...request, retried: true }]), engine.now()],
  );
  if (isRefusal(answer)) throw refusalError(engine, answer);
  return answer;
}
