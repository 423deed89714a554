import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createCronHandler, cronSecretLengthMin } from "../src/adapters/next.ts";
import { CreditsError } from "../src/core/errors.ts";

const secret = "sixteen letters!";
const granted = { processed: 3, successful: 2, skipped: 1, failed: 0, results: [] };
const expired = { processedBatches: 4, processedUsers: 2, totalExpiredAmount: 30 };

let logged: string[];
const silenced = (line: unknown) => {
  logged.push(String(line));
};

beforeEach(() => {
  logged = [];
  vi.spyOn(console, "info").mockImplementation(silenced);
  vi.spyOn(console, "error").mockImplementation(silenced);
});
afterEach(() => vi.restoreAllMocks());

function request(authorization?: string, method = "GET"): Request {
  return new Request("http://localhost/api/jobs", {
    method,
    ...(authorization === undefined ? {} : { headers: { authorization } }),
  });
}

describe("createCronHandler", () => {
  it.each([
    ["unset", undefined],
    ["empty", ""],
    ["one character too short", "x".repeat(cronSecretLengthMin - 1)],
  ])(
    "answers 503 and runs nothing while the secret is %s, whatever the header says (rule 32)",
    async (_what, weak) => {
      const run = vi.fn(async () => granted);
      const handler = createCronHandler({ job: "grant", secret: () => weak, run });
      for (const authorization of [undefined, "", "Bearer ", `Bearer ${weak}`, `Bearer ${secret}`]) {
        expect((await handler(request(authorization))).status).toBe(503);
      }
      expect(run).not.toHaveBeenCalled();
    },
  );

  it.each([
    ["nothing", undefined],
    ["no scheme", secret],
    ["another scheme", `Basic ${secret}`],
    ["another case", `Bearer ${secret.toUpperCase()}`],
    ["a longer secret", `Bearer ${secret}!`],
    ["a shorter secret", `Bearer ${secret.slice(0, -1)}`],
    ["two spaces", `Bearer  ${secret}`],
  ])("answers 401 and runs nothing for %s (rule 32)", async (_what, authorization) => {
    const run = vi.fn(async () => granted);
    const response = await createCronHandler({ job: "grant", secret: () => secret, run })(
      request(authorization),
    );
    expect([response.status, await response.json()]).toEqual([401, { error: "Unauthorized" }]);
    expect(run).not.toHaveBeenCalled();
  });

  it("answers 405 to anything but GET, so that a probe runs no job", async () => {
    const run = vi.fn(async () => granted);
    const handler = createCronHandler({ job: "grant", secret: () => secret, run });
    for (const method of ["HEAD", "POST", "PUT", "DELETE"]) {
      expect((await handler(request(`Bearer ${secret}`, method))).status).toBe(405);
    }
    expect(run).not.toHaveBeenCalled();
  });

  it("takes a secret that was rotated since the last request", async () => {
    let current = secret;
    const handler = createCronHandler({
      job: "expire",
      secret: async () => current,
      run: async () => expired,
    });
    expect((await handler(request(`Bearer ${secret}`))).status).toBe(200);
    current = "another secret of the tests";
    expect((await handler(request(`Bearer ${secret}`))).status).toBe(401);
    expect((await handler(request(`Bearer ${current}`))).status).toBe(200);
  });

  it("answers a failure of some users with 500 and the same body, and names them in the log (rule 28)", async () => {
    const results = [
      { userId: "ada\n[Credits Grant Job forged]", success: false, error: "select secret" },
      { userId: "bob", success: true },
    ];
    const run = async () => ({ processed: 2, successful: 1, skipped: 0, failed: 1, results });
    const response = await createCronHandler({ job: "grant", secret: () => secret, run })(
      request(`Bearer ${secret}`),
    );
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({
      success: false,
      results: { processed: 2, successful: 1, skipped: 0, failed: 1 },
    });
    expect(logged.at(-1)).toContain(String.raw`failed for 1 users: "ada\n[Credits`);
    expect(logged.join()).not.toContain("select secret");
  });

  it("answers a broken job with 500, and lets no SQL out (rule 33)", async () => {
    const broken = Object.assign(new Error("Failed query: select secret"), { code: "42P01" });
    const failing = async () => Promise.reject(broken);
    const handler = createCronHandler({ job: "expire", secret: () => secret, run: failing });
    const response = await handler(request(`Bearer ${secret}`));
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({
      success: false,
      jobId: expect.any(String),
      duration: expect.any(Number),
      error: "Internal Server Error",
    });
    expect(logged.at(-1)).toContain("Error 42P01");
    expect(logged.join()).not.toContain("select");
  });

  it("logs a failure of the ledger in its own words", async () => {
    const run = async () => Promise.reject(new CreditsError("DATABASE_UNAVAILABLE", "The database is away"));
    await createCronHandler({ job: "grant", secret: () => secret, run })(request(`Bearer ${secret}`));
    expect(logged.at(-1)).toContain("DATABASE_UNAVAILABLE: The database is away");
  });

  it("answers 500 with the same body when a user's batches could not be booked, and names the user (rule 28)", async () => {
    const failed = { ...expired, failed: 1, results: [{ userId: "ada" }] };
    const handler = createCronHandler({ job: "expire", secret: () => secret, run: async () => failed });
    const response = await handler(request(`Bearer ${secret}`));
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ success: false, results: expired });
    expect(logged.at(-1)).toContain('failed for 1 users: "ada"');
  });

  it("answers a grant with its counts, its day and an id that begins each log line", async () => {
    const handler = createCronHandler({ job: "grant", secret: () => secret, run: async () => granted });
    const response = await handler(request(`Bearer ${secret}`));
    const body = (await response.json()) as { jobId: string };
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(body).toEqual({
      success: true,
      jobId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      duration: expect.any(Number),
      results: { processed: 3, successful: 2, skipped: 1, failed: 0 },
    });
    for (const line of logged) expect(line.startsWith(`[Credits Grant Job ${body.jobId}] `)).toBe(true);
  });

  it("answers an expiry with its counts", async () => {
    const handler = createCronHandler({ job: "expire", secret: () => secret, run: async () => expired });
    const response = await handler(request(`Bearer ${secret}`));
    const body = (await response.json()) as { jobId: string };
    expect(body).toEqual({
      success: true,
      jobId: body.jobId,
      duration: expect.any(Number),
      results: expired,
    });
    expect(logged[0]).toBe(`[Credits Expire Job ${body.jobId}] started`);
  });
});
