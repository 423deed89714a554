// Writes src/core/sql.generated.ts from sql/: bundlers move code away from files beside it, so the SQL travels
// as a module. Each file becomes its statements, because PGlite and Drizzle run one statement at a time.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Splits at semicolons that end a statement: not those inside $$ … $$, a 'string' or a -- comment. */
export function statementsOf(text) {
  const statements = [];
  let start = 0;
  const token = /\$\$[\s\S]*?\$\$|'(?:[^']|'')*'|--[^\n]*|;/g;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if (match[0] !== ";") continue;
    statements.push(text.slice(start, match.index).trim());
    start = match.index + 1;
  }
  const rest = text
    .slice(start)
    .replace(/--[^\n]*/g, "")
    .trim();
  if (rest !== "") throw new Error(`A statement does not end with a semicolon: ${rest.slice(0, 60)}`);
  return statements;
}

function filesOf(folder) {
  return readdirSync(join(root, "sql", folder))
    .filter((name) => name.endsWith(".sql"))
    .sort()
    .map((name) => {
      const text = readFileSync(join(root, "sql", folder, name), "utf8");
      return {
        name: name.replace(/\.sql$/, ""),
        hash: createHash("sha256").update(text).digest("hex"),
        statements: statementsOf(text),
      };
    });
}

const header = "// Written by scripts/embed-sql.mjs from sql/. Do not edit.\n";
const body = ["migrations", "functions", "engines"].map(
  (folder) => `export const ${folder}: readonly SqlFile[] = ${JSON.stringify(filesOf(folder), null, 2)};\n`,
);
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const release = `export const release = "${version}";\n`;
const type =
  "export interface SqlFile {\n  name: string;\n  hash: string;\n  statements: readonly string[];\n}\n";
writeFileSync(join(root, "src/core/sql.generated.ts"), [header, release, type, ...body].join("\n"));
