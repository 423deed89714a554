import type { ResolvedConfig } from "./config.ts";
import type { Connection, Database } from "./database.ts";
import { requireDecimals } from "./engine.ts";
import { engines, functions, migrations, release, type SqlFile } from "./sql.generated.ts";

/** What `migrate` did. */
export interface MigrateResult {
  /** Names of the migrations and functions it applied; empty when the database was current. */
  applied: string[];
}

/** Key of the advisory lock that migrations hold: the bytes of "credits". */
const lockKey = "27993001369790579";

const historyTable = `create table credits.migration (
  name text primary key,
  hash text not null,
  applied_at timestamptz not null default date_trunc('milliseconds', clock_timestamp())
)`;

/**
 * Brings the schema `credits` to this version, in one transaction under an advisory lock: safe when many processes
 * start at once, nothing half done. Functions are re-applied when their text changed. With `sharded`, what was applied is
 * distributed in the same transaction.
 * @throws `INVALID_CONFIG` when `decimals` differs from what the first migration fixed.
 */
export async function migrate(
  database: Database,
  config: ResolvedConfig,
  { sharded = false } = {},
): Promise<MigrateResult> {
  return database.transaction(async (connection) => {
    await connection.query(`select pg_advisory_xact_lock(${lockKey})`, []);
    const history = await readHistory(connection);
    // A newer release has been here: its functions serve this one, ours would take its own from it. During a
    // rolling deployment both start in any order.
    const pending = isOlder(release, history.get(releaseName)) ? [] : pendingFiles(history);
    if (pending.length > 0) {
      const distribution = sharded ? await distributionOf(connection) : [];
      for (const statement of prepare) await connection.query(statement, []);
      for (const { name, file } of pending) await apply(connection, name, file);
      await record(connection, releaseName, release);
      for (const statement of distribution) await connection.query(statement, []);
    }
    await fixDecimals(connection, config.decimals);
    return { applied: pending.map(({ name }) => name) };
  });
}

/** What distributes the schema over the cluster that this database belongs to; nothing where it is no cluster's. */
async function distributionOf(connection: Connection): Promise<string[]> {
  const [found] = await connection.query("select from pg_extension where extname = 'citus'", []);
  if (found === undefined) return [];
  const citus = engines.find(({ name }) => name === "citus");
  // This transaction is the one that it would begin.
  return (citus?.statements ?? []).filter((statement) => !/(^|\n)(begin|commit)$/.test(statement));
}

/** The row of the history that says which release has been here last. */
const releaseName = "release";

/** Whether a version is older than what is installed, number by number. */
function isOlder(version: string, installed = "0"): boolean {
  const [ours, theirs] = [version, installed].map((text) => text.split(/[.-]/).map(Number));
  const difference = [0, 1, 2]
    .map((index) => (ours?.[index] ?? 0) - (theirs?.[index] ?? 0))
    .find((part) => part !== 0);
  return (difference ?? 0) < 0;
}

/** The same as plain SQL for an empty database, for people with a migration tool of their own. */
export function migrationScript(config: ResolvedConfig): string {
  const statements = [
    "begin",
    `select pg_advisory_xact_lock(${lockKey})`,
    "create schema credits",
    historyTable,
    ...prepare,
    ...pendingFiles(new Map()).flatMap(({ name, file }) => [
      ...file.statements,
      `insert into credits.migration (name, hash) values ('${name}', '${file.hash}')`,
    ]),
    `insert into credits.migration (name, hash) values ('${releaseName}', '${release}')`,
    `insert into credits.installation (decimals) values (${config.decimals})`,
    "commit",
  ];
  return `${statements.join(";\n\n")};\n`;
}

// Functions name each other in any order. The messages of a first run ("does not exist, skipping") help nobody.
const prepare = ["set local check_function_bodies = off", "set local client_min_messages = warning"];

async function readHistory(connection: Connection): Promise<Map<string, string>> {
  // Asked, not "create … if not exists": that needs the right to create even where nothing is missing.
  const [found] = await connection.query(
    "select to_regnamespace('credits') is not null as schema, to_regclass('credits.migration') is not null as history",
    [],
  );
  if (found?.schema !== true) await connection.query("create schema credits", []);
  if (found?.history !== true) {
    await connection.query(historyTable, []);
    return new Map();
  }
  const rows = await connection.query("select name, hash from credits.migration", []);
  return new Map(rows.map((row) => [String(row.name), String(row.hash)]));
}

interface PendingFile {
  name: string;
  file: SqlFile;
}

function pendingFiles(history: ReadonlyMap<string, string>): PendingFile[] {
  return [
    ...migrations.filter((file) => !history.has(file.name)).map((file) => ({ name: file.name, file })),
    ...functions
      .map((file) => ({ name: `function:${file.name}`, file }))
      .filter(({ name, file }) => history.get(name) !== file.hash),
  ];
}

async function apply(connection: Connection, name: string, file: SqlFile): Promise<void> {
  for (const statement of file.statements) await connection.query(statement, []);
  await record(connection, name, file.hash);
}

async function record(connection: Connection, name: string, hash: string): Promise<void> {
  await connection.query(
    `insert into credits.migration (name, hash) values ($1, $2)
     on conflict (name) do update set hash = excluded.hash, applied_at = excluded.applied_at`,
    [name, hash],
  );
}

async function fixDecimals(connection: Connection, decimals: number): Promise<void> {
  const [installed] = await connection.query(
    "select decimals::text as decimals from credits.installation",
    [],
  );
  if (installed !== undefined) return requireDecimals(decimals, Number(installed.decimals));
  await connection.query("insert into credits.installation (decimals) values ($1::text::smallint)", [
    String(decimals),
  ]);
}
