import "server-only";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import type { Database } from "creditkit";
import { fromPool } from "creditkit/pg";
import { fromPglite, openPglite } from "creditkit/pglite";
import { drizzle as drizzlePool } from "drizzle-orm/node-postgres";
import { migrate as migratePool } from "drizzle-orm/node-postgres/migrator";
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import { migrate as migratePglite } from "drizzle-orm/pglite/migrator";
import { Pool } from "pg";
import * as schema from "@/auth/schema";
import { appDirectory } from "@/database/app-directory";
import { type Environment, readEnvironment } from "@/env";
import { oncePerProcess } from "@/once-per-process";

/** More connections than this made the ledger slower on two cores, not faster. */
const poolSizeMax = 16;
const connectTimeoutMs = 10_000;

/** Any number, as long as every version of this app takes the same one. */
const migrationLock = 7_311_845_206;

export interface OpenDatabase {
  /** What it is and where, without credentials. */
  description: string;
  credits: Database;
  drizzle: PgDatabase<PgQueryResultHKT, typeof schema>;
  close: () => Promise<void>;
}

/** The app's one database, opened and with its sign-in tables migrated by the first caller. */
export const getDatabase = oncePerProcess("database", async () => {
  const environment = readEnvironment();
  return environment.DATABASE_URL
    ? openPostgres(environment.DATABASE_URL)
    : openEmbedded(dataDirectory(environment));
});

/** The directory of the embedded database and of generated secrets; null when everything stays in memory. */
export function dataDirectory(environment: Environment): string | null {
  const unsetUnderTest = environment.NODE_ENV === "test" && !process.env.DATA_DIR?.trim();
  if (unsetUnderTest || environment.DATA_DIR.startsWith("memory://")) return null;
  return resolve(/* turbopackIgnore: true */ appDirectory(), environment.DATA_DIR);
}

async function openPostgres(url: string): Promise<OpenDatabase> {
  const pool = new Pool({
    connectionString: url,
    max: poolSizeMax,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: "creditkit-web",
  });
  const credits = fromPool(pool);
  // A connection that is lost in the middle of a transaction raises an event beside its error: unheard, it ends a process.
  pool.on("connect", (client) => client.on("error", () => {}));
  try {
    const client = await pool.connect();
    try {
      // Drizzle's migrator does not coordinate processes that start at once; the lock does. It belongs to the
      // transaction, which the migrator joins and commits, so that a pooler in between cannot keep it.
      await client.query("begin");
      await client.query("select pg_advisory_xact_lock($1)", [migrationLock]);
      await migratePool(drizzlePool(client), { migrationsFolder: migrationsFolder() });
      await client.query("commit");
    } finally {
      client.release();
    }
  } catch (error) {
    await pool.end();
    throw error;
  }
  const { host, pathname } = new URL(url);
  return {
    description: `PostgreSQL ${pathname.slice(1)} at ${host || "a local socket"}`,
    credits,
    drizzle: drizzlePool(pool, { schema }),
    close: () => pool.end(),
  };
}

async function openEmbedded(directory: string | null): Promise<OpenDatabase> {
  // A folder of its own: its lock lies beside it, and both are to be inside the directory that the operator named.
  const folder = directory && join(/* turbopackIgnore: true */ directory, "database");
  if (directory !== null) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const pglite = folder === null ? await openInMemory() : await openPglite(folder);
  try {
    const drizzle = drizzlePglite(pglite, { schema });
    await migratePglite(drizzle, { migrationsFolder: migrationsFolder() });
    return {
      description: `embedded PGlite in ${folder ?? "memory: gone when the process ends"}`,
      credits: fromPglite(pglite),
      drizzle,
      close: () => pglite.close(),
    };
  } catch (error) {
    await pglite.close();
    throw error;
  }
}

async function openInMemory(): Promise<PGlite> {
  const { PGlite } = await import("@electric-sql/pglite");
  return PGlite.create();
}

function migrationsFolder(): string {
  return resolve(/* turbopackIgnore: true */ appDirectory(), "drizzle");
}
