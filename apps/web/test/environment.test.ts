import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EnvironmentError, readEnvironment } from "@/env";
import { environmentExample } from "@/env-example";
import { appDirectory } from "./web-server.ts";

function problemsOf(variables: Record<string, string>): readonly string[] {
  try {
    readEnvironment(variables);
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems;
    throw error;
  }
  return [];
}

describe("the environment", () => {
  test("is refused with all problems together", () => {
    const problems = problemsOf({
      DATABASE_URL: "mysql://db.example/credits",
      BETTER_AUTH_URL: "ftp://example.com",
      ADMIN_EMAILS: "ada@example.com, nobody",
      PORT: "seventy",
      NODE_ENV: "staging",
      CREDITS_TEST_CLOCK: "yes",
    });
    expect(problems.map((problem) => problem.split(" ")[0]).sort()).toEqual([
      "ADMIN_EMAILS",
      "BETTER_AUTH_URL",
      "CREDITS_TEST_CLOCK",
      "DATABASE_URL",
      "NODE_ENV",
      "PORT",
    ]);
  });

  test("lists missing secrets beside malformed values", () => {
    const problems = problemsOf({
      DATABASE_URL: "postgres://db.example/credits",
      NODE_ENV: "production",
      PORT: "seventy",
    });
    expect(problems).toEqual([
      "PORT must be a port number",
      "BETTER_AUTH_SECRET is required with DATABASE_URL in production",
      "CRON_SECRET is required with DATABASE_URL in production",
    ]);
  });

  test("never repeats a value in a problem", () => {
    const secret = "hunter2";
    const problems = problemsOf({
      DATABASE_URL: `mysql://ada:${secret}@db`,
      BETTER_AUTH_URL: `${secret}://x`,
    });
    expect(problems).toHaveLength(2);
    expect(problems.join()).not.toContain(secret);
  });

  test.each([
    ["no secrets on the embedded database", { NODE_ENV: "production" }],
    [
      "no secrets outside production",
      { NODE_ENV: "development", DATABASE_URL: "postgres://db.example/credits" },
    ],
    [
      "a short CRON_SECRET, which closes the cron routes instead (rule 32)",
      {
        NODE_ENV: "production",
        DATABASE_URL: "postgresql://db.example/credits",
        BETTER_AUTH_SECRET: "x".repeat(32),
        CRON_SECRET: "short",
      },
    ],
    ["a database behind a socket", { DATABASE_URL: "postgresql:///credits?host=/var/run/postgresql" }],
  ])("accepts %s", (_what, variables) => {
    expect(problemsOf(variables)).toEqual([]);
  });

  test("takes a blank variable for one that is not set", () => {
    const environment = readEnvironment({
      DATABASE_URL: "",
      PORT: "  ",
      DATA_DIR: "",
      CREDITS_TEST_CLOCK: "",
    });
    expect(environment).toEqual({
      ...readEnvironment({}),
      PORT: 3000,
      DATA_DIR: ".data",
      NODE_ENV: "development",
    });
  });

  test("reads ADMIN_EMAILS as a list without regard to case", () => {
    const { ADMIN_EMAILS } = readEnvironment({ ADMIN_EMAILS: "Ada@Example.com, ,bob@example.com" });
    expect(ADMIN_EMAILS).toEqual(["ada@example.com", "bob@example.com"]);
  });

  test("has its .env.example made from the schema (mend with: npm run env:example -w web)", () => {
    expect(readFileSync(join(appDirectory, ".env.example"), "utf8")).toBe(environmentExample());
  });

  test("is described variable by variable", () => {
    const names = [
      "DATABASE_URL",
      "CRON_SECRET",
      "CREDIT_MAX_PRICE_ID",
      "STRIPE_WEBHOOK_SECRET",
      "CREEM_API_KEY",
    ];
    const example = environmentExample();
    for (const name of names) expect(example).toMatch(new RegExp(`^#   .+\\n# ${name}=`, "m"));
  });
});

test("never is the tester's own database, which `DATABASE_URL` chooses for the library's tests", () => {
  expect(readEnvironment().DATABASE_URL).toBeUndefined();
});
