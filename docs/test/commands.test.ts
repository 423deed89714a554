import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newDatabase, query } from "./database.ts";
import { blockOf, exampleFolder, write } from "./example.ts";
import { shell } from "./shell.ts";

const creditkit = fileURLToPath(new URL("../../packages/creditkit/bin/creditkit.js", import.meta.url));
const folder = exampleFolder();
write(folder, "package.json", "{}");

describe("docs/guides/migrate.md", () => {
  const page = "guides/migrate.md";
  let environment: { DATABASE_URL: string };
  const run = (command: string) => shell(command, { cwd: folder, environment });
  beforeAll(async () => {
    environment = { DATABASE_URL: await newDatabase({ isMigrated: true }) };
  });
  const rowsOf = async (table: string) =>
    query<Record<string, unknown>>(environment.DATABASE_URL, `select count(*)::int from credits.${table}`);

  it("a column of credits: the dry run reports as the page shows and writes nothing, the run grants", async () => {
    const { DATABASE_URL } = environment;
    await query(
      DATABASE_URL,
      `create table "user" (id text primary key, credits integer not null);
       insert into "user" select 'n_' || i, 61 from generate_series(1, 869) as i;
       insert into "user" values ('n_870', 101), ('u_81', -3);
       insert into "user" select 'z_' || i, 0 from generate_series(1, 333) as i;`,
    );
    const { code } = blockOf(page, "--table user ");
    const dry = await run(code);
    expect(dry.out).toBe(blockOf(page, "1204 users read").code);
    expect(dry.code).toBe(1);
    expect(await rowsOf("wallet")).toEqual([{ count: 0 }]);
    await query(DATABASE_URL, `update "user" set credits = 0 where id = 'u_81'`);
    const wet = code.replace(" --dry-run", "");
    expect(await run(wet)).toMatchObject({ code: 0 });
    expect(await run(wet)).toMatchObject({ code: 0 });
    expect(await rowsOf("transaction")).toEqual([{ count: 870 }]);
  });

  it("a table of batches, each until its own end", async () => {
    const { DATABASE_URL } = environment;
    await query(
      DATABASE_URL,
      `create schema billing;
       create table billing.credit_batch (id text primary key, user_id text, remaining integer, expires_at timestamptz);
       insert into billing.credit_batch values
         ('b1', 'ada', 30, now() + interval '10 days'), ('b2', 'ada', 12, null), ('b3', 'ada', 5, now() - interval '1 day');`,
    );
    const { code } = blockOf(page, "billing.credit_batch");
    expect(await run(code)).toMatchObject({
      code: 0,
      out: expect.stringContaining("42 credits in 2 batches"),
    });
    expect(await run(code.replace(" --dry-run", ""))).toMatchObject({ code: 0 });
    const batches =
      "select remaining::int, expires_at is null as stays from credits.batch where user_id = 'ada' order by 1";
    expect(await query(DATABASE_URL, batches)).toEqual([
      { remaining: 12, stays: true },
      { remaining: 30, stays: false },
    ]);
  });

  it("a starter kit's tables", async () => {
    await query(
      environment.DATABASE_URL,
      `create table credit_transaction (id text primary key, user_id text not null, type text not null,
         amount integer not null, remaining_amount integer, expiration_date timestamp, expiration_date_processed_at timestamp);
       create table user_credit (user_id text primary key, current_credits integer not null);
       insert into credit_transaction values ('t1', 'kit', 'PURCHASE', 100, 60, null, null), ('t2', 'kit', 'USAGE', -40, null, null, null);
       insert into user_credit values ('kit', 60);`,
    );
    const { code } = blockOf(page, "--preset mksaas");
    expect(await run(code)).toMatchObject({
      code: 0,
      out: expect.stringContaining("60 credits in 1 batches"),
    });
  });
});

describe("commands with a database's address", () => {
  it.each([
    {
      block: blockOf("guides/upgrading.md", "creditkit@latest"),
      isMigrated: false,
      expected: [/0001_/, /clean/],
    },
    {
      block: blockOf("guides/add-to-existing-app.md", "creditkit migrate"),
      isMigrated: false,
      expected: [/0001_/],
    },
    { block: blockOf("reference/cli.md", "creditkit audit"), isMigrated: true, expected: [/clean/] },
  ])("docs/$block.page", async ({ block, isMigrated, expected }) => {
    const database = await newDatabase({ isMigrated });
    // Installing is what the workspace has done; the address is the reader's own.
    const commands = block.code.replace(/^npm install .*\n/m, "").replace(/^export DATABASE_URL=.*\n/m, "");
    expect(commands).toMatch(/^npx creditkit/);
    const answer = await shell(commands, { cwd: folder, environment: { DATABASE_URL: database } });
    expect(answer).toMatchObject({ code: 0, error: "" });
    for (const pattern of expected) expect(answer.out).toMatch(pattern);
  });
});

describe("docs/guides/http-api.md", () => {
  const page = "guides/http-api.md";
  let server: ChildProcess | undefined;
  afterAll(async () => {
    if (server === undefined || server.exitCode !== null) return;
    const ended = new Promise((resolve) => server?.once("close", resolve));
    server.kill("SIGTERM");
    await ended;
  });

  /** Starts it on a port that is free. @returns The address of the API. */
  async function serve(command: string): Promise<string> {
    const [, ...words] = command.split(" ");
    const started = spawn(process.execPath, [creditkit, ...words.slice(1), "--port", "0"], {
      cwd: folder,
      env: { PATH: process.env.PATH },
      stdio: ["ignore", "ignore", "pipe"],
    });
    server = started;
    return new Promise((resolve, reject) => {
      let output = "";
      started.once("close", () => reject(new Error(`It stopped: ${output}`)));
      started.stderr.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        const [url] = /http:\/\/\S+\/v1/.exec(output) ?? [];
        if (url !== undefined) resolve(url);
      });
    });
  }

  it("an embedded database, a key, a server, and a spend that is done once", async () => {
    write(folder, "creditkit.config.json", JSON.stringify({ consumption: { "google:chat": 2 } }));
    const [install, migrate = "", keys = "", start = ""] = blockOf(page, "creditkit serve --data")
      .code.trim()
      .split("\n");
    expect(install).toMatch(/^npm install creditkit @electric-sql\/pglite hono/);
    expect(await shell(migrate, { cwd: folder })).toMatchObject({ code: 0 });
    const made = await shell(keys, { cwd: folder });
    const [key = ""] = /ck_\S+/.exec(made.out) ?? [];
    const url = await serve(start);
    const granted = await fetch(`${url}/users/ada/grants`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "idempotency-key": "g" },
      body: JSON.stringify({ amount: 10, type: "adjustment" }),
    });
    expect(granted.status, await granted.text()).toBeLessThan(300);
    const { code } = blockOf(page, "/users/ada/consume");
    const environment = { CREDITS_URL: url, CREDITS_KEY: key };
    const spent = await shell(code, { cwd: folder, environment });
    expect(JSON.parse(spent.out)).toEqual(expect.not.objectContaining({ replayed: true }));
    const again = await shell(code, { cwd: folder, environment });
    expect(JSON.parse(again.out)).toMatchObject({ newBalance: 8, replayed: true });
  });
});
