import type { ParseArgsConfig } from "node:util";
import type { Database } from "./core/database.ts";
import { invalidArgument } from "./core/errors.ts";
import { type ImportReport, importCredits } from "./import-run.ts";
import { type ImportSource, importPresets } from "./import-source.ts";
import type { Credits } from "./index.ts";

export const importUsage = `Options of import:
  --preset NAME            a starter kit's tables: ${Object.keys(importPresets).join(", ")}
  --table NAME             table or schema.table
  --id-column NAME         what names a row for ever: the user's id, where each user has one row
  --user-column NAME       whose credits they are, where a user has several rows
  --credits-column NAME    what is left of them
  --expires-column NAME    when they end
  --existing add           import users too who have a wallet already
  --dry-run                read and judge everything, and write nothing`;

export const importOptions = {
  preset: { type: "string" },
  table: { type: "string" },
  "id-column": { type: "string" },
  "user-column": { type: "string" },
  "credits-column": { type: "string" },
  "expires-column": { type: "string" },
  existing: { type: "string" },
  "dry-run": { type: "boolean" },
} as const satisfies ParseArgsConfig["options"];

export type ImportFlags = { [Name in keyof typeof importOptions]?: string | boolean | undefined };

/** Runs `creditkit import`: 0, or 1 when somebody has to look at something. */
export async function reportImport(credits: Credits, database: Database, flags: ImportFlags) {
  const { existing } = flags;
  if (existing !== undefined && existing !== "add") throw invalidArgument("--existing", "add");
  const report = await importCredits({
    credits,
    database,
    source: sourceOf(flags),
    isDryRun: flags["dry-run"] === true,
    addToWallets: existing === "add",
  });
  const isClean = report.problemCount === 0 && (report.comparison?.differing ?? 0) === 0;
  return { json: report, text: textOf(report), exitCode: isClean ? (0 as const) : (1 as const) };
}

/** The source that the options describe. */
export function sourceOf(flags: ImportFlags): ImportSource {
  const text = (name: keyof ImportFlags) => (typeof flags[name] === "string" ? flags[name] : undefined);
  const table = text("table");
  const preset = text("preset");
  if (preset !== undefined) {
    if (!Object.hasOwn(importPresets, preset))
      throw invalidArgument("--preset", `one of ${Object.keys(importPresets).join(", ")}`);
    const columns = ["id-column", "user-column", "credits-column", "expires-column"] as const;
    const stray = columns.find((name) => flags[name] !== undefined);
    if (stray !== undefined)
      throw invalidArgument(`--${stray}`, "nothing beside --preset, which names the columns");
    const known: ImportSource = importPresets[preset as keyof typeof importPresets];
    return table === undefined ? known : { ...known, table };
  }
  if (table === undefined) throw invalidArgument("--table", "the table with the credits, or --preset");
  const id = text("id-column");
  const creditsColumn = text("credits-column");
  const expiresColumn = text("expires-column");
  if (id === undefined) throw invalidArgument("--id-column", "the column that names a row");
  if (creditsColumn === undefined) throw invalidArgument("--credits-column", "the column with what is left");
  return {
    table,
    creditsColumn,
    userColumn: text("user-column") ?? id,
    rowColumn: id,
    ...(expiresColumn === undefined ? {} : { expiresColumn }),
  };
}

function textOf(report: ImportReport): string {
  const { isDryRun, comparison, skipped, problems, problemCount } = report;
  const verb = isDryRun ? "would be imported" : "imported";
  const lines = [
    `${report.source}: ${report.usersRead} users read`,
    `${verb}: ${report.credits} credits in ${report.batches} batches of ${report.users} users, ${report.already} of the batches by an earlier run`,
    ...Object.entries(skipped)
      .filter(([, { rows }]) => rows > 0)
      .map(([reason, { rows, credits }]) => `skipped as ${reason}: ${rows} rows, ${credits} credits`),
  ];
  if (report.overLimit > 0)
    lines.push(`above maxUserBalance: ${report.overLimit} users; they get all that they had`);
  if (problemCount > 0) {
    lines.push(
      `not imported: ${problemCount} problems${problemCount > problems.length ? ", the first of them:" : ":"}`,
    );
    for (const { userId, rowId, reason } of problems)
      lines.push(`  user ${JSON.stringify(userId)}, row ${JSON.stringify(rowId)}: ${reason}`);
  }
  if (comparison !== null) {
    const equal = comparison.users - comparison.differing;
    lines.push(`compared: ${equal} of ${comparison.users} users have in the ledger what the source says`);
    for (const { userId, source, ledger } of comparison.first)
      lines.push(`  user ${JSON.stringify(userId)}: source ${source}, ledger ${ledger}`);
  }
  return lines.join("\n");
}
