import type { PGlite } from "@electric-sql/pglite";
import { and, eq, gt, is, SQL, sum } from "drizzle-orm";
import { drizzle as drizzleOnPool } from "drizzle-orm/node-postgres";
import {
  getTableConfig,
  type IndexedColumn,
  type PgColumn,
  type PgDatabase,
  PgDialect,
  type PgQueryResultHKT,
  PgTable,
} from "drizzle-orm/pg-core";
import { drizzle as drizzleOnPglite } from "drizzle-orm/pglite";
import type pg from "pg";
import { beforeAll, expect, expectTypeOf, it } from "vitest";
import * as schema from "../src/adapters/drizzle.ts";
import { describeLedger, type Ledger, newUser } from "./ledger.ts";

interface Index {
  name: string;
  /** Each with its order, as in `expires_at asc nulls last`. */
  columns: string[];
  isUnique: boolean;
  where: string | null;
}

interface Table {
  name: string;
  columns: {
    name: string;
    type: string;
    isNullable: boolean;
    value: string | null;
    generated: string | null;
  }[];
  primaryKey: string[];
  uniques: { name: string; columns: string[] }[];
  indexes: Index[];
  foreignKeys: { columns: string[]; table: string; foreignColumns: string[] }[];
  /** Those that have a name of their own. */
  checks: { name: string; condition: string }[];
}

/** PostgreSQL prints an expression with its own parentheses, capitals and casts. */
function plain(expression: string): string {
  return expression
    .toLowerCase()
    .replace(/^'(.*)'::[a-z ]+$/, "$1")
    .replace(/[()]/g, "")
    .trim();
}

const byName = <Named extends { name: string }>(things: Named[]) =>
  [...things].sort((a, b) => (a.name < b.name ? -1 : 1));

const dialect = new PgDialect();
const textOf = (expression: SQL) => plain(dialect.sqlToQuery(expression).sql);

function drizzleTable(table: PgTable): Table {
  const config = getTableConfig(table);
  const names = (columns: PgColumn[]) => columns.map(({ name }) => name);
  return {
    name: `${config.schema}.${config.name}`,
    columns: config.columns.map((column) => ({
      name: column.name,
      type: column.getSQLType(),
      isNullable: !column.notNull,
      value:
        column.default === undefined
          ? null
          : is(column.default, SQL)
            ? textOf(column.default)
            : String(column.default),
      generated: column.generated === undefined ? null : textOf(column.generated.as as SQL),
    })),
    primaryKey: [
      ...names(config.columns.filter(({ primary }) => primary)),
      ...config.primaryKeys.flatMap(({ columns }) => names(columns)),
    ],
    uniques: byName(
      config.uniqueConstraints.map((unique) => ({
        name: unique.getName() ?? "",
        columns: names(unique.columns),
      })),
    ),
    indexes: byName(
      config.indexes.map(({ config: index }) => ({
        name: index.name ?? "",
        columns: (index.columns as IndexedColumn[]).map(
          ({ name, indexConfig }) => `${name} ${indexConfig.order} nulls ${indexConfig.nulls}`,
        ),
        isUnique: index.unique,
        where: index.where === undefined ? null : textOf(index.where),
      })),
    ),
    foreignKeys: config.foreignKeys.map((key) => {
      const { columns, foreignTable, foreignColumns } = key.reference();
      return {
        columns: names(columns),
        table: getTableConfig(foreignTable).name,
        foreignColumns: names(foreignColumns),
      };
    }),
    checks: byName(config.checks.map(({ name, value }) => ({ name, condition: textOf(value) }))),
  };
}

async function catalogTables(ledger: Ledger): Promise<Table[]> {
  const columnsOf = (table: string, numbers: string) =>
    `array(select attname::text from unnest(${numbers}) with ordinality as key (number, position)
       join pg_attribute on attrelid = ${table} and attnum = key.number order by key.position)`;
  const [row] = await ledger.sql<{ tables: Table[] }>(
    `select jsonb_agg(jsonb_build_object(
       'name', 'credits.' || relname,
       'columns', (
         select jsonb_agg(jsonb_build_object(
           'name', attname, 'type', format_type(atttypid, atttypmod), 'isNullable', not attnotnull,
           'value', case when attgenerated = '' then pg_get_expr(adbin, adrelid) end,
           'generated', case when attgenerated <> '' then pg_get_expr(adbin, adrelid) end
         ) order by attnum)
         from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
         where attrelid = pg_class.oid and attnum > 0 and not attisdropped
       ),
       'primaryKey', (
         select to_jsonb(${columnsOf("conrelid", "conkey")}) from pg_constraint
         where conrelid = pg_class.oid and contype = 'p'
       ),
       'uniques', coalesce((
         select jsonb_agg(jsonb_build_object('name', conname, 'columns', ${columnsOf("conrelid", "conkey")}) order by conname)
         from pg_constraint where conrelid = pg_class.oid and contype = 'u'
       ), '[]'),
       'indexes', coalesce((
         select jsonb_agg(jsonb_build_object(
           'name', indexrelid::regclass::text,
           'columns', array(
             select pg_get_indexdef(indexrelid, key.position::integer, true)
               || case when indoption[key.position - 1] & 1 = 1 then ' desc' else ' asc' end
               || case when indoption[key.position - 1] & 2 = 2 then ' nulls first' else ' nulls last' end
             from generate_series(1, indnkeyatts) as key (position) order by key.position
           ),
           'isUnique', indisunique,
           'where', pg_get_expr(indpred, indrelid)
         ) order by indexrelid::regclass::text)
         from pg_index
         where indrelid = pg_class.oid and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u'))
       ), '[]'),
       'foreignKeys', coalesce((
         select jsonb_agg(jsonb_build_object(
           'columns', ${columnsOf("conrelid", "conkey")},
           'table', (select relname from pg_class where oid = confrelid),
           'foreignColumns', ${columnsOf("confrelid", "confkey")}
         ))
         from pg_constraint where conrelid = pg_class.oid and contype = 'f'
       ), '[]'),
       'checks', coalesce((
         select jsonb_agg(jsonb_build_object('name', conname, 'condition', pg_get_expr(conbin, conrelid)) order by conname)
         from pg_constraint where conrelid = pg_class.oid and contype = 'c'
       ), '[]')
     ) order by relname) as tables
     from pg_class
     where relnamespace = 'credits'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
       and relname not in ('installation', 'migration')`,
  );
  return (row?.tables ?? []).map((table) => ({
    ...table,
    columns: table.columns.map((column) => ({
      ...column,
      value: column.value && plain(column.value),
      generated: column.generated && plain(column.generated),
    })),
    indexes: table.indexes.map((index) => ({
      ...index,
      name: index.name.replace(/^credits\./, ""),
      where: index.where && plain(index.where),
    })),
    checks: table.checks.map(({ name, condition }) => ({ name, condition: plain(condition) })),
  }));
}

function drizzleOn({ engine, driver }: Ledger): PgDatabase<PgQueryResultHKT> {
  const drizzle = engine === "PGlite" ? drizzleOnPglite(driver as PGlite) : drizzleOnPool(driver as pg.Pool);
  return drizzle as unknown as PgDatabase<PgQueryResultHKT>;
}

const exported = Object.values(schema as Record<string, unknown>).filter((value): value is PgTable =>
  is(value, PgTable),
);

describeLedger("the Drizzle schema", (ledger) => {
  let catalog: Table[];
  beforeAll(async () => {
    catalog = await catalogTables(ledger());
  });

  const withoutChecks = ({ checks: _, ...table }: Table) => table;

  it("has the tables, columns, keys, indexes and references that the catalog has, and no others", () => {
    expect(catalog).toHaveLength(17);
    expect(byName(exported.map(drizzleTable)).map(withoutChecks)).toEqual(catalog.map(withoutChecks));
  });

  it("states no check that the catalog does not have", () => {
    for (const table of exported.map(drizzleTable)) {
      const found = catalog.find(({ name }) => name === table.name)?.checks ?? [];
      expect(found).toEqual(expect.arrayContaining(table.checks));
    }
  });

  it("reads what the ledger wrote, as the types say", async () => {
    const drizzle = drizzleOn(ledger());
    const { wallet, batch, transaction, purchase, subscription } = schema;
    const userId = newUser();
    const at = ledger().clock.now();
    // The largest amount that a number holds exactly.
    const credits = ledger().with({ limitations: { amountMax: Number.MAX_SAFE_INTEGER } });
    const large = await credits.grant({
      userId,
      amount: Number.MAX_SAFE_INTEGER - 10,
      type: "purchase",
      purchaseId: `p-${userId}`,
    });
    const small = await credits.grant({
      userId,
      amount: 10,
      type: "adjustment",
      validityDays: 1,
      priority: 3,
    });
    const spend = await credits.consume({
      userId,
      amount: 3,
      service: "chat",
      idempotencyKey: "k",
      description: "one",
      metadata: { model: "x", tokens: [1, 2] },
    });
    await ledger().credits.upsertSubscription({
      userId,
      subscriptionId: "s",
      planId: "pro",
      status: "trialing",
      anchor: at,
      interval: "year",
      currentPeriodEnd: new Date("2027-01-15T10:00:00.123Z"),
    });

    const [walletRow] = await drizzle.select().from(wallet).where(eq(wallet.userId, userId));
    expect(walletRow).toEqual({
      userId,
      sequence: 3,
      balance: Number.MAX_SAFE_INTEGER - 3,
      availableAfter: Number.MAX_SAFE_INTEGER - 3,
      status: "active",
      lastAt: at,
      createdAt: at,
      held: 0,
      debt: 0,
      due: 0,
    });
    expectTypeOf(walletRow?.status).toEqualTypeOf<"active" | "frozen" | "closed" | undefined>();
    expectTypeOf(walletRow?.balance).toEqualTypeOf<number | undefined>();

    const batches = await drizzle
      .select()
      .from(batch)
      .where(eq(batch.userId, userId))
      .orderBy(batch.sequence);
    expect(batches).toEqual([
      {
        userId,
        id: large.batchId,
        sequence: 1,
        priority: 0,
        amount: Number.MAX_SAFE_INTEGER - 10,
        remaining: Number.MAX_SAFE_INTEGER - 13,
        consumed: 3,
        expired: 0,
        held: 0,
        grantedAt: at,
        expiresAt: null,
        isOpen: true,
        taken: 0,
        refundDue: 0,
        disputeDue: 0,
      },
      {
        userId,
        id: small.batchId,
        sequence: 2,
        priority: 3,
        amount: 10,
        remaining: 10,
        consumed: 0,
        expired: 0,
        held: 0,
        grantedAt: at,
        expiresAt: small.expirationDate,
        isOpen: true,
        taken: 0,
        refundDue: 0,
        disputeDue: 0,
      },
    ]);

    const [transactionRow] = await drizzle
      .select()
      .from(transaction)
      .where(and(eq(transaction.userId, userId), eq(transaction.type, "consumption")));
    expect(transactionRow).toEqual({
      userId,
      sequence: 3,
      id: spend.transactionId,
      type: "consumption",
      amount: 3,
      amountAsked: null,
      debitAccount: `WALLET:${userId}`,
      creditAccount: "SERVICE:chat",
      batchIds: [large.batchId],
      batchAmounts: [3],
      batchRemainders: [Number.MAX_SAFE_INTEGER - 13],
      availableAfter: Number.MAX_SAFE_INTEGER - 3,
      key: "key:k",
      sourcePlan: null,
      period: null,
      packageId: null,
      purchaseId: null,
      description: "one",
      metadata: { model: "x", tokens: [1, 2] },
      createdAt: at,
      jobPage: null,
      reverses: null,
    });
    expectTypeOf(transactionRow?.batchIds).toEqualTypeOf<string[] | undefined>();
    expectTypeOf(transactionRow?.batchAmounts).toEqualTypeOf<number[] | undefined>();
    expectTypeOf(transactionRow?.createdAt).toEqualTypeOf<Date | undefined>();
    expectTypeOf(transactionRow?.metadata).toEqualTypeOf<Record<string, unknown> | null | undefined>();

    expect(await drizzle.select().from(purchase).where(eq(purchase.userId, userId))).toEqual([
      {
        purchaseId: `p-${userId}`,
        userId,
        type: "purchase",
        priceId: null,
        sourcePlan: null,
        period: null,
        transactionId: expect.any(String),
        createdAt: at,
      },
    ]);
    expect(await drizzle.select().from(subscription).where(eq(subscription.userId, userId))).toEqual([
      {
        userId,
        subscriptionId: "s",
        planId: "pro",
        status: "trialing",
        anchor: at,
        billingInterval: "year",
        currentPeriodEnd: new Date("2027-01-15T10:00:00.123Z"),
        entitledFrom: null,
        createdAt: at,
        updatedAt: at,
        provider: null,
        saidAt: null,
        saidBy: null,
        paidAt: null,
        cancelsAtPeriodEnd: false,
      },
    ]);
  });

  it("joins, filters and adds up like a host's own tables", async () => {
    const drizzle = drizzleOn(ledger());
    const { wallet, batch } = schema;
    const userId = newUser();
    await ledger().credits.grant({ userId, amount: 5, type: "purchase", validityDays: 10 });
    await ledger().credits.grant({ userId, amount: 7, type: "purchase", validityDays: 20 });
    const rows = await drizzle
      .select({ userId: wallet.userId, balance: wallet.balance, later: sum(batch.remaining).mapWith(Number) })
      .from(wallet)
      .innerJoin(batch, eq(batch.userId, wallet.userId))
      .where(and(eq(wallet.userId, userId), gt(batch.expiresAt, new Date("2026-01-30T00:00:00Z"))))
      .groupBy(wallet.userId);
    expect(rows).toEqual([{ userId, balance: 12, later: 7 }]);
  });
});
