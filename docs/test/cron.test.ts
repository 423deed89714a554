import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createCredits } from "creditkit";
import type { CreditsConfig } from "creditkit/config";
import { createCronHandler } from "creditkit/next";
import { fromPool } from "creditkit/pg";
import pg from "pg";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { atEnd } from "./cleanup.ts";
import { newDatabase, query } from "./database.ts";
import { blockOf, exampleFolder, replaceAll, runBlock, write } from "./example.ts";
import { shell } from "./shell.ts";

const page = "guides/cron.md";
const secret = "the cron secret of the tests";
const config: CreditsConfig = {
  subscription: { pro: { id: "pro", enabled: true, monthlyGrant: 200, validityDays: 30 } },
};
const folder = exampleFolder();

let database: string;
let origin: string;

/** The jobs that have run since the last question, in order. */
async function jobsRun(): Promise<string[]> {
  const rows = await query<{ job: string }>(
    database,
    "with seen as (delete from credits.job_run where finished_at is not null returning *) select job from seen order by started_at",
  );
  return rows.map(({ job }) => job);
}

type Handler = (request: Request) => Promise<Response>;

/** A server that answers as a handler of Web requests does; gone after the tests of the file. */
async function serve(handle: Handler): Promise<string> {
  const server = createServer(async (incoming, outgoing) => {
    const headers = new Headers(incoming.headers as Record<string, string>);
    const request = new Request(`http://localhost${incoming.url}`, {
      method: incoming.method ?? "",
      headers,
    });
    const answer = await handle(request);
    outgoing.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  database = await newDatabase({ isMigrated: true });
  const pool = new pg.Pool({ connectionString: database, max: 2 });
  atEnd(() => pool.end());
  const credits = createCredits({ database: fromPool(pool), config });
  const now = Date.now();
  await credits.upsertSubscription({
    userId: "ada",
    subscriptionId: "sub_1",
    planId: "pro",
    status: "active",
    anchor: new Date(now),
    interval: "month",
    currentPeriodEnd: new Date(now + 27 * 24 * 60 * 60 * 1000),
  });
  const routes: Record<string, Handler> = {
    "/api/jobs/credits/grant": createCronHandler({
      job: "grant",
      secret: () => secret,
      run: () => credits.processDailyGrant(),
    }),
    "/api/jobs/credits/expire": createCronHandler({
      job: "expire",
      secret: () => secret,
      run: () => credits.processExpired(),
    }),
  };
  origin = await serve(async (request) => {
    const route = routes[new URL(request.url).pathname];
    return route === undefined ? new Response(null, { status: 404 }) : route(request);
  });
  // The reader's app.
  write(folder, "package.json", "{}");
  write(folder, "creditkit.config.mjs", `export default ${JSON.stringify(config)};\n`);
  write(folder, "apps/web/.data/cron-secret", secret);
});

const schedule = /^([\d*]+ ){4}[\d*]+$/;

describe(`docs/${page}`, () => {
  it("curl runs a job with the secret, and fails without it", async () => {
    const { code } = blockOf(page, '--fail-with-body -H "Authorization: Bearer $CRON_SECRET" https://app');
    const command = replaceAll(code, { "https://app.example.com": origin });
    const done = await shell(command, { cwd: folder, environment: { CRON_SECRET: secret } });
    expect(JSON.parse(done.out)).toMatchObject({ success: true, results: { successful: 1 } });
    const refused = await shell(command, { cwd: folder, environment: { CRON_SECRET: "another" } });
    expect(refused).toMatchObject({ code: 22, out: '{"error":"Unauthorized"}' });
    expect(await jobsRun()).toEqual(["grant"]);
  });

  it("curl reads the secret that the embedded default has made", async () => {
    const { code } = blockOf(page, "cat apps/web/.data/cron-secret");
    const { out } = await shell(replaceAll(code, { "http://localhost:3000": origin }), { cwd: folder });
    expect(JSON.parse(out)).toMatchObject({ success: true });
    expect(await jobsRun()).toEqual(["expire"]);
  });

  it("the command line runs a job without the app", async () => {
    const { code } = blockOf(page, "--json");
    const command = replaceAll(code, { "/srv/app": folder });
    const { out } = await shell(command, { cwd: folder, environment: { DATABASE_URL: database } });
    expect(JSON.parse(out)).toMatchObject({ processed: 1, failed: 0 });
    expect(await jobsRun()).toEqual(["grant"]);
  });

  it("crontab's lines run both jobs", async () => {
    const [variable = "", ...lines] = blockOf(page, "5 0 * * *  cd").code.trim().split("\n");
    expect(variable).toMatch(/^DATABASE_URL=postgres:/);
    for (const line of lines) {
      const [, times, command = ""] = /^((?:\S+ ){4}\S+) +(.*)$/.exec(line) ?? [];
      expect(times).toMatch(schedule);
      const environment = { DATABASE_URL: database };
      expect(
        await shell(replaceAll(command, { "/srv/app": folder }), { cwd: "/", environment }),
      ).toMatchObject({ code: 0 });
    }
    expect(await jobsRun()).toEqual(["grant", "expire"]);
  });

  it("systemd's unit runs the job that its instance names", async () => {
    const unit = replaceAll(blockOf(page, "ExecStart=").code, { "/srv/app": folder, "/usr/bin/npx": "npx" });
    const [, cwd = ""] = /^WorkingDirectory=(.*)$/m.exec(unit) ?? [];
    const [, start = ""] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
    const timer = blockOf(page, "[Timer]").code;
    expect(timer).toMatch(/^OnCalendar=daily$/m);
    expect(timer).toMatch(/^# creditkit@\.timer\n/);
    const timers = blockOf(page, "systemctl enable").code.matchAll(/creditkit@(\w+)\.timer/g);
    for (const [, instance = ""] of timers) {
      const command = replaceAll(start, { "%i": instance });
      const environment = { DATABASE_URL: database };
      expect(await shell(command, { cwd, environment })).toMatchObject({ code: 0 });
    }
    expect(await jobsRun()).toEqual(["grant", "expire"]);
  });

  it("Vercel's paths are the jobs'", async () => {
    const { crons } = JSON.parse(blockOf(page, '"path"').code);
    for (const cron of crons) {
      expect(cron.schedule).toMatch(schedule);
      const headers = { authorization: `Bearer ${secret}` };
      expect((await fetch(`${origin}${cron.path}`, { headers })).status).toBe(200);
    }
    expect(await jobsRun()).toEqual(["grant", "expire"]);
  });

  it("Cloudflare's Worker runs a job at each of its triggers, and a refusal fails the run", async () => {
    const { main, triggers, vars } = JSON.parse(blockOf(page, "triggers").code);
    const block = blockOf(page, "scheduled(");
    expect(main).toBe(block.file);
    const { default: worker } = await runBlock(folder, block);
    const env = { ...vars, APP_URL: origin, CRON_SECRET: secret };
    for (const cron of triggers.crons) await worker.scheduled({ cron }, env);
    expect(await jobsRun()).toEqual(["grant", "expire"]);
    const refused = worker.scheduled({ cron: triggers.crons[0] }, { ...env, CRON_SECRET: "another" });
    await expect(refused).rejects.toThrow("answered 401");
  });

  it("QStash is told to send the bearer on", async () => {
    // In QStash's place: it calls the address behind /v2/schedules/ at once, with what is to be forwarded.
    const qstash = await serve(async ({ method, url, headers }) => {
      const target = new URL(url).pathname.replace("/v2/schedules/", "");
      const forwarded = [...headers].flatMap(([name, value]) =>
        name.startsWith("upstash-forward-") ? [[name.replace("upstash-forward-", ""), value]] : [],
      );
      expect([method, headers.get("authorization")]).toEqual(["POST", "Bearer qstash token"]);
      expect(headers.get("upstash-cron")).toMatch(schedule);
      return fetch(target, {
        method: headers.get("upstash-method") ?? "POST",
        headers: Object.fromEntries(forwarded),
      });
    });
    const { code } = blockOf(page, "qstash.upstash.io");
    const command = replaceAll(code, {
      "https://qstash.upstash.io": qstash,
      "https://app.example.com": origin,
    });
    const environment = { QSTASH_TOKEN: "qstash token", CRON_SECRET: secret };
    const { out } = await shell(command, { cwd: folder, environment });
    expect(JSON.parse(out)).toMatchObject({ success: true });
    expect(await jobsRun()).toEqual(["grant"]);
  });

  it("GitHub's workflow runs both jobs", async () => {
    const { on, jobs } = parse(blockOf(page, "workflow_dispatch").code);
    expect(on.schedule[0].cron).toMatch(schedule);
    const { strategy, steps } = jobs.run;
    const expressions: Record<string, string> = { "secrets.CRON_SECRET": secret, "vars.APP_URL": origin };
    const evaluated = (text: string, more = {}) =>
      text.replaceAll(
        /\$\{\{ (\S+) \}\}/g,
        (_, name) => ({ ...expressions, ...more })[name as string] ?? "?",
      );
    for (const job of strategy.matrix.job) {
      const environment = Object.fromEntries(
        Object.entries<string>(steps[0].env).map(([name, value]) => [name, evaluated(value)]),
      );
      const command = evaluated(steps[0].run, { "matrix.job": job });
      expect(await shell(command, { cwd: folder, environment })).toMatchObject({ code: 0 });
    }
    expect(await jobsRun()).toEqual(["grant", "expire"]);
  });

  it("Kubernetes' container runs its job", async () => {
    const { kind, spec } = parse(blockOf(page, "kind: CronJob").code);
    expect([kind, spec.concurrencyPolicy]).toEqual(["CronJob", "Forbid"]);
    expect(spec.schedule).toMatch(schedule);
    const [container] = spec.jobTemplate.spec.template.spec.containers;
    const environment = { DATABASE_URL: database };
    expect(await shell(container.command.join(" "), { cwd: folder, environment })).toMatchObject({
      code: 0,
    });
    expect(await jobsRun()).toEqual(["grant"]);
  });
});

it("docs/reference/routes.md: curl runs a job", async () => {
  const { code } = blockOf("reference/routes.md", "curl");
  const command = replaceAll(code, { "https://app.example.com": origin });
  const { out } = await shell(command, { cwd: folder, environment: { CRON_SECRET: secret } });
  expect(JSON.parse(out)).toMatchObject({ success: true });
  expect(await jobsRun()).toEqual(["grant"]);
});
