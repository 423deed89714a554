import {
  type Metadata,
  parseDate,
  parseFlag,
  parseId,
  parsePageIndex,
  parseParameters,
  parseService,
} from "./argument.ts";
import type { Engine } from "./engine.ts";
import { invalidArgument } from "./errors.ts";
import { CreditTransactionType } from "./transaction.ts";

const statementPageSizeMax = 1_000;
const statementPageSizeDefault = 50;

/** How much of a transaction came from or went to one batch. Credits. */
export interface StatementAllocation {
  batchId: string;
  amount: number;
  /** What the batch had free right after. */
  batchRemaining: number;
  /** The type of the grant that made the batch. */
  grantedBy: string;
  /** Null: never. */
  batchExpiresAt: Date | null;
}

/** One row of history with everything it knows. */
export interface StatementEntry {
  /** The wallet's gap-free number: history is in its order. */
  sequence: number;
  id: string;
  type: string;
  /** Credits; positive into the wallet, negative out of it. */
  amount: number;
  debitAccount: string;
  creditAccount: string;
  /** Of a spend and of what was given back of it. */
  service: string | null;
  description: string | null;
  metadata: Metadata | null;
  sourcePlan: string | null;
  /** `YYYY-MM` of a monthly grant. */
  grantPeriod: string | null;
  packageId: string | null;
  purchaseId: string | null;
  /** The transaction that this one gives back. */
  reverses: string | null;
  /** Of a spend: what was given back of it so far. Null for anything else. */
  reversedAmount: number | null;
  createdAt: Date;
  /** What the operation answered as `newBalance`. */
  availableAfter: number;
  /** All that moved so far, this one included; only with `withRunningTotal`. */
  runningTotal: number | null;
  allocations: StatementAllocation[];
}

export interface StatementParams {
  userId: string;
  types?: readonly CreditTransactionType[];
  /** Spends on this service and what was given back of them. */
  service?: string;
  /** Not before this instant. */
  from?: Date;
  /** Before this instant. */
  to?: Date;
  /** Default false: newest first. */
  oldestFirst?: boolean;
  /** Reads all of history up to the page: for explaining a balance, not for lists. Default false. */
  withRunningTotal?: boolean;
  /** From 0. Default 0. */
  pageIndex?: number;
  /** 1–1 000. Default 50. */
  pageSize?: number;
  /** Instead of `pageIndex`: goes on behind this entry's `sequence`. For readers that walk through all of it. */
  afterSequence?: number;
}

export interface Statement {
  entries: StatementEntry[];
  /** How many entries there are; null with `afterSequence`, which counts nothing. */
  total: number | null;
}

/**
 * A user's history with accounts, allocations and filters; an unknown user has none.
 * @throws `INVALID_ARGUMENT` (`field`).
 */
export async function getStatement(engine: Engine, params: StatementParams): Promise<Statement> {
  const fields = parseParameters(params);
  const userId = parseId("userId", fields.userId);
  const filter = {
    types: parseTypes(fields.types),
    service: fields.service === undefined ? undefined : parseService(fields.service),
    from: fields.from === undefined ? undefined : parseDate("from", fields.from),
    to: fields.to === undefined ? undefined : parseDate("to", fields.to),
  };
  const pageSize = fields.pageSize === undefined ? statementPageSizeDefault : fields.pageSize;
  if (!Number.isInteger(pageSize) || (pageSize as number) < 1 || (pageSize as number) > statementPageSizeMax)
    throw invalidArgument("pageSize", `a whole number from 1 to ${statementPageSizeMax}`);
  const { afterSequence } = fields;
  if (afterSequence !== undefined && !(Number.isSafeInteger(afterSequence) && (afterSequence as number) >= 0))
    throw invalidArgument("afterSequence", "a whole number of at least 0");
  if (afterSequence !== undefined && fields.pageIndex !== undefined)
    throw invalidArgument("pageIndex", "undefined beside afterSequence");
  const answer = await engine.call<{ total: number | null; items: StatementAnswer[] }>(
    `select credits.get_statement(
       $1::text, $2::text::jsonb, $3::text::boolean, $4::text::boolean, $5::text::bigint, $6::text::bigint, $7::text::integer
     )::text as answer`,
    [
      userId,
      JSON.stringify(filter),
      String(parseFlag("oldestFirst", fields.oldestFirst)),
      String(parseFlag("withRunningTotal", fields.withRunningTotal)),
      afterSequence === undefined ? null : String(afterSequence),
      String(parsePageIndex(fields.pageIndex)),
      String(pageSize),
    ],
  );
  return { total: answer.total, entries: answer.items.map((item) => entryOf(engine, item)) };
}

const types = new Set<unknown>(Object.values(CreditTransactionType));

function parseTypes(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.length > 0 && value.every((type) => types.has(type))) return value;
  throw invalidArgument("types", `a list of some of ${[...types].join(", ")}`);
}

interface StatementAnswer {
  sequence: number;
  id: string;
  type: string;
  amount: number;
  debit_account: string;
  credit_account: string;
  description: string | null;
  metadata: Metadata | null;
  source_plan: string | null;
  period: string | null;
  package_id: string | null;
  purchase_id: string | null;
  reverses: string | null;
  reversed: number | null;
  created_at: number;
  available_after: number;
  running: number | null;
  allocations: {
    batch_id: string;
    amount: number;
    remainder: number;
    granted_by: string;
    expires_at: number | null;
  }[];
}

const servicePrefix = "SERVICE:";

function entryOf(engine: Engine, item: StatementAnswer): StatementEntry {
  const serviceAccount = [item.credit_account, item.debit_account].find((account) =>
    account.startsWith(servicePrefix),
  );
  return {
    sequence: item.sequence,
    id: item.id,
    type: item.type,
    amount: engine.credits(item.amount),
    debitAccount: item.debit_account,
    creditAccount: item.credit_account,
    service: serviceAccount?.slice(servicePrefix.length) ?? null,
    description: item.description,
    metadata: item.metadata,
    sourcePlan: item.source_plan,
    grantPeriod: item.period,
    packageId: item.package_id,
    purchaseId: item.purchase_id,
    reverses: item.reverses,
    reversedAmount: item.reversed === null ? null : engine.credits(item.reversed),
    createdAt: new Date(item.created_at),
    availableAfter: engine.credits(item.available_after),
    runningTotal: item.running === null ? null : engine.credits(item.running),
    allocations: item.allocations.map((part) => ({
      batchId: part.batch_id,
      amount: engine.credits(part.amount),
      batchRemaining: engine.credits(part.remainder),
      grantedBy: part.granted_by,
      batchExpiresAt: part.expires_at === null ? null : new Date(part.expires_at),
    })),
  };
}
