import { randomUUID } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";
import { atEnd } from "./cleanup.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The test server's maintenance database. */
    postgresUrl: string;
    /** A migrated, empty database. */
    templateDatabase: string;
  }
}

export async function query<Row>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** The address of a database of the test's own, gone after the tests of the file. */
export async function newDatabase({ isMigrated }: { isMigrated: boolean }): Promise<string> {
  const server = inject("postgresUrl");
  const name = `docs_${randomUUID().replaceAll("-", "")}`;
  await query(
    server,
    `create database ${name}${isMigrated ? ` template ${inject("templateDatabase")}` : ""}`,
  );
  atEnd(() => query(server, `drop database ${name} with (force)`));
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
