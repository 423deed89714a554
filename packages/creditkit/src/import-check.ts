import { unitsOf } from "./core/amount.ts";
import { parseId } from "./core/argument.ts";
import type { SourceRow } from "./import-source.ts";

/** Why a row has nothing to import; no fault. */
export type SkipReason = "empty" | "expired" | "undated" | "erased";

/** Something that is not imported and that somebody has to look at. */
export interface ImportProblem {
  userId: string | null;
  rowId: string;
  reason: string;
}

/** One grant to make. Units. */
export interface ImportRow {
  userId: string;
  rowId: string;
  units: number;
  expiresAt: Date | null;
}

/** One user's rows, judged. */
export interface Judged {
  accepted: ImportRow[];
  /** They were worth something and are over: what an earlier run granted of them still counts in the comparison. */
  expired: ImportRow[];
  skipped: { reason: SkipReason; units: number }[];
  problems: ImportProblem[];
}

export interface CheckRules {
  decimals: number;
  /** Credits. */
  amountMax: number;
  isJournal: boolean;
  /** What the app shows the user; undefined: it is kept nowhere else. */
  balance?: string | undefined;
}

/** Judges the rows of one user. Pure. */
export function judge(userId: string, rows: readonly SourceRow[], rules: CheckRules): Judged {
  const judged: Judged = { accepted: [], expired: [], skipped: [], problems: [] };
  const problem = (row: { rowId: string }, reason: string) =>
    judged.problems.push({ userId, rowId: row.rowId, reason });
  if (!isUserId(userId)) {
    problem(
      { rowId: rows[0]?.rowId ?? "" },
      "the user id is not 1–255 characters without control characters",
    );
    return judged;
  }
  const times = new Map<string, number>();
  for (const { rowId } of rows) if (rowId !== null) times.set(rowId, (times.get(rowId) ?? 0) + 1);
  let readable: ImportRow[] = [];
  const isOver = new Set<ImportRow>();
  for (const row of rows) {
    const { rowId } = row;
    if (rowId === null) {
      problem({ rowId: "" }, "the row has no id");
      continue;
    }
    if (times.get(rowId) !== 1) {
      problem({ rowId }, "the same id is there several times");
      continue;
    }
    const units = row.credits === null ? 0 : readUnits(row.credits, rules.decimals);
    if (typeof units === "string") problem({ rowId }, units);
    else {
      const read = { userId, rowId, units, expiresAt: row.expiresAt };
      readable.push(read);
      if (row.isExpired) isOver.add(read);
    }
  }
  if (rules.isJournal) readable = settleJournal(readable, isOver, judged);
  for (const row of readable) {
    if (row.units === 0) judged.skipped.push({ reason: "empty", units: 0 });
    else if (isOver.has(row)) {
      judged.skipped.push({ reason: "expired", units: Math.max(0, row.units) });
      if (row.units > 0) judged.expired.push(row);
    } else if (row.units < 0) problem(row, `negative: ${row.units / 10 ** rules.decimals}`);
    else if (row.units > rules.amountMax * 10 ** rules.decimals) problem(row, `more than ${rules.amountMax}`);
    else judged.accepted.push(row);
  }
  return balanced(userId, judged, rules);
}

/** Where the app shows another balance than its batches have, nobody but its owner can say which is true. */
function balanced(userId: string, judged: Judged, { balance, decimals }: CheckRules): Judged {
  if (balance === undefined || judged.problems.length > 0) return judged;
  const shown = readUnits(balance, decimals);
  const open = total(judged.accepted);
  // Kits book an expiration when a job runs: until then the balance they show still has it.
  if (shown === open || shown === open + total(judged.expired)) return judged;
  const reason = `the balance says ${shortened(balance)}, the open batches ${open / 10 ** decimals}`;
  return {
    ...judged,
    accepted: [],
    problems: [{ userId, rowId: judged.accepted[0]?.rowId ?? userId, reason }],
  };
}

/** Judges rows instead, all of them, with one reason: nothing of them is imported. */
export function refuse(judged: Judged, userId: string, rowId: string, reason: string): Judged {
  return { ...judged, accepted: [], problems: [...judged.problems, { userId, rowId, reason }] };
}

/** What is left of somebody who was erased: nothing is granted again, and nobody has to look at it. */
export function forgotten({ accepted, skipped }: Judged): Judged {
  const left = accepted.map(({ units }) => ({ reason: "erased" as const, units }));
  return { accepted: [], expired: [], skipped: [...skipped, ...left], problems: [] };
}

export function total(rows: readonly ImportRow[]): number {
  return rows.reduce((sum, row) => sum + row.units, 0);
}

/** Takes what was spent beyond its own batch from the batch that ends first, as the spend would have. */
function settleJournal(rows: ImportRow[], isOver: ReadonlySet<ImportRow>, judged: Judged): ImportRow[] {
  const dated = rows.filter((row) => row.expiresAt !== null);
  for (const row of rows)
    if (row.expiresAt === null)
      judged.skipped.push({ reason: row.units === 0 ? "empty" : "undated", units: Math.max(0, row.units) });
  const live = dated.filter((row) => !isOver.has(row));
  let owed = live.reduce((sum, row) => sum + Math.max(0, -row.units), 0);
  const settled = live
    .filter((row) => row.units >= 0)
    .sort((one, other) => Number(one.expiresAt) - Number(other.expiresAt))
    .map((row) => {
      const taken = Math.min(owed, row.units);
      owed -= taken;
      return { ...row, units: row.units - taken };
    });
  const overdrawn = live.find((row) => row.units < 0);
  const debt = owed > 0 && overdrawn !== undefined ? [{ ...overdrawn, units: -owed }] : [];
  return [...settled, ...debt, ...dated.filter((row) => isOver.has(row))];
}

/** Units, or what is wrong with the text. */
function readUnits(text: string, decimals: number): number | string {
  const [, whole = "", fraction = ""] = /^(-?\d+)(?:\.(\d+))?$/.exec(text.trim()) ?? [];
  if (whole === "") return `not a number: ${shortened(text)}`;
  // By digits: as a double, a fraction that is too small would round away unseen.
  if (fraction.replace(/0+$/, "").length > decimals)
    return `a fraction: ${shortened(text)} has more than ${decimals} decimals`;
  return unitsOf(Number(text), decimals) ?? `too large: ${shortened(text)}`;
}

/** For a report on a terminal: neither a hundred thousand digits nor what steers it. */
function shortened(text: string): string {
  const length = 40;
  const shown = text.length > length ? `${text.slice(0, length)}…` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get out
  return shown.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}

function isUserId(userId: string): boolean {
  try {
    return parseId("userId", userId) === userId;
  } catch {
    return false;
  }
}
