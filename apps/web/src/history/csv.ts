import type { StatementEntry } from "creditkit";

/** Stable names: scripts read them. */
const columns = [
  "number",
  "date",
  "type",
  "credits",
  "balance_after",
  "service",
  "description",
  "plan",
  "period",
  "package",
  "purchase",
  "reverses",
  "id",
] as const;

/** A byte order mark, without which Excel takes UTF-8 for something else, and the names of the columns. */
export const csvHead = `\uFEFF${columns.join(",")}\r\n`;

/** One line of RFC 4180. Instants are ISO 8601 in UTC. */
export function csvLine(entry: StatementEntry): string {
  const cells: Record<(typeof columns)[number], string | number | null> = {
    number: entry.sequence,
    date: entry.createdAt.toISOString(),
    type: entry.type,
    credits: entry.amount,
    balance_after: entry.availableAfter,
    service: entry.service,
    description: entry.description,
    plan: entry.sourcePlan,
    period: entry.grantPeriod,
    package: entry.packageId,
    purchase: entry.purchaseId,
    reverses: entry.reverses,
    id: entry.id,
  };
  return `${columns.map((column) => csvCell(cells[column])).join(",")}\r\n`;
}

function csvCell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = isFormula(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What a spreadsheet would run: https://owasp.org/www-community/attacks/CSV_Injection */
function isFormula(text: string): boolean {
  return /^[\s]*[=+\-@\t\r＝＋－＠]/.test(text);
}
