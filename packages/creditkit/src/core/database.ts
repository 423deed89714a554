import { CreditsError } from "./errors.ts";

/** One row, by column name. */
export type Row = Record<string, unknown>;

/** Something that runs one SQL statement with `$1` parameters. */
export interface Connection {
  query(text: string, parameters: readonly unknown[]): Promise<Row[]>;
}

/** What the engine needs of a database. `creditkit/pg`, `/pglite` and `/drizzle` make one. */
export interface Database extends Connection {
  /** True for a host's transaction: nothing is retried in it, since a failed statement ended it. */
  readonly inTransaction: boolean;
  /** Runs work on one connection, in one READ COMMITTED transaction. */
  transaction<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result>;
}

/** The shape that a pg client, a PGlite transaction and a Drizzle transaction share pairwise; no driver is imported. */
interface QueryShape {
  query(text: string, parameters: unknown[]): Promise<{ rows: unknown[] }>;
}
interface ExecuteShape {
  execute(query: { getSQL(): unknown }): PromiseLike<{ rows: unknown[] }>;
}

/** Anything that `using` accepts: a transaction of pg, PGlite or Drizzle, or a `Database` made of one. */
export type HostTransaction = object;

/**
 * A connection over a pg client or pool, a PGlite instance or transaction, or a Drizzle database or transaction.
 * @throws `INVALID_ARGUMENT` for anything else.
 */
export function connectionOf(driver: object): Connection {
  if (typeof driver !== "object" || driver === null) return connectionOf({});
  if (isQueryShape(driver)) {
    return { query: async (text, parameters) => (await driver.query(text, [...parameters])).rows as Row[] };
  }
  if (isExecuteShape(driver)) {
    return {
      // Drizzle asks its statement for SQL and parameters; ours are ready, so that nothing of Drizzle is needed here.
      query: async (text, parameters) => {
        const statement = { toQuery: () => ({ sql: text, params: [...parameters] }) };
        return (await driver.execute({ getSQL: () => statement })).rows as Row[];
      },
    };
  }
  throw new CreditsError(
    "INVALID_ARGUMENT",
    "Invalid database: expected a pg pool or client, a PGlite instance, a Drizzle database, or a transaction of one",
    { field: "database" },
  );
}

function isQueryShape(driver: object): driver is QueryShape {
  return "query" in driver && typeof driver.query === "function";
}

function isExecuteShape(driver: object): driver is ExecuteShape {
  return "execute" in driver && typeof driver.execute === "function";
}

export function isDatabase(value: unknown): value is Database {
  return typeof value === "object" && value !== null && "inTransaction" in value && "transaction" in value;
}

/**
 * A host's transaction as a `Database`: the host began it and ends it.
 * @throws `INVALID_ARGUMENT` for what commits each statement by itself: it would stay when the host rolls back.
 */
export function hostTransaction(transaction: HostTransaction): Database {
  if (typeof transaction === "object" && transaction !== null && commitsByItself(transaction)) {
    throw new CreditsError(
      "INVALID_ARGUMENT",
      "Invalid transaction: expected a transaction that the host began, not the database itself",
      { field: "transaction" },
    );
  }
  const connection = isDatabase(transaction) ? transaction : connectionOf(transaction);
  return {
    inTransaction: true,
    query: (text, parameters) => connection.query(text, parameters),
    transaction: (work) => work(connection),
  };
}

/** A pg.Pool counts its clients, a PGlite begins transactions, a Drizzle transaction alone can be rolled back. */
function commitsByItself(driver: object): boolean {
  if (isDatabase(driver)) return !driver.inTransaction;
  if (isQueryShape(driver)) return "totalCount" in driver || "transaction" in driver;
  return isExecuteShape(driver) && !("rollback" in driver);
}

/** Why a statement failed, as far as it decides what to do next. */
export type FailureKind = "serialization" | "deadlock" | "connection" | "not_migrated" | "other";

// SQLSTATEs: PostgreSQL documentation, appendix A.
const connectionStates = new Set(["57P01", "57P02", "57P03", "57P05", "53300", "25006", "25P03"]);
const missingStates = new Set(["3F000", "42P01", "42883"]);
const networkCodes = new Set([
  "ECONNABORTED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
]);
// pg gives these no code. https://github.com/brianc/node-postgres: packages/pg/lib/client.js, packages/pg-pool/index.js
const lostMessages = [
  "Connection terminated",
  "Client has encountered a connection error",
  "Client was closed",
  // The pool's query_timeout: the statement may still be running, and may commit.
  "Query read timeout",
  "timeout exceeded when trying to connect",
];

/** Classifies an error by SQLSTATE or network code, through the wrappers that Drizzle and others put around it. */
export function failureKind(error: unknown): FailureKind {
  for (const cause of causes(error)) {
    const code = codeOf(cause);
    if (code === "40001") return "serialization";
    if (code === "40P01") return "deadlock";
    if (connectionStates.has(code) || networkCodes.has(code) || /^08...$/.test(code)) return "connection";
    if (missingStates.has(code)) return "not_migrated";
    const message = "message" in cause && typeof cause.message === "string" ? cause.message : "";
    if (code === "" && lostMessages.some((lost) => message.startsWith(lost))) return "connection";
  }
  return "other";
}

/** The SQLSTATE or network code of an error: the only part of a driver's error that holds no SQL and no values. */
export function failureCode(error: unknown): string | undefined {
  for (const cause of causes(error)) {
    const code = codeOf(cause);
    if (/^([0-9FHPX][0-9A-Z]{4}|E[A-Z_]{3,30})$/.test(code)) return code;
  }
  return undefined;
}

function* causes(error: unknown): Generator<object> {
  for (let cause = error, depth = 0; typeof cause === "object" && cause !== null && depth < 5; depth++) {
    yield cause;
    cause = "cause" in cause ? cause.cause : undefined;
  }
}

function codeOf(cause: object): string {
  return "code" in cause && typeof cause.code === "string" ? cause.code : "";
}
