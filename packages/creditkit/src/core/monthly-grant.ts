import type { Engine } from "./engine.ts";
import { balanceMax, emitGranted, type Granted } from "./grant.ts";
import { causeMessage, eachPage, type Failures, forUsers, type JobPage, resultsMax } from "./job.ts";
import { isRefusal, type Refusal, refusalError } from "./request.ts";
import { CreditTransactionType } from "./transaction.ts";

/** Users of one statement, and of one commit. */
const grantPageUsers = 500;

export interface DailyGrantRow {
  userId: string;
  success: boolean;
  error?: string;
  transactionId?: string;
  amount?: number;
  /** `YYYY-MM` */
  grantPeriod?: string;
}

export interface DailyGrantResult {
  /** Users looked at: `successful + skipped + failed`. */
  processed: number;
  /** Users who were granted something. */
  successful: number;
  /** Users to whom nothing was due. */
  skipped: number;
  /** Users whose grant failed; the others got theirs. */
  failed: number;
  /** Failures, then grants, at most 1 000. */
  results: DailyGrantRow[];
}

/**
 * Grants every monthly period that is due: run it daily, or at any hour, late, twice, in two processes at once, with the
 * same final books. Walks all users in pages; a page that fails is done again user by user.
 * @throws `DATABASE_UNAVAILABLE`; what was granted stays, the next run goes on.
 */
export async function processDailyGrant(engine: Engine): Promise<DailyGrantResult> {
  const report = new DailyGrantReport();
  if (!engine.config.enabled) return report.result();
  await eachPage(pagesOfUsers(engine), async (userIds) => {
    const failures: Failures = new Map();
    const answers = await forUsers(engine, userIds, failures, (page) => grantAll(engine, page));
    for (const answer of answers) report.add(engine, answer);
    for (const [userId, error] of failures) report.fail(userId, error);
    report.count(userIds.length);
  });
  return report.result();
}

/** The enabled plans as the schema's functions read them: JSON of {id: {amount, validity_days} | null}. */
export function planTable(engine: Engine): string {
  const plans = Object.entries(engine.config.subscription).map(([id, plan]) => [
    id,
    plan.enabled && plan.monthlyGrant > 0
      ? { amount: engine.configuredUnits(plan.monthlyGrant), validity_days: plan.validityDays }
      : null,
  ]);
  return JSON.stringify(Object.fromEntries(plans));
}

async function* pagesOfUsers(engine: Engine): AsyncGenerator<string[]> {
  for (let after: string | undefined = ""; after !== undefined; ) {
    const userIds: string[] = await engine.call(
      "select credits.users_after($1::text, $2::text::integer)::text as answer",
      [after, String(grantPageUsers)],
    );
    if (userIds.length > 0) yield userIds;
    after = userIds[grantPageUsers - 1];
  }
}

type GrantAnswer = { user_id: string } & (Refusal | (Granted & { period: string }));

async function grantAll(engine: Engine, page: JobPage): Promise<GrantAnswer[]> {
  const values = (attempt: number) => [
    planTable(engine),
    balanceMax(engine)?.toString() ?? null,
    page.id,
    String(page.isRetried || attempt > 0),
    engine.now(),
  ];
  const answers = engine.sharded
    ? await engine.call<GrantAnswer[]>(
        `select answer::text
         from credits.grant_monthly_for(
           $1::text, $2::text::jsonb, $3::text::bigint, $4::text::uuid, $5::text::boolean, $6::timestamptz
         ) as answer`,
        (attempt) => [page.userIds[0], ...values(attempt)],
      )
    : await engine.call<GrantAnswer[]>(
        `select credits.grant_monthly(
           array(select jsonb_array_elements_text($1::text::jsonb)), $2::text::jsonb, $3::text::bigint,
           $4::text::uuid, $5::text::boolean, $6::text::timestamptz
         )::text as answer`,
        (attempt) => [JSON.stringify(page.userIds), ...values(attempt)],
      );
  for (const answer of answers) {
    if (!isRefusal(answer))
      emitGranted(engine, { user_id: answer.user_id, type: CreditTransactionType.MONTHLY_GRANT }, answer);
  }
  return answers;
}

class DailyGrantReport {
  private processed = 0;
  private readonly granted = new Set<string>();
  private readonly failed = new Set<string>();
  private successful = 0;
  private failures = 0;
  private readonly grantRows: DailyGrantRow[] = [];
  private readonly failureRows: DailyGrantRow[] = [];

  add(engine: Engine, answer: GrantAnswer): void {
    if (!isRefusal(answer)) {
      this.granted.add(answer.user_id);
      push(this.grantRows, {
        userId: answer.user_id,
        success: true,
        transactionId: answer.id,
        amount: engine.credits(answer.amount),
        grantPeriod: answer.period,
      });
    } else if (answer.code !== "BALANCE_LIMIT") {
      this.fail(answer.user_id, refusalError(engine, answer));
    }
    // A full balance is the configuration at work, not a failure.
  }

  fail(userId: string, error: unknown): void {
    this.failed.add(userId);
    push(this.failureRows, { userId, success: false, error: causeMessage(error) });
  }

  /** Ends a page: the users of later pages are others. */
  count(users: number): void {
    this.processed += users;
    this.failures += this.failed.size;
    for (const userId of this.failed) this.granted.delete(userId);
    this.successful += this.granted.size;
    this.failed.clear();
    this.granted.clear();
  }

  result(): DailyGrantResult {
    return {
      processed: this.processed,
      successful: this.successful,
      skipped: this.processed - this.successful - this.failures,
      failed: this.failures,
      results: [...this.failureRows, ...this.grantRows].slice(0, resultsMax),
    };
  }
}

function push(rows: DailyGrantRow[], row: DailyGrantRow): void {
  if (rows.length < resultsMax) rows.push(row);
}
