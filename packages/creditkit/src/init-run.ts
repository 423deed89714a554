import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { invalidArgument } from "./core/errors.ts";
import {
  actionsTemplate,
  configTemplate,
  jobTemplate,
  type Names,
  type Payments,
  paymentsTemplate,
  serverTemplate,
  webhookTemplate,
} from "./init-template.ts";

export interface InitOptions {
  /** The app's root, with its `tsconfig.json`. */
  directory: string;
  payments: Payments;
  /** The module that exports Drizzle's `db`, as the app imports it. Default: looked for. */
  databaseModule?: string;
  /** Writes nothing. */
  isDryRun?: boolean;
}

export interface InitReport {
  files: {
    /** From the app's root. */
    path: string;
    /** `left`: another file is there; nothing is ever overwritten. */
    outcome: "written" | "unchanged" | "left";
    content: string;
  }[];
  /** Null: the ledger opens a pool of its own. */
  databaseModule: string | null;
  environment: string[];
  packages: string[];
}

/**
 * Writes Creditkit's files into a Next.js App Router app, and overwrites none.
 * @throws `INVALID_ARGUMENT` where there is no such app.
 */
export function initApp({ directory, payments, databaseModule, isDryRun = false }: InitOptions): InitReport {
  const base = ["src/", ""].find((folder) => existsSync(join(directory, folder, "app")));
  if (base === undefined)
    throw invalidArgument("directory", "a Next.js app with the App Router: neither app nor src/app is here");
  const aliases = readAliases(directory);
  const database = databaseModule ?? findDatabase(directory, base, aliases);
  if (database !== null && /["'\\\n]/.test(database))
    throw invalidArgument("--database-module", "the name of a module");
  const place = {
    config: `${base}config/credits`,
    server: `${base}credits/server`,
    actions: `${base}credits/actions`,
    payments: `${base}credits/payments`,
  };
  const namesIn = (path: string): Names => ({
    config: specifier(path, place.config, aliases),
    server: specifier(path, place.server, aliases),
    actions: specifier(path, place.actions, aliases),
    payments: specifier(path, place.payments, aliases),
    database: database?.startsWith("./") ? specifier(path, posix.normalize(database), aliases) : database,
  });
  const templates: [path: string, template: (names: Names) => string][] = [
    [`${place.config}.ts`, configTemplate],
    [`${place.server}.ts`, serverTemplate],
    [`${place.actions}.ts`, actionsTemplate],
    [`${base}app/api/jobs/credits/grant/route.ts`, (names) => jobTemplate("grant", names)],
    [`${base}app/api/jobs/credits/expire/route.ts`, (names) => jobTemplate("expire", names)],
  ];
  if (payments !== "none")
    templates.push(
      [`${place.payments}.ts`, (names) => paymentsTemplate(payments, names)],
      [`${base}app/api/webhooks/${payments}/route.ts`, webhookTemplate],
    );
  return {
    files: templates.map(([path, template]) => {
      const content = template(namesIn(path));
      return { path, content, outcome: write(join(directory, path), content, isDryRun) };
    }),
    databaseModule: database,
    environment: [
      "DATABASE_URL",
      "CRON_SECRET",
      ...(payments === "stripe" ? ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"] : []),
      ...(payments === "creem" ? ["CREEM_API_KEY", "CREEM_WEBHOOK_SECRET"] : []),
      ...(payments === "none"
        ? []
        : ["CREDIT_LITE_PRICE_ID", "CREDIT_STANDARD_PRICE_ID", "NEXT_PUBLIC_PRICE_ID_PRO_MONTHLY"]),
    ],
    packages: [
      "creditkit",
      "server-only",
      ...(payments === "stripe" ? ["stripe"] : []),
      ...(database === null ? ["pg"] : []),
    ],
  };
}

function write(file: string, content: string, isDryRun: boolean): "written" | "unchanged" | "left" {
  if (existsSync(file)) return readFileSync(file, "utf8") === content ? "unchanged" : "left";
  if (!isDryRun) {
    mkdirSync(dirname(file), { recursive: true });
    // `wx`: a file that came meanwhile is not overwritten either.
    writeFileSync(file, content, { flag: "wx" });
  }
  return "written";
}

/** `prefix` stands for `folder`, which is "" or ends in a slash. */
interface Alias {
  prefix: string;
  folder: string;
}

function readAliases(directory: string): Alias[] {
  const file = join(directory, "tsconfig.json");
  if (!existsSync(file))
    throw invalidArgument("directory", "a TypeScript app: there is no tsconfig.json here");
  const options = parseJsonWithComments(readFileSync(file, "utf8"))?.compilerOptions ?? {};
  const { baseUrl = ".", paths = {} } = options;
  return Object.entries(paths).flatMap(([name, targets]) => {
    const [target] = targets;
    if (!name.endsWith("/*") || target === undefined || !target.endsWith("/*")) return [];
    const folder = posix.join(baseUrl, target.slice(0, -1));
    return folder.startsWith("..")
      ? []
      : [{ prefix: name.slice(0, -1), folder: folder === "./" ? "" : folder }];
  });
}

interface TsConfig {
  compilerOptions?: { baseUrl?: string; paths?: Record<string, string[]> };
}

function parseJsonWithComments(text: string): TsConfig | null {
  // A string is kept as it is; what is outside of one may be a comment or a comma too many.
  const plain = text
    .replace(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_all, string) => string ?? "")
    .replace(/("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g, (_all, string) => string ?? "");
  try {
    return JSON.parse(plain);
  } catch {
    throw invalidArgument("tsconfig.json", "JSON with comments");
  }
}

/** How one file of the app names another: by an alias, else by the way there. */
function specifier(from: string, to: string, aliases: readonly Alias[]): string {
  const alias = aliases
    .filter(({ folder }) => to.startsWith(folder))
    .sort((one, other) => other.folder.length - one.folder.length)[0];
  if (alias !== undefined) return `${alias.prefix}${to.slice(alias.folder.length)}`;
  const way = posix.relative(posix.dirname(from), to);
  return way.startsWith(".") ? way : `./${way}`;
}

const databasePlaces = ["db", "database", "lib/db", "lib/database", "server/db", "lib/drizzle", "drizzle"];

/** The module with a Drizzle database that Creditkit can use; null: none was found. */
function findDatabase(directory: string, base: string, aliases: readonly Alias[]): string | null {
  for (const folder of new Set([base, ""])) {
    for (const place of databasePlaces) {
      for (const file of [`${folder}${place}.ts`, `${folder}${place}/index.ts`]) {
        if (!existsSync(join(directory, file))) continue;
        const text = readFileSync(join(directory, file), "utf8");
        const isUsable = /drizzle-orm\/(node-postgres|pglite)["']/.test(text);
        if (!isUsable || !/export const db\b|export \{[^}]*\bdb\b/.test(text)) continue;
        const module = `${folder}${place}`;
        const alias = specifier("", module, aliases);
        return alias.startsWith("./") ? `./${module}` : alias;
      }
    }
  }
  return null;
}
