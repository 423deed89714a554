import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { register } from "@/instrumentation";
import { Visitor } from "./visitor.ts";
import { startAndFail, startWebServer, temporaryDirectory } from "./web-server.ts";

const directory = temporaryDirectory();
afterAll(directory.remove);

describe("starting", () => {
  test("is refused with every wrong variable at once, and repeats no value", async () => {
    const { exitCode, output } = await startAndFail({
      DATABASE_URL: "mysql://ada:hunter2@db/credits",
      BETTER_AUTH_URL: "example.com",
      CREDITS_TEST_CLOCK: "on",
    });
    expect(exitCode).toBe(1);
    for (const name of ["DATABASE_URL must", "BETTER_AUTH_URL must", "CREDITS_TEST_CLOCK must"]) {
      expect(output).toContain(name);
    }
    expect(output).toContain("BETTER_AUTH_SECRET is required");
    expect(output).toContain("CRON_SECRET is required");
    expect(output).not.toContain("hunter2");
  });

  test("is refused with every problem of the credits configuration, by path", async () => {
    const { exitCode, output } = await startAndFail({
      DATA_DIR: "memory://",
      CREDIT_LITE_PRICE_ID: "price_same",
      CREDIT_PRO_PRICE_ID: "price_same",
      CREDIT_MAX_PRICE_ID: "price_same",
    });
    expect(exitCode).toBe(1);
    expect(output).toContain("packages.pro.priceId");
    expect(output).toContain("packages.max.priceId");
  });

  test("is refused when the database cannot be reached, without its password", async () => {
    const { exitCode, output } = await startAndFail({
      DATABASE_URL: "postgres://ada:hunter2@127.0.0.1:1/credits",
      BETTER_AUTH_SECRET: "x".repeat(32),
      CRON_SECRET: "x".repeat(32),
    });
    expect(exitCode).toBe(1);
    expect(output).toContain("ECONNREFUSED");
    expect(output).not.toContain("hunter2");
  });

  test("makes both secrets once, for the owner's eyes only, and says where but not what they are", async () => {
    const data = join(directory.path, "secrets");
    const files = ["better-auth-secret", "cron-secret"].map((name) => join(data, name));
    const first = await startWebServer({ DATA_DIR: data });
    const made = files.map((file) => readFileSync(file, "utf8").trim());
    expect(files.map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(statSync(data).mode & 0o777).toBe(0o700);
    const authorization = `Bearer ${made[1]}`;
    expect((await fetch(`${first.url}/api/jobs/credits/expire`, { headers: { authorization } })).status).toBe(
      200,
    );
    const visitor = new Visitor(first.url);
    await visitor.signUp();
    await first.stop();

    const second = await startWebServer({ DATA_DIR: data });
    expect(files.map((file) => readFileSync(file, "utf8").trim())).toEqual(made);
    const again = new Visitor(second.url, visitor.email);
    expect((await again.signIn()).status).toBe(200);
    expect(await again.creditsInfo()).toMatchObject({ data: { availableCredits: 20 } });
    await second.stop();

    for (const file of files) expect(first.output()).toContain(`generated in ${file}`);
    for (const file of files) expect(second.output()).toContain(`kept in ${file}`);
    for (const secret of made) expect(first.output() + second.output()).not.toContain(secret);
  });

  test("is refused while another process has the same DATA_DIR open, and possible once that one has ended", async () => {
    const data = join(directory.path, "shared");
    const first = await startWebServer({ DATA_DIR: data });
    const { exitCode, output } = await startAndFail({ DATA_DIR: data });
    expect(exitCode).toBe(1);
    expect(output).toMatch(/embedded database is open in process \d+/);
    expect((await fetch(first.url)).status).toBe(200);
    await first.stop();
    const second = await startWebServer({ DATA_DIR: data });
    await second.stop();
  });

  test("does not happen while the app is built: next build opens no database", async () => {
    vi.stubEnv("NEXT_RUNTIME", "nodejs");
    vi.stubEnv("NEXT_PHASE", "phase-production-build");
    vi.stubEnv("DATABASE_URL", "postgres://127.0.0.1:1/credits");
    await expect(register()).resolves.toBeUndefined();
    vi.unstubAllEnvs();
  });

  test("leaves the test clock out of reach unless it is allowed (rule 2)", async () => {
    const server = await startWebServer({ DATA_DIR: "memory://" });
    const response = await new Visitor(server.url).post("/api/admin/test-clock", { now: null });
    expect(response.status).toBe(404);
    await server.stop();
    expect(server.output()).not.toContain("test clock");
  });

  test("lets only an admin move an allowed test clock, and warns about it (rules 2, 3, 6)", async () => {
    const data = join(directory.path, "clock");
    const first = await startWebServer({ DATA_DIR: data });
    const account = new Visitor(first.url);
    await account.signUp();
    await first.stop();

    const variables = { DATA_DIR: data, CREDITS_TEST_CLOCK: "allow", ADMIN_EMAILS: account.email };
    const server = await startWebServer(variables);
    expect(server.output()).toContain("WARNING: A test clock can decide what time it is");
    const [admin, ada, nobody] = [
      new Visitor(server.url, account.email),
      new Visitor(server.url),
      new Visitor(server.url),
    ];
    await admin.signIn();
    await ada.signUp();

    const dayMs = 24 * 60 * 60 * 1000;
    const later = { now: new Date(Date.now() + 31 * dayMs).toISOString() };
    expect((await nobody.post("/api/admin/test-clock", later)).status).toBe(404);
    expect((await ada.post("/api/admin/test-clock", later)).status).toBe(404);
    expect(await ada.creditsInfo()).toMatchObject({ data: { availableCredits: 20 } });

    expect((await admin.post("/api/admin/test-clock", { now: "tomorrow" })).status).toBe(400);
    expect((await admin.post("/api/admin/test-clock", later)).status).toBe(200);
    // The bonus is valid for 30 days.
    expect(await ada.creditsInfo()).toMatchObject({ data: { availableCredits: 0 } });
    expect((await admin.post("/api/admin/test-clock", { now: null })).status).toBe(200);
    expect(await ada.creditsInfo()).toMatchObject({ data: { availableCredits: 20 } });
    await server.stop();
  });
});
