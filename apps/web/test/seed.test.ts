import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Visitor } from "./visitor.ts";
import { appDirectory, startWebServer, temporaryDirectory } from "./web-server.ts";

const directory = temporaryDirectory();
let output = "";

function seed(variables: Record<string, string> = {}): Promise<{ exitCode: number | null; text: string }> {
  return new Promise((resolve) => {
    const { PATH, HOME, TMPDIR } = process.env;
    const child = spawn(
      process.execPath,
      ["--conditions=react-server", "--import", "tsx", "scripts/seed.ts"],
      {
        cwd: appDirectory,
        env: { PATH, HOME, TMPDIR, NODE_ENV: "development", DATA_DIR: directory.path, ...variables },
      },
    );
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
    child.once("close", (exitCode) => resolve({ exitCode, text }));
  });
}

beforeAll(async () => {
  const { exitCode, text } = await seed();
  output = text;
  expect([exitCode, text]).toEqual([0, expect.stringContaining("The audit is clean.")]);
});
afterAll(() => directory.remove());

test("the seed makes a demo user whose history has months, several batches, a refund and a hold", async () => {
  const server = await startWebServer({ DATA_DIR: directory.path });
  try {
    const demo = new Visitor(server.url, "demo@example.com", "demo-demo-demo");
    expect(output).toContain(demo.password);
    expect((await demo.signIn()).status).toBe(200);
    const { data } = (await demo.creditsInfo()) as {
      data: { availableCredits: number; heldCredits: number };
    };
    expect(data.availableCredits).toBeGreaterThan(0);
    expect(data.heldCredits).toBe(12);
    const csv = (await (await demo.fetch("/api/credits/history.csv")).text()).split("\r\n").slice(1, -1);
    const types = new Set(csv.map((line) => line.split(",")[2]));
    for (const type of [
      "registration_bonus",
      "purchase",
      "monthly_grant",
      "consumption",
      "expiration",
      "reversal",
      "refund",
      "adjustment",
      "deduction",
    ])
      expect(types).toContain(type);
    const months = new Set(csv.map((line) => line.split(",")[1]?.slice(0, 7)));
    expect(months.size).toBeGreaterThanOrEqual(5);
    // The clock of the real operations goes on where the story ends.
    expect((await demo.draw("a harbour")).status).toBe(200);

    const admin = new Visitor(server.url, "admin@example.com", "admin-admin-admin");
    await admin.signIn();
    expect(await (await admin.fetch("/admin")).text()).toContain("It adds up");
  } finally {
    await server.stop();
  }
});

test("the seed is sown once, and never into a production database", async () => {
  const again = await seed();
  expect(again).toMatchObject({ exitCode: 1, text: expect.stringContaining("exists already") });
  const production = await seed({
    NODE_ENV: "production",
    DATABASE_URL: "postgresql://nobody@127.0.0.1:1/none",
    BETTER_AUTH_SECRET: "x".repeat(32),
    CRON_SECRET: "x".repeat(32),
  });
  expect(production.exitCode).toBe(1);
  expect(production.text).toContain("production");
});
