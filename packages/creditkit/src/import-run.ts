import { createHash } from "node:crypto";
import { creditsOf } from "./core/amount.ts";
import type { Database, Row } from "./core/database.ts";
import { CreditsError } from "./core/errors.ts";
import {
  forgotten,
  type ImportProblem,
  type ImportRow,
  type Judged,
  judge,
  refuse,
  type SkipReason,
  total,
} from "./import-check.ts";
import { type ImportSource, type OpenSource, openSource, type SourceRow } from "./import-source.ts";
import type { Credits } from "./index.ts";

/** Users whose rows are in memory at once. */
const pageSize = 500;
/** Grants on their way at once: the engine joins them into shared statements. */
const grantsAtOnce = 64;
/** Problems that a report names; their number is always exact. */
const namedMax = 20;
const keyLengthMax = 255;
const changed = "changed since it was imported";

export interface ImportOptions {
  credits: Credits;
  /** The ledger's database, which has the source too. */
  database: Database;
  source: ImportSource;
  /** Reads and judges everything, and writes nothing. */
  isDryRun?: boolean;
  /** Whether a user is imported who has a wallet from elsewhere. Default false: such a user is a problem. */
  addToWallets?: boolean;
}

/** What an import found and did. Credits. */
export interface ImportReport {
  source: string;
  isDryRun: boolean;
  usersRead: number;
  /** With something to import. */
  users: number;
  batches: number;
  credits: number;
  /** Of these, what an earlier run had granted. */
  already: number;
  skipped: Record<SkipReason, { rows: number; credits: number }>;
  /** Users whose import passes `maxUserBalance`: they get all of it, and free grants only below the limit again. */
  overLimit: number;
  problemCount: number;
  /** The first of them. */
  problems: ImportProblem[];
  /** Per user, the ledger's grants of this source against the source; null in a dry run. */
  comparison: {
    users: number;
    differing: number;
    first: { userId: string; source: number; ledger: number }[];
  } | null;
}

/**
 * Brings the credits that an app keeps elsewhere in this database into the ledger: one `adjustment` per row, with the
 * row's end, once for ever under a key made of the source and the row's id. Any number of runs, at once or after a
 * crash, grant each row once.
 * @throws `INVALID_ARGUMENT` for a table or column that is not there, `DATABASE_UNAVAILABLE`, `CREDITS_DISABLED`.
 */
export async function importCredits(options: ImportOptions): Promise<ImportReport> {
  const { credits, database, isDryRun = false } = options;
  // Says what to do where the ledger is not migrated, before the source is read.
  await credits.getWallet({ userId: "nobody" });
  const source = await openSource(database, options.source);
  const run = new ImportRun(credits, database, source, options.addToWallets === true);
  await run.orphans();
  for await (const page of run.pages()) {
    for (const one of page) {
      if (isDryRun) run.foresee(one);
      else await run.grant(one);
      run.count(one);
    }
  }
  if (!isDryRun) await run.compare();
  return run.report(isDryRun);
}

/** One user's rows, and what the ledger already has of them. */
interface UserPage {
  userId: string;
  judged: Judged;
  /** Units by key. */
  granted: ReadonlyMap<string, number>;
}

class ImportRun {
  private usersRead = 0;
  private users = 0;
  private batches = 0;
  private units = 0n;
  private already = 0;
  private overLimit = 0;
  private problemCount = 0;
  private readonly problems: ImportProblem[] = [];
  private readonly skipped: Record<SkipReason, { rows: number; units: bigint }> = {
    empty: { rows: 0, units: 0n },
    expired: { rows: 0, units: 0n },
    undated: { rows: 0, units: 0n },
    erased: { rows: 0, units: 0n },
  };
  private comparison: ImportReport["comparison"] = null;
  private readonly prefix: string;

  constructor(
    private readonly credits: Credits,
    private readonly database: Database,
    private readonly source: OpenSource,
    private readonly addToWallets: boolean,
  ) {
    this.prefix = `import:${source.name}:`;
  }

  /** Users in order, a page of them in memory. */
  async *pages(): AsyncGenerator<UserPage[]> {
    for (let after: string | undefined; ; ) {
      const userIds = await this.source.users(after, pageSize);
      after = userIds.at(-1);
      if (after === undefined) return;
      const rows = new Map<string, SourceRow[]>(userIds.map((userId) => [userId, []]));
      for (const row of await this.source.rows(userIds)) {
        const mine = rows.get(row.userId);
        if (mine === undefined) rows.set(row.userId, [row]);
        else mine.push(row);
      }
      const listed = new Set(userIds);
      const balances = await this.source.balances(userIds);
      const ledger = await this.ledger(userIds);
      yield [...rows].map(([userId, mine]) => {
        const balance = balances === null ? undefined : (balances.get(userId) ?? "0");
        const granted = ledger.granted.get(userId) ?? new Map<string, number>();
        const judged = this.judge(userId, mine, balance, granted, ledger, listed.has(userId));
        return { userId, judged, granted };
      });
    }
  }

  private judge(
    userId: string,
    rows: readonly SourceRow[],
    balance: string | undefined,
    granted: ReadonlyMap<string, number>,
    { wallets, erased }: { wallets: ReadonlySet<string>; erased: ReadonlySet<string> },
    isListed: boolean,
  ): Judged {
    const { decimals, limitations } = this.credits.config;
    const { amountMax } = limitations;
    const judged = judge(userId, rows, { decimals, amountMax, isJournal: this.source.isJournal, balance });
    if (erased.has(userId)) return forgotten(judged);
    const [first] = judged.accepted;
    if (first === undefined) return judged;
    const refused = (reason: string) => refuse(judged, userId, first.rowId, reason);
    // To the database 1 and 1.0 are one user, to the ledger they are two.
    if (!isListed) return refused("other rows write the id of this user in another way");
    if (granted.size === 0 && wallets.has(userId) && !this.addToWallets)
      return refused("has a wallet already: add to it with --existing add");
    // Another id column makes other keys: each row would be granted once more.
    if (granted.size > 0 && !rows.some(({ rowId }) => rowId !== null && granted.has(this.key(rowId))))
      return refused("was imported before, and by none of these rows' ids: was it another --id-column?");
    return judged;
  }

  async orphans(): Promise<void> {
    const { count, rowIds } = await this.source.orphans();
    for (const rowId of rowIds) this.problem({ userId: null, rowId, reason: "belongs to no user" });
    this.problemCount += count - rowIds.length;
  }

  /** What `grant` would find, as far as reading tells. */
  foresee({ userId, judged, granted }: UserPage): void {
    judged.accepted = judged.accepted.filter((row) => {
      const before = granted.get(this.key(row.rowId));
      if (before === row.units) this.already += 1;
      if (before === undefined || before === row.units) return true;
      judged.problems.push({ userId, rowId: row.rowId, reason: `${changed} (amount)` });
      return false;
    });
  }

  /** Grants what was accepted; what the ledger refuses becomes a problem. */
  async grant({ judged }: UserPage): Promise<void> {
    const { accepted } = judged;
    judged.accepted = [];
    for (let first = 0; first < accepted.length; first += grantsAtOnce) {
      await Promise.all(accepted.slice(first, first + grantsAtOnce).map((row) => this.grantRow(row, judged)));
    }
  }

  private async grantRow(row: ImportRow, judged: Judged): Promise<void> {
    const { userId, rowId, units, expiresAt } = row;
    try {
      const { replayed } = await this.credits.grant({
        userId,
        amount: creditsOf(units, this.credits.config.decimals),
        type: "adjustment",
        description: `Imported from ${this.source.name}`.slice(0, 1_000),
        metadata: { import: { source: this.source.name, row: rowId } },
        idempotencyKey: this.key(rowId),
        // These credits are the user's already: a limit on what is given away takes none of them.
        force: true,
        ...(expiresAt === null ? {} : { expiresAt }),
      });
      judged.accepted.push(row);
      if (replayed) this.already += 1;
    } catch (error) {
      if (!CreditsError.is(error) || !refusals.has(error.code)) throw error;
      if (error.code === "INVALID_ARGUMENT" && error.field === "expiresAt") {
        // Its end came between reading and granting.
        judged.skipped.push({ reason: "expired", units });
        return;
      }
      const isChanged = error.code === "IDEMPOTENCY_CONFLICT";
      const reason = isChanged ? `${changed} (${error.field})` : `${error.code}: ${error.message}`;
      judged.problems.push({ userId, rowId, reason });
    }
  }

  count({ judged }: UserPage): void {
    const { accepted, skipped, problems } = judged;
    this.usersRead += 1;
    this.users += accepted.length > 0 ? 1 : 0;
    this.batches += accepted.length;
    this.units += BigInt(total(accepted));
    const { decimals, limitations } = this.credits.config;
    const { maxUserBalance = Number.POSITIVE_INFINITY } = limitations;
    if (creditsOf(total(accepted), decimals) > maxUserBalance) this.overLimit += 1;
    for (const { reason, units } of skipped) {
      this.skipped[reason].rows += 1;
      this.skipped[reason].units += BigInt(units);
    }
    for (const problem of problems) this.problem(problem);
  }

  private problem(problem: ImportProblem): void {
    this.problemCount += 1;
    if (this.problems.length < namedMax) this.problems.push(problem);
  }

  /** Reads the source once more: what changed there while the import ran shows here. */
  async compare(): Promise<void> {
    const { decimals } = this.credits.config;
    const comparison: NonNullable<ImportReport["comparison"]> = { users: 0, differing: 0, first: [] };
    for await (const page of this.pages()) {
      for (const { userId, judged, granted } of page) {
        const over = judged.expired.filter((row) => granted.has(this.key(row.rowId)));
        const source = total(judged.accepted) + total(over);
        const ledger = [...granted.values()].reduce((sum, units) => sum + units, 0);
        if (source === 0 && ledger === 0) continue;
        comparison.users += 1;
        if (source === ledger) continue;
        comparison.differing += 1;
        if (comparison.first.length < namedMax)
          comparison.first.push({
            userId,
            source: creditsOf(source, decimals),
            ledger: creditsOf(ledger, decimals),
          });
      }
    }
    this.comparison = comparison;
  }

  report(isDryRun: boolean): ImportReport {
    const credits = (units: bigint) => creditsOf(Number(units), this.credits.config.decimals);
    const skipped = ({ rows, units }: { rows: number; units: bigint }) => ({ rows, credits: credits(units) });
    return {
      source: this.source.name,
      isDryRun,
      usersRead: this.usersRead,
      users: this.users,
      batches: this.batches,
      credits: credits(this.units),
      already: this.already,
      skipped: {
        empty: skipped(this.skipped.empty),
        expired: skipped(this.skipped.expired),
        undated: skipped(this.skipped.undated),
        erased: skipped(this.skipped.erased),
      },
      overLimit: this.overLimit,
      problemCount: this.problemCount,
      problems: this.problems,
      comparison: this.comparison,
    };
  }

  private key(rowId: string): string {
    const key = `${this.prefix}${rowId}`;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a key may not have (rule 11)
    if (key.length <= keyLengthMax && !/[\u0000-\u001f\u007f-\u009f]/.test(key)) return key;
    return `${this.prefix}${createHash("sha256").update(rowId).digest("hex")}`;
  }

  /** Who has a wallet, what this source was already worth there, and who was erased. */
  private async ledger(userIds: readonly string[]) {
    const asked = "(select value from jsonb_array_elements_text($1::text::jsonb) as asked (value))";
    const users = JSON.stringify(userIds);
    const wallets = await this.database.query(
      `select user_id from credits.wallet where user_id in ${asked}`,
      [users],
    );
    // From the prefix up to its end: ';' follows ':'.
    const rows = await this.database.query(
      `select user_id, key, coalesce(amount_asked, amount)::text as units from credits.transaction
       where user_id in ${asked} and key >= $2::text and key < $3::text`,
      [users, `key:${this.prefix}`, `key:${this.prefix.slice(0, -1)};`],
    );
    const granted = new Map<string, Map<string, number>>();
    for (const row of rows) {
      const userId = String(row.user_id);
      const mine = granted.get(userId) ?? new Map<string, number>();
      granted.set(userId, mine.set(String(row.key).slice("key:".length), Number(row.units)));
    }
    const erased = await this.database.query(
      `select value as user_id from jsonb_array_elements_text($1::text::jsonb) as asked (value)
       join credits.erased_user on erased_user.user_hash = sha256(convert_to(value, 'UTF8'))`,
      [users],
    );
    const ids = (found: readonly Row[]) => new Set(found.map((row) => String(row.user_id)));
    return { wallets: ids(wallets), granted, erased: ids(erased) };
  }
}

/** What the ledger says about one row; anything else ends the run, which the next one takes up. */
const refusals = new Set<string>([
  "IDEMPOTENCY_CONFLICT",
  "INVALID_ARGUMENT",
  "INVALID_AMOUNT",
  "BALANCE_OVERFLOW",
]);
