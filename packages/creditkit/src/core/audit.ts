import type { Engine } from "./engine.ts";

/** Violations that one audit reports at most. */
const violationsMax = 1_000;

export interface Violation {
  /** Number of the rule in the rules of the ledger. */
  rule: string;
  userId?: string;
  /** Which check, which row, and what it says against what it should say. */
  detail: string;
}

export interface AuditResult {
  ok: boolean;
  /** At most 1 000. */
  violations: Violation[];
}

/**
 * Checks every invariant of the books by SQL: sequences, allocations, accounts, keys, batches and wallets against
 * history, drain order, validity, answered balances, and the triggers that guard history. Reads one snapshot and locks
 * nothing; the time grows with the history.
 */
export async function audit(engine: Engine): Promise<AuditResult> {
  const rows = await engine.call<{ rule: string; name: string; user_id: string | null; detail: string }[]>(
    `select coalesce(jsonb_agg(to_jsonb(found)), '[]')::text as answer
     from (select * from credits.audit() limit $1::text::integer) as found`,
    [String(violationsMax)],
  );
  const violations = rows.map(({ rule, name, user_id, detail }) => ({
    rule,
    ...(user_id === null ? {} : { userId: user_id }),
    detail: `${name}: ${detail}`,
  }));
  return { ok: violations.length === 0, violations };
}
