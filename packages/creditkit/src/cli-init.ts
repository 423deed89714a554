import type { ParseArgsConfig } from "node:util";
import { invalidArgument } from "./core/errors.ts";
import { type InitReport, initApp } from "./init-run.ts";
import { paymentProviders } from "./init-template.ts";

export const initUsage = `Options of init (no database is needed):
  --payments NAME          stripe (default), creem or none
  --database-module NAME   what exports Drizzle's db, as the app imports it, such as @/db; default: looked for
  --dry-run                say what would be written, and write nothing`;

export const initOptions = {
  payments: { type: "string" },
  "database-module": { type: "string" },
} as const satisfies ParseArgsConfig["options"];

/** Runs `creditkit init` in a directory. */
export function reportInit(
  directory: string,
  flags: { payments?: string; "database-module"?: string; "dry-run"?: boolean },
) {
  const payments = paymentProviders.find((name) => name === (flags.payments ?? "stripe"));
  if (payments === undefined) throw invalidArgument("--payments", `one of ${paymentProviders.join(", ")}`);
  const databaseModule = flags["database-module"];
  const isDryRun = flags["dry-run"] === true;
  const report = initApp({
    directory,
    payments,
    isDryRun,
    ...(databaseModule === undefined ? {} : { databaseModule }),
  });
  return { json: report, text: textOf(report, isDryRun), exitCode: 0 as const };
}

const words = { written: "wrote    ", unchanged: "unchanged", left: "left     " };

function textOf({ files, databaseModule, environment, packages }: InitReport, isDryRun: boolean): string {
  const lines = files.map(({ path, outcome }) => {
    const word = isDryRun && outcome === "written" ? "would write" : words[outcome];
    return `${word} ${path}${outcome === "left" ? " (it is yours; what belongs there is below)" : ""}`;
  });
  const left = files.filter(({ outcome }) => outcome === "left");
  return [
    ...lines,
    "",
    databaseModule === null
      ? "Database: a pool of its own on DATABASE_URL. No module with Drizzle on node-postgres or PGlite was found; --database-module names one."
      : `Database: db of ${databaseModule}`,
    "",
    "Next:",
    `  1. Have these packages: ${packages.join(", ")}`,
    `  2. Set ${environment.join(", ")} (CRON_SECRET: 16 characters or more)`,
    "  3. Make the ledger's tables: npx creditkit migrate",
    "  4. Call /api/jobs/credits/grant and /api/jobs/credits/expire once a day, with Authorization: Bearer $CRON_SECRET",
    "  5. Spend: consumeCreditsForService of credits/actions, in a route or a server action of yours",
    ...left.flatMap(({ path, content }) => ["", `--- ${path} ---`, content.trimEnd()]),
  ].join("\n");
}
