import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serverActions, Visitor } from "./visitor.ts";
import { startWebServer, temporaryDirectory, type WebServer } from "./web-server.ts";

const directory = temporaryDirectory();
const secret = "a cron secret of the tests";
let server: WebServer;
let anonymous: Visitor;
let ada: Visitor;
let bob: Visitor;
let admin: Visitor;

beforeAll(async () => {
  const variables = { DATA_DIR: directory.path, CRON_SECRET: secret };
  // An admin is named by the operator once the account exists.
  const first = await startWebServer(variables);
  const account = new Visitor(first.url);
  await account.signUp();
  await first.stop();

  server = await startWebServer({ ...variables, ADMIN_EMAILS: account.email });
  [anonymous, ada, bob] = [new Visitor(server.url), new Visitor(server.url), new Visitor(server.url)];
  admin = new Visitor(server.url, account.email);
  await ada.signUp();
  await bob.signUp();
  await admin.signIn();
  await ada.draw("a harbour");
});

afterAll(async () => {
  await server?.stop();
  directory.remove();
});

describe("the build", () => {
  test("exposes two server actions, and none that grants, spends or runs a job (rule 31)", () => {
    expect(Object.values(serverActions()).sort()).toEqual(["getUserCreditsInfo", "getUserTransactions"]);
  });
});

describe("the two queries, called over HTTP (rule 31)", () => {
  const noCredits = { availableCredits: 0, nextExpiringBatch: null };
  const noHistory = { items: [], total: 0, pageIndex: 0, pageSize: 10, pageCount: 0 };

  test("are refused to nobody in particular", async () => {
    expect(await anonymous.creditsInfo(ada.userId)).toEqual({ serverError: "Unauthorized" });
    expect(await anonymous.transactions(ada.userId)).toEqual({ serverError: "Unauthorized" });
  });

  test("are refused to a forged session", async () => {
    const forger = new Visitor(server.url);
    const cookie = "better-auth.session_token=forged.c2lnbmF0dXJl";
    const response = await forger.fetch("/app/credits", { headers: { cookie } });
    expect(response.status).toBe(307);
    expect(response.headers.get("location")).toBe("/sign-in");
  });

  test("answer about another user what they answer about an unknown one", async () => {
    const unknown = randomUUID();
    expect(await bob.creditsInfo(ada.userId)).toEqual(await bob.creditsInfo(unknown));
    expect(await bob.creditsInfo(ada.userId)).toMatchObject({ data: noCredits });
    expect(await bob.transactions(ada.userId)).toEqual({ data: noHistory });
    expect(await bob.transactions(unknown)).toEqual({ data: noHistory });
  });

  test.each([
    ["nothing", []],
    ["null", [null]],
    ["text", ["ada"]],
    ["a list for an id", [{ userId: [] }]],
    ["an id from the prototype", [{ userId: "__proto__" }]],
  ])("give nothing away for %s", async (_what, parameters) => {
    expect(await bob.call("getUserCreditsInfo", ...parameters)).toMatchObject({ data: noCredits });
    expect(await bob.call("getUserTransactions", ...parameters)).toEqual({ data: noHistory });
  });

  test("name a wrong argument to the user who sent it", async () => {
    const answer = await ada.call("getUserTransactions", { userId: ada.userId, pageSize: 1_000 });
    expect(answer).toEqual({ serverError: expect.stringContaining("pageSize") });
  });

  test("answer a user about itself", async () => {
    expect(await ada.creditsInfo()).toMatchObject({
      data: { availableCredits: 15, nextExpiringBatch: { amount: 15, expiresAt: expect.any(Date) } },
    });
    expect(await ada.transactions()).toMatchObject({
      data: {
        total: 2,
        items: [
          { type: "consumption", amount: -5, status: "completed", createdAt: expect.any(Date) },
          { type: "registration_bonus", amount: 20 },
        ],
      },
    });
  });

  test("answer an admin about anybody, and log it", async () => {
    expect(await admin.creditsInfo(ada.userId)).toMatchObject({ data: { availableCredits: 15 } });
    expect(await admin.transactions(ada.userId)).toMatchObject({ data: { total: 2 } });
    expect(server.output()).toContain(`admin ${admin.userId} reads the credits of user "${ada.userId}"`);
    expect(server.output()).not.toContain(`reads the credits of user "${bob.userId}"`);
  });
});

describe.each([
  ["empty", ""],
  ["shorter than 16 characters", "fifteen letters"],
])("with a CRON_SECRET that is %s", (_what, weak) => {
  test("both cron routes answer 503 whatever the header says, and no job runs (rule 32)", async () => {
    const closed = await startWebServer({ DATA_DIR: "memory://", CRON_SECRET: weak });
    try {
      for (const job of ["grant", "expire"]) {
        for (const authorization of [`Bearer ${weak}`, `Bearer ${secret}`, "Bearer ", ""]) {
          const headers: Record<string, string> = authorization ? { authorization } : {};
          expect((await fetch(`${closed.url}/api/jobs/credits/${job}`, { headers })).status).toBe(503);
        }
      }
      expect(closed.output()).toMatch(/WARNING: CRON_SECRET is/);
      expect(closed.output()).not.toContain(" Job ");
    } finally {
      await closed.stop();
    }
  });
});

describe.each(["grant", "expire"])("the cron route %s (rule 32)", (job) => {
  const path = `/api/jobs/credits/${job}`;
  const bearer = (value: string) => ({ headers: { authorization: value } });

  test.each([
    ["nothing", ""],
    ["the secret without its scheme", secret],
    ["another scheme", `Basic ${secret}`],
    ["a wrong secret", "Bearer some other secret of the tests"],
    ["a prefix of the secret", `Bearer ${secret.slice(0, -1)}`],
    ["more than the secret", `Bearer ${secret} `.repeat(2)],
  ])("answers 401 to %s", async (_what, authorization) => {
    const response = await anonymous.fetch(path, authorization ? bearer(authorization) : {});
    expect([response.status, await response.json()]).toEqual([401, { error: "Unauthorized" }]);
  });

  test("answers 401 to every session, an admin's too", async () => {
    for (const visitor of [ada, admin]) expect((await visitor.fetch(path)).status).toBe(401);
  });

  test("runs for nothing but GET", async () => {
    for (const method of ["POST", "PUT", "DELETE", "HEAD"]) {
      const response = await anonymous.fetch(path, { method, ...bearer(`Bearer ${secret}`) });
      expect([method, response.status]).toEqual([method, 405]);
    }
  });

  test("runs the job for the secret, answers its counts, and logs with the job's id", async () => {
    const response = await anonymous.fetch(path, bearer(`Bearer ${secret}`));
    const body = await response.json();
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("private, no-store");
    expect(body).toEqual({
      success: true,
      jobId: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      duration: expect.any(Number),
      ...(job === "grant"
        ? {
            date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
            results: {
              processed: expect.any(Number),
              successful: expect.any(Number),
              skipped: expect.any(Number),
              failed: 0,
            },
          }
        : { results: { processedBatches: 0, processedUsers: 0, totalExpiredAmount: 0 } }),
    });
    const name = job === "grant" ? "Grant" : "Expire";
    expect(server.output()).toContain(`[Credits ${name} Job ${body.jobId}]`);
    expect(server.output()).not.toContain(secret);
  });
});
