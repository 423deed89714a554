import type { Database, Row } from "./core/database.ts";
import { invalidArgument } from "./core/errors.ts";

/** Where an app keeps its credits today. Names are as the database spells them. */
export interface ImportSource {
  /** `table` or `schema.table`. */
  table: string;
  /** Whose credits a row has. */
  userColumn: string;
  /** What is left of them. */
  creditsColumn: string;
  /** What names a row for ever; omitted: one row per user. */
  rowColumn?: string;
  /** When they end: a timestamp; omitted: never. One without a time zone is read as UTC, as Drizzle writes it. */
  expiresColumn?: string;
  /** Rows are movements: what is left is their sum by user and end. */
  isJournal?: boolean;
  /** SQL that picks the rows. Of a preset only, never of a user. */
  filter?: string;
  /** What the app shows its users, where it keeps that in another table. */
  balance?: { table: string; userColumn: string; creditsColumn: string };
}

/** What starter kits call their tables. */
export const importPresets = {
  // https://mksaas.com: a grant's row has what is left of it; spends and expirations are rows without.
  mksaas: {
    table: "credit_transaction",
    rowColumn: "id",
    userColumn: "user_id",
    creditsColumn: "remaining_amount",
    expiresColumn: "expiration_date",
    filter: `"remaining_amount" is not null and "expiration_date_processed_at" is null`,
    balance: { table: "user_credit", userColumn: "user_id", creditsColumn: "current_credits" },
  },
  // https://shipany.ai, first version: grants and spends are rows of one table, a spend has the end of a grant.
  shipany: {
    table: "credits",
    userColumn: "user_uuid",
    creditsColumn: "credits",
    expiresColumn: "expired_at",
    isJournal: true,
  },
  // Its second version keeps what is left beside each grant.
  "shipany-2": {
    table: "credit",
    rowColumn: "id",
    userColumn: "user_id",
    creditsColumn: "remaining_credits",
    expiresColumn: "expires_at",
    filter: `"transaction_type" = 'grant' and "status" = 'active' and "deleted_at" is null`,
  },
} as const satisfies Record<string, ImportSource>;

/** One row of the source, still unjudged. */
export interface SourceRow {
  userId: string;
  /** Null: the row has none. */
  rowId: string | null;
  /** As the database writes it; null as it is. */
  credits: string | null;
  expiresAt: Date | null;
  isExpired: boolean;
}

/** A source whose names the database knows. */
export interface OpenSource {
  /** `schema.table.column`: part of every key, so it is the same however the table was named. */
  name: string;
  isJournal: boolean;
  /** The next users in order; empty behind the last. */
  users(after: string | undefined, limit: number): Promise<string[]>;
  rows(userIds: readonly string[]): Promise<SourceRow[]>;
  /** What the app shows these users, by id; null where the source has no such table. */
  balances(userIds: readonly string[]): Promise<Map<string, string> | null>;
  /** Rows that belong to nobody, and the first of their ids. */
  orphans(): Promise<{ count: number; rowIds: string[] }>;
}

/**
 * Looks the source's names up, so that a typing error is said before anything is read.
 * @throws `INVALID_ARGUMENT` (`table`, `column`).
 */
export async function openSource(database: Database, source: ImportSource): Promise<OpenSource> {
  const table = await findTable(database, source.table);
  const user = column(table, source.userColumn);
  const credits = column(table, source.creditsColumn);
  const row = source.rowColumn === undefined ? user : column(table, source.rowColumn);
  const isJournal = source.isJournal === true;
  const ends =
    source.expiresColumn === undefined ? null : endOf(column(table, source.expiresColumn), isJournal);
  const picked = source.filter ?? "true";
  const balance = source.balance && {
    ...source.balance,
    table: await findTable(database, source.balance.table),
  };
  const asked = (type: string) =>
    `(select value::${type} from jsonb_array_elements_text($1::text::jsonb) as asked (value))`;
  const end = ends ?? "null::timestamptz";
  const fields = isJournal
    ? `${user.name}::text as user_id, 'to ' || coalesce(${milliseconds(end)}, 'never') as row_id,
       sum(${credits.name}::numeric)::text as credits`
    : `${user.name}::text as user_id, ${row.name}::text as row_id, ${credits.name}::text as credits`;
  const rowsStatement = `
    select ${fields}, ${milliseconds(end)} as expires_at, coalesce(${end} <= clock_timestamp(), false) as is_expired
    from ${table.name}
    where ${user.name} in ${asked(user.type)} and (${picked})
    ${isJournal ? `group by ${user.name}, ${end}` : ""}
    order by 1, 2`;

  return {
    name: `${table.label}.${source.creditsColumn}`,
    isJournal,
    async users(after, limit) {
      const page = ({ name, type }: Column, from: Table) => {
        const behind = after === undefined ? `${name} is not null` : `${name} > $1::text::${type}`;
        return `(select ${name} as id from ${from.name} where ${behind} group by ${name} order by ${name} limit ${limit})`;
      };
      // Whoever has a balance and no row behind it must be told of too.
      const pages = [
        page(user, table),
        ...(balance ? [page(column(balance.table, balance.userColumn), balance.table)] : []),
      ];
      const rows = await database.query(
        `select id::text as user_id from (${pages.join(" union ")}) as page order by id limit ${limit}`,
        after === undefined ? [] : [after],
      );
      return rows.map((found) => String(found.user_id));
    },
    async rows(userIds) {
      return (await database.query(rowsStatement, [JSON.stringify(userIds)])).map(sourceRow);
    },
    async balances(userIds) {
      if (balance === undefined) return null;
      const owner = column(balance.table, balance.userColumn);
      const shown = column(balance.table, balance.creditsColumn);
      const rows = await database.query(
        `select ${owner.name}::text as user_id, sum(${shown.name}::numeric)::text as credits
         from ${balance.table.name} where ${owner.name} in ${asked(owner.type)} group by 1`,
        [JSON.stringify(userIds)],
      );
      return new Map(rows.map((found) => [String(found.user_id), String(found.credits)]));
    },
    async orphans() {
      const rows = await database.query(
        `select count(*)::text as count, coalesce(to_json((array_agg(${row.name}::text))[1:5]), '[]')::text as ids
         from ${table.name} where ${user.name} is null and (${picked})`,
        [],
      );
      return { count: Number(rows[0]?.count), rowIds: JSON.parse(String(rows[0]?.ids)) };
    },
  };
}

function sourceRow(row: Row): SourceRow {
  return {
    userId: String(row.user_id),
    rowId: row.row_id === null ? null : String(row.row_id),
    credits: row.credits === null ? null : String(row.credits),
    expiresAt: row.expires_at === null ? null : new Date(Number(row.expires_at)),
    isExpired: row.is_expired === true,
  };
}

interface Table {
  /** Quoted, for SQL. */
  name: string;
  /** For people and for keys. */
  label: string;
  /** Type by column. */
  columns: Map<string, string>;
}

async function findTable(database: Database, written: string): Promise<Table> {
  const parts = identifiers(written);
  if (parts === null) throw invalidArgument("table", "table or schema.table");
  const rows = await database.query(
    `select
       namespace.nspname as schema, class.relname as name, attribute.attname as column,
       format_type(attribute.atttypid, attribute.atttypmod) as type
     from pg_class as class
     join pg_namespace as namespace on namespace.oid = class.relnamespace
     join pg_attribute as attribute on attribute.attrelid = class.oid
     where class.oid = to_regclass($1::text) and attribute.attnum > 0 and not attribute.attisdropped
     order by attribute.attnum`,
    [parts.map(quoted).join(".")],
  );
  const [first] = rows;
  if (first === undefined) throw invalidArgument("table", `a table of this database, not ${written}`);
  const names = [String(first.schema), String(first.name)];
  return {
    name: names.map(quoted).join("."),
    label: names.join("."),
    columns: new Map(rows.map((row) => [String(row.column), String(row.type)])),
  };
}

interface Column {
  /** Quoted, for SQL. */
  name: string;
  type: string;
}

function column(table: Table, name: string): Column {
  const type = table.columns.get(name);
  if (type !== undefined) return { name: quoted(name), type };
  throw invalidArgument(
    "column",
    `one of ${[...table.columns.keys()].join(", ")} of ${table.label}, not ${name}`,
  );
}

/**
 * An end as an instant cut to the millisecond (rule 1), or null: never. What is over stays over. Apps write `infinity` or a year like 9999
 * for never; in a journal, where a row without an end counts for nothing, that is the last instant that a batch can end at.
 */
function endOf({ name, type }: Column, isJournal: boolean): string {
  if (!/^(timestamp|date)/.test(type))
    throw invalidArgument("column", `a timestamp or a date for the end, not ${name} of type ${type}`);
  const instant = type.endsWith("with time zone") ? name : `(${name}::timestamp at time zone 'UTC')`;
  const never = isJournal ? "'8999-12-31 23:59:59.999Z'" : "null";
  return `case when ${instant} >= '9000-01-01Z'::timestamptz then ${never}::timestamptz
    when ${name} = '-infinity' then 'epoch'::timestamptz else date_trunc('milliseconds', ${instant}) end`;
}

function milliseconds(instant: string): string {
  return `floor(extract(epoch from ${instant}) * 1000)::bigint::text`;
}

/** `schema.table` as its one or two names; a name with a dot in it is written in double quotes. */
function identifiers(written: string): string[] | null {
  if (!/^("(?:[^"]|"")+"|[^".]+)(\.("(?:[^"]|"")+"|[^".]+))?$/.test(written)) return null;
  const parts = written.match(/"(?:[^"]|"")+"|[^".]+/g) ?? [];
  return parts.map((part) => (part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part));
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
