import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { initApp } from "../src/init-run.ts";
import { serverTemplate } from "../src/init-template.ts";
import { type Ledger, openPostgresLedger, refusal } from "./ledger.ts";

const require = createRequire(import.meta.url);
const run = promisify(execFile);
const program = fileURLToPath(new URL("../bin/creditkit.js", import.meta.url));
const root = fileURLToPath(new URL("../../..", import.meta.url));
const guide = readFileSync(join(root, "docs/guides/add-to-existing-app.md"), "utf8");
/** Inside the workspace, so that its packages are found as an install would put them. */
const folder = fileURLToPath(new URL(`../.fresh-app-${randomUUID()}`, import.meta.url));

/** The guide's files, by path: each block says where it goes. */
const guideFiles = [...guide.matchAll(/```tsx?\n\/\/ (\S+)\n([\s\S]*?)```/g)].map(
  ([, path = "", text = ""]) => [path, text] as const,
);

function filesOf(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((one) =>
    one.isFile(),
  );
  return Object.fromEntries(
    names.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(directory.length + 1), readFileSync(path, "utf8")];
    }),
  );
}

function put(directory: string, files: Iterable<readonly [string, string]>): void {
  for (const [path, text] of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("creditkit init in a fresh app of create-next-app", () => {
  const app = join(folder, "app");
  let ledger: Ledger & { url: string };
  let server: ChildProcess | undefined;
  let origin = "";

  const creditkit = (...args: string[]) =>
    run(process.execPath, [program, "init", ...args], {
      cwd: app,
      env: { PATH: process.env.PATH ?? "" },
    });

  beforeAll(async () => {
    ledger = await openPostgresLedger();
    mkdirSync(folder, { recursive: true });
    const creator = require.resolve("create-next-app/dist/index.js");
    const options = ["--ts", "--app", "--src-dir", "--no-tailwind", "--no-eslint", "--no-react-compiler"];
    const offline = ["--import-alias", "@/*", "--use-npm", "--skip-install", "--disable-git", "--yes"];
    await run(process.execPath, [creator, app, ...options, ...offline], { cwd: folder });
    put(app, guideFiles.slice(0, 2));
  });
  afterAll(async () => {
    const ended = new Promise((resolve) => (server ? server.once("exit", resolve) : resolve(null)));
    server?.kill();
    await ended;
    await ledger.close();
  });

  it("writes nothing in a dry run, its files in the first run, and changes nothing in the second", async () => {
    const before = filesOf(app);
    for (const wrong of [["--payments", "paypal"], ["here"], ["--database-module", 'x";']])
      await expect(creditkit(...wrong)).rejects.toMatchObject({ code: 2 });
    const { stdout: plan } = await creditkit("--dry-run");
    expect(plan).toContain("would write src/config/credits.ts");
    expect(filesOf(app)).toEqual(before);
    const { stdout } = await creditkit();
    expect(stdout).toContain("Database: db of @/db");
    const after = filesOf(app);
    const written = Object.keys(after).filter((path) => before[path] === undefined);
    expect(written.sort()).toEqual([
      "src/app/api/jobs/credits/expire/route.ts",
      "src/app/api/jobs/credits/grant/route.ts",
      "src/app/api/webhooks/stripe/route.ts",
      "src/config/credits.ts",
      "src/credits/actions.ts",
      "src/credits/payments.ts",
      "src/credits/server.ts",
    ]);
    expect(await creditkit()).toMatchObject({ stdout: expect.not.stringContaining("wrote") });
    expect(filesOf(app)).toEqual(after);
  });

  it("compiles with the guide's files, and grants and spends over HTTP", async () => {
    put(app, guideFiles.slice(2));
    // What other apps get must compile too.
    const creem = initApp({ directory: app, payments: "creem", isDryRun: true }).files;
    const payments = creem.find(({ path }) => path === "src/credits/payments.ts");
    expect(payments).toMatchObject({ outcome: "left", content: expect.stringContaining("creemProvider") });
    const names = { config: "@/config/credits", server: "", actions: "", payments: "", database: null };
    put(app, [
      ["src/variant/creem.ts", payments?.content ?? ""],
      ["src/variant/pool.ts", serverTemplate(names)],
    ]);
    await run("npx", ["next", "typegen"], { cwd: app });
    await run("npx", ["tsc", "--noEmit"], { cwd: app });

    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    const next = join(root, "node_modules/next/dist/bin/next");
    const secret = "a secret of this test";
    server = spawn(process.execPath, [next, "dev", "--port", String(port)], {
      cwd: app,
      env: {
        PATH: process.env.PATH ?? "",
        NODE_ENV: "development",
        NEXT_TELEMETRY_DISABLED: "1",
        DATABASE_URL: ledger.url,
        CRON_SECRET: secret,
      },
      stdio: "ignore",
    });
    const as = (user: string, key: string = randomUUID()) => ({
      method: "POST",
      headers: { "x-user": user, "idempotency-key": key },
    });
    await answers(origin);
    expect(await json("/api/generate", as("ada"))).toEqual([402, { error: "Out of credits" }]);
    expect(await json("/api/welcome", as("ada"))).toEqual([200, { amount: 20 }]);
    expect(await json("/api/welcome", as("ada"))).toEqual([200, { amount: 20 }]);
    expect(await json("/api/generate", as("ada", "k"))).toMatchObject([200, { newBalance: 15 }]);
    expect(await json("/api/generate", as("ada", "k"))).toMatchObject([200, { newBalance: 15 }]);
    expect(await json("/api/jobs/credits/expire", {})).toEqual([401, { error: "Unauthorized" }]);
    const bearer = { headers: { authorization: `Bearer ${secret}` } };
    expect(await json("/api/jobs/credits/grant", bearer)).toMatchObject([
      200,
      { success: true, results: { successful: 1 } },
    ]);
    // No keys of Stripe are set.
    expect(await json("/api/webhooks/stripe", { method: "POST", body: "{}" })).toMatchObject([503, {}]);
    const page = await (await fetch(`${origin}/credits`, { headers: { "x-user": "ada" } })).text();
    expect(page).toContain("Credits: 25");
  });

  async function json(path: string, init: RequestInit): Promise<[number, unknown]> {
    const response = await fetch(`${origin}${path}`, init);
    return [response.status, await response.json()];
  }
});

describe("creditkit init in other apps", () => {
  const newApp = (files: Record<string, string>) => {
    const directory = join(folder, randomUUID());
    put(directory, Object.entries(files));
    return directory;
  };
  const drizzle = `import { drizzle } from "drizzle-orm/node-postgres";\nexport const db = drizzle("");\n`;
  const init = (directory: string, more: object = {}) => initApp({ directory, payments: "stripe", ...more });
  const serverOf = (report: ReturnType<typeof initApp>) =>
    report.files.find(({ path }) => path.endsWith("credits/server.ts"))?.content;

  it.each([
    ["no App Router", { "tsconfig.json": "{}", "pages/index.tsx": "" }],
    ["no TypeScript", { "app/page.tsx": "" }],
    ["a broken tsconfig.json", { "tsconfig.json": "{", "app/page.tsx": "" }],
  ])("refuses an app with %s, and writes nothing", async (_what, files) => {
    const directory = newApp(files);
    const before = filesOf(directory);
    expect(await refusal((async () => init(directory))())).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(filesOf(directory)).toEqual(before);
  });

  it("leaves a file that is there, and hands out what belongs into it", () => {
    const directory = newApp({
      "tsconfig.json": "{}",
      "app/page.tsx": "",
      "config/credits.ts": "export const mine = 1;\n",
    });
    const [config] = init(directory).files;
    expect(config).toMatchObject({ path: "config/credits.ts", outcome: "left" });
    expect(config?.content).toContain("resolveConfig");
    expect(readFileSync(join(directory, "config/credits.ts"), "utf8")).toBe("export const mine = 1;\n");
  });

  it("names files by the way to them where there is no alias, and reads a tsconfig with comments", () => {
    const plain = newApp({ "tsconfig.json": "{}", "src/app/page.tsx": "", "src/db.ts": drizzle });
    expect(serverOf(init(plain))).toContain(`from "../config/credits"`);
    expect(serverOf(init(plain))).toContain(`import { db } from "../db"`);
    const tilde = newApp({
      "tsconfig.json": `{ // comment\n "compilerOptions": { "paths": { "~/*": ["./*"], }, /* more */ } }`,
      "app/page.tsx": "",
      "lib/db/index.ts": drizzle,
    });
    expect(serverOf(init(tilde))).toContain(`import { db } from "~/lib/db"`);
  });

  it("opens a pool of its own beside a Drizzle that it cannot use, and takes the module that it is told", () => {
    const directory = newApp({
      "tsconfig.json": "{}",
      "app/page.tsx": "",
      "db/index.ts": drizzle.replace("node-postgres", "postgres-js"),
    });
    const found = init(directory, { isDryRun: true });
    expect(found).toMatchObject({ databaseModule: null, packages: expect.arrayContaining(["pg"]) });
    expect(serverOf(found)).toContain("fromPool");
    const told = init(directory, { isDryRun: true, databaseModule: "#database" });
    expect(serverOf(told)).toContain(`import { db } from "#database"`);
  });

  it.each([
    ["creem", ["app/api/webhooks/creem/route.ts", "credits/payments.ts"], "CREEM_WEBHOOK_SECRET"],
    ["none", [], "CRON_SECRET"],
  ] as const)("writes what %s needs", (payments, expected, variable) => {
    const directory = newApp({ "tsconfig.json": "{}", "app/page.tsx": "" });
    const report = init(directory, { payments });
    const paths = report.files.map(({ path }) => path).filter((path) => /webhooks|payments/.test(path));
    expect(paths.sort()).toEqual(expected);
    expect(report.environment).toContain(variable);
    expect(existsSync(join(directory, "credits/server.ts"))).toBe(true);
  });
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("No port");
  return address.port;
}

async function answers(origin: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${origin}/api/welcome`).catch(() => null);
    if (response !== null) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
