import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { sendWebhook } from "./adapters/webhooks.ts";
import { promoteAdmin } from "./cli-admin.ts";
import { importOptions, importUsage, reportImport } from "./cli-import.ts";
import { initOptions, initUsage, reportInit } from "./cli-init.ts";
import { createKey, listKeys, revokeKey, scopesOf } from "./cli-keys.ts";
import { type CreditsConfig, resolveConfig } from "./core/config.ts";
import { createCredits } from "./core/credits.ts";
import type { Database } from "./core/database.ts";
import { CreditsError } from "./core/errors.ts";
import { type InboxStatus, inboxStatuses } from "./core/inbox.ts";
import { causeMessage } from "./core/job.ts";
import { migrationScript } from "./core/migrate.ts";
import type { Credits } from "./core/operations.ts";

const usage = `creditkit — prepaid credits in your own PostgreSQL

Usage: creditkit <command> [options]

  migrate             bring the schema "credits" to this version
  migrate --print     print it as plain SQL for an empty database, and connect to nothing
  audit               check every invariant of the books
  jobs grant          grant every monthly period that is due
  jobs expire         book what has expired
  jobs deliver        send the webhooks that are due
  serve               the HTTP API on its own, with its webhooks and both jobs
  keys create <name>  make a key of the HTTP API, with --scopes
  keys list           all keys; keys revoke <id> takes one's rights away
  events [status]     the newest messages of payment providers; status: applied, ignored, parked or failed
  events replay <id>  do again what one says that failed, or waits
  admin promote <e-mail>
                      make an account of the app (better-auth) an admin
  init                write the files of a Next.js app that uses Creditkit, and overwrite none
  import              bring the credits that an app keeps in other tables into the ledger
  user <id>           balance, batches, open holds and last transactions of one user

Options:
  --database-url URL  PostgreSQL to use; default: $DATABASE_URL
  --data DIRECTORY    embedded database to use instead
  --config FILE       module or JSON with the configuration (default export, or creditsConfig);
                      default: creditkit.config.mjs, .js or .json here, if there is one
  --sharded           the tables are distributed over a cluster (sql/engines/citus.sql)
  --scopes LIST       what a new key may do, separated by commas: read, spend, reverse, grant, admin; or all
  --port, --host      where serve listens; default: 8787 on 127.0.0.1
  --no-jobs           serve runs neither job: another process does
  --json              print one JSON document
  --help              print this

${importUsage}

${initUsage}

Exit codes: 0 done · 1 audit found violations, a user failed in a job, import has problems, or no such user
            2 wrong usage or configuration · 3 the database is unavailable, in use or refuses`;

const ExitCode = { OK: 0, FOUND: 1, USAGE: 2, DATABASE: 3 } as const;
type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const options = {
  "database-url": { type: "string" },
  data: { type: "string" },
  config: { type: "string" },
  print: { type: "boolean" },
  sharded: { type: "boolean" },
  scopes: { type: "string" },
  port: { type: "string" },
  host: { type: "string" },
  "no-jobs": { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  ...importOptions,
  ...initOptions,
} as const satisfies ParseArgsConfig["options"];
type Flags = ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>["values"];

/** What a command found: for scripts, for people, and for `$?`. */
interface Report {
  json: unknown;
  text: string;
  exitCode: ExitCode;
}

class UsageError extends Error {}

async function main(): Promise<ExitCode> {
  const { values, positionals } = readArguments();
  const [command = "help", ...rest] = positionals;
  if (values.help || command === "help") {
    console.log(usage);
    return ExitCode.OK;
  }
  if (command === "init") {
    const [stray] = rest;
    if (stray !== undefined) throw new UsageError(`Unexpected argument: ${stray}`);
    return print(reportInit(process.cwd(), values), values);
  }
  const run = commandOf(command, rest, values);
  const config = await loadConfig(values.config);
  if (command === "migrate" && values.print) {
    console.log(migrationScript(resolveConfig(config)));
    return ExitCode.OK;
  }
  const { database, close } = await openDatabase(values, command === "serve");
  try {
    const credits = createCredits({ database, config, sharded: values.sharded === true });
    return print(await run(credits, database), values);
  } finally {
    await close();
  }
}

function print({ json, text, exitCode }: Report, flags: Flags): ExitCode {
  console.log(flags.json ? JSON.stringify(json, null, 2) : text);
  return exitCode;
}

function readArguments() {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(causeMessage(error));
  }
}

type Command = (credits: Credits, database: Database) => Promise<Report>;

function commandOf(command: string, rest: string[], flags: Flags): Command {
  if (command === "admin") {
    const [verb, email, ...more] = rest;
    if (verb !== "promote" || email === undefined || more.length > 0)
      throw new UsageError("admin promote: which e-mail address?");
    return (_credits, database) => reportPromotion(database, email);
  }
  if (command === "keys") return keysCommand(rest, flags);
  if (command === "serve") return serveCommand(rest, flags);
  if (command === "events" && rest[0] === "replay") {
    const [, eventId, ...more] = rest;
    if (eventId === undefined || more.length > 0) throw new UsageError("events replay: which id?");
    return (credits) => replayEvent(credits, eventId);
  }
  const [first, ...others] = rest;
  if (others.length > 0) throw new UsageError(`Unexpected argument: ${others[0]}`);
  const name = first === undefined ? command : `${command} ${first}`;
  if (name === "import") return (credits, database) => reportImport(credits, database, flags);
  if (command === "events") return (credits) => reportEvents(credits, inboxStatus(first));
  if (command === "user" && first !== undefined) return (credits) => reportUser(credits, first);
  const run = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (run === undefined)
    throw new UsageError(command === "user" ? "user: which id?" : `Unknown command: ${name}`);
  return run;
}

function keysCommand([verb, name, ...more]: string[], flags: Flags): Command {
  const done = async (report: Promise<{ json: unknown; text: string }>) => ({
    ...(await report),
    exitCode: ExitCode.OK,
  });
  if (more.length > 0) throw new UsageError(`Unexpected argument: ${more[0]}`);
  if (verb === "list" && name === undefined) return (credits) => done(listKeys(credits));
  if (verb === "revoke" && name !== undefined) return (credits) => done(revokeKey(credits, name));
  if (verb !== "create" || name === undefined)
    throw new UsageError("keys: create <name> --scopes …, list, or revoke <id>");
  if (flags.scopes === undefined) throw new UsageError("keys create: what may it do? --scopes read,spend");
  return (credits) => done(createKey(credits, name, scopesOf(flags.scopes)));
}

function serveCommand([unexpected]: string[], flags: Flags): Command {
  if (unexpected !== undefined) throw new UsageError(`Unexpected argument: ${unexpected}`);
  const { port = "8787", host = "127.0.0.1" } = flags;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new UsageError("--port: a number from 0 to 65535");
  return async (credits, database) => {
    const { serve } = await importWith(
      "hono @hono/node-server @hono/zod-openapi zod rate-limiter-flexible",
      "serve",
      () => import("./cli-serve.ts"),
    );
    await serve(credits, database, {
      port: Number(port),
      host,
      withJobs: flags["no-jobs"] !== true,
      log: (text) => console.error(text),
    });
    return { json: { stopped: true }, text: "Stopped.", exitCode: ExitCode.OK };
  };
}

/** Imports what not everybody needs. The packages behind it are optional peers. */
async function importWith<Module>(
  packages: string,
  what: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new UsageError(`${what} needs: npm install ${packages}`);
  }
}

const commands: Record<string, Command> = {
  "jobs deliver": async (credits) => {
    const result = await credits.deliverWebhooks(sendWebhook);
    const { attempted, delivered, retrying, failed } = result;
    return {
      json: result,
      text: `${attempted} attempts: ${delivered} delivered, ${retrying} to be tried again, ${failed} given up`,
      exitCode: failed === 0 ? ExitCode.OK : ExitCode.FOUND,
    };
  },
  migrate: async (credits) => {
    const result = await credits.migrate();
    const text =
      result.applied.length === 0 ? "The database is current." : `Applied ${result.applied.join(", ")}.`;
    return { json: result, text, exitCode: ExitCode.OK };
  },
  audit: async (credits) => {
    const result = await credits.audit();
    const lines = result.violations.map(
      ({ rule, userId, detail }) =>
        `rule ${rule}${userId === undefined ? "" : `, user ${userId}`}: ${detail}`,
    );
    return {
      json: result,
      text: result.ok ? "The books are clean." : lines.join("\n"),
      exitCode: result.ok ? ExitCode.OK : ExitCode.FOUND,
    };
  },
  "jobs grant": async (credits) => {
    if (Object.keys(credits.config.subscription).length === 0) {
      throw new UsageError("jobs grant: the configuration has no plans; name it with --config");
    }
    const result = await credits.processDailyGrant();
    const { processed, successful, skipped, failed } = result;
    const failures = result.results
      .filter((row) => !row.success)
      .map((row) => `user ${row.userId}: ${row.error}`);
    const counts = `${processed} users: ${successful} granted, ${skipped} with nothing due, ${failed} failed`;
    return {
      json: result,
      text: [counts, ...failures].join("\n"),
      exitCode: failed === 0 ? ExitCode.OK : ExitCode.FOUND,
    };
  },
  "jobs expire": async (credits) => {
    const result = await credits.processExpired();
    const { failed = 0, timedOutHolds = 0, results = [] } = result;
    const counts = `${result.processedBatches} batches of ${result.processedUsers} users: ${result.totalExpiredAmount} credits expired, ${timedOutHolds} holds timed out`;
    const failures = results.map((row) => `user ${row.userId}: ${row.error}`);
    return {
      json: result,
      text: [counts, ...failures].join("\n"),
      exitCode: failed === 0 ? ExitCode.OK : ExitCode.FOUND,
    };
  },
};

async function reportPromotion(database: Database, email: string): Promise<Report> {
  const promoted = await promoteAdmin(database, email);
  if (promoted === null)
    return {
      json: null,
      text: `No account has the address ${email}: sign up first.`,
      exitCode: ExitCode.FOUND,
    };
  const { changed } = promoted;
  return {
    json: promoted,
    text: changed ? `${promoted.email} is an admin now.` : `${promoted.email} was an admin already.`,
    exitCode: ExitCode.OK,
  };
}

function inboxStatus(name: string | undefined): InboxStatus | undefined {
  const status = inboxStatuses.find((one) => one === name);
  if (name !== undefined && status === undefined)
    throw new UsageError(`events: expected ${inboxStatuses.join(", ")}, not ${name}`);
  return status;
}

async function reportEvents(credits: Credits, status: InboxStatus | undefined): Promise<Report> {
  const events = await credits.getPaymentEvents(status === undefined ? {} : { status });
  const lines = events.map((event) => {
    const why = event.error ?? event.waitsFor.join(", ");
    return `${event.receivedAt.toISOString()}  ${event.status}  ${event.provider}  ${event.eventId}  ${event.type}${why === "" ? "" : `  ${why}`}`;
  });
  return {
    json: events,
    text: lines.length === 0 ? "The inbox has no such messages." : lines.join("\n"),
    exitCode: ExitCode.OK,
  };
}

async function replayEvent(credits: Credits, eventId: string): Promise<Report> {
  if (Object.keys(credits.config.packages).length === 0 && credits.config.planPrices.length === 0)
    throw new UsageError("events replay: the configuration sells nothing; name it with --config");
  const result = await credits.replayPaymentEvent({ eventId });
  const waits = result.waitsFor === undefined ? "" : `, waits for ${result.waitsFor.join(", ")}`;
  return { json: result, text: `${result.outcome}${waits}`, exitCode: ExitCode.OK };
}

async function reportUser(credits: Credits, userId: string): Promise<Report> {
  const wallet = await credits.getWallet({ userId });
  if (wallet === null) {
    return { json: null, text: `User ${userId} never had a grant.`, exitCode: ExitCode.FOUND };
  }
  const info = await credits.getInfo({ userId });
  const holds = await credits.getHolds({ userId });
  const { items } = await credits.getTransactions({ userId, pageSize: 20 });
  const batches = wallet.batches.map(
    ({ remaining, held, amount, expiresAt, expired }) =>
      `  ${remaining} of ${amount}${held > 0 ? ` and ${held} held` : ""}, ${expiresAt === null ? "never expires" : `${expired ? "expired" : "expires"} ${expiresAt.toISOString()}`}`,
  );
  const openHolds = holds.map(
    ({ amount, service, expiresAt, holdId }) =>
      `  ${amount} for ${service} until ${expiresAt.toISOString()}  ${holdId}`,
  );
  const history = items.map(
    ({ createdAt, type, amount, description }) =>
      `  ${createdAt.toISOString()}  ${amount > 0 ? "+" : ""}${amount}  ${type}${description === null ? "" : `  ${description}`}`,
  );
  return {
    json: { ...wallet, ...info, holds, transactions: items },
    text: [
      `User ${userId} (${wallet.status})`,
      `Available: ${info.availableCredits}, held: ${info.heldCredits}, owed: ${info.debt}`,
      "Batches:",
      ...batches,
      ...(openHolds.length > 0 ? ["Open holds:", ...openHolds] : []),
      `Last of ${wallet.transactionCount} transactions:`,
      ...history,
    ].join("\n"),
    exitCode: ExitCode.OK,
  };
}

async function loadConfig(path: string | undefined): Promise<CreditsConfig> {
  const names = ["mjs", "js", "json"].map((extension) => `creditkit.config.${extension}`);
  const found = path ?? names.find((name) => existsSync(name));
  if (found === undefined) return {};
  const file = resolve(found);
  if (!existsSync(file)) throw new UsageError(`No such file: ${file}`);
  try {
    if (file.endsWith(".json")) return JSON.parse(await readFile(file, "utf8"));
    const module = await import(pathToFileURL(file).href);
    const config = module.default ?? module.creditsConfig;
    if (config === undefined) throw new UsageError(`${file} exports neither a default nor creditsConfig`);
    return config;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if ((error as NodeJS.ErrnoException).code !== "ERR_UNKNOWN_FILE_EXTENSION") {
      throw new UsageError(`${file} cannot be read: ${causeMessage(error)}`);
    }
    throw new UsageError(
      `This Node cannot read TypeScript: run \`node --import tsx\` with the file of the command, or use Node 22.18`,
    );
  }
}

/** As many as `pg` has by itself: a server answers many at once. */
const serverConnections = 10;

async function openDatabase(
  flags: Flags,
  isServer: boolean,
): Promise<{ database: Database; close: () => Promise<void> }> {
  if (flags.data !== undefined) {
    const { fromPglite, openPglite } = await importWith(
      "@electric-sql/pglite",
      "--data",
      () => import("./adapters/pglite.ts"),
    );
    const pglite = await openPglite(flags.data);
    return { database: fromPglite(pglite), close: () => pglite.close() };
  }
  const url = flags["database-url"] ?? process.env.DATABASE_URL;
  if (url === undefined || url === "")
    throw new UsageError("Which database? Set DATABASE_URL, or pass --database-url or --data");
  const [{ fromPool }, { default: pg }] = await importWith("pg", "A PostgreSQL", () =>
    Promise.all([import("./adapters/pg.ts"), import("pg")]),
  );
  const pool = new pg.Pool({ connectionString: url, max: isServer ? serverConnections : 2 });
  return { database: fromPool(pool), close: () => pool.end() };
}

function explain(error: unknown): ExitCode {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n\n${usage}`);
    return ExitCode.USAGE;
  }
  if (CreditsError.is(error)) {
    console.error(`${error.message}${error.cause === undefined ? "" : ` (${causeMessage(error)})`}`);
    return error.code === "DATABASE_IN_USE" || error.code === "DATABASE_UNAVAILABLE"
      ? ExitCode.DATABASE
      : ExitCode.USAGE;
  }
  // Not 1: a script would take it for books that are broken.
  console.error(causeMessage(error));
  return ExitCode.DATABASE;
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    process.exitCode = explain(error);
  },
);
