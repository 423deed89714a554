import { beforeEach, expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/index.ts";
import { describeLedger, emptyBooks, failOn, mend, newUser, refusal } from "./ledger.ts";
import { dayMs } from "./model.ts";

describeLedger("the runs of jobs (rule 28)", (ledger) => {
  const credits = () => ledger().credits;

  beforeEach(async () => {
    await emptyBooks(ledger());
    await ledger().sql("delete from credits.job_run");
  });

  it("are written down with their counts, newest first", async () => {
    const userId = newUser();
    await credits().grant({ userId, amount: 20, type: "adjustment", validityDays: 1 });
    await credits().processDailyGrant();
    ledger().clock.advance(2 * dayMs);
    await credits().processExpired();
    await credits().audit();
    const runs = await credits().getJobRuns();
    expect(runs.map(({ job }) => job)).toEqual(["audit", "expire", "grant"]);
    const [audit, expire, grant] = runs;
    expect(audit).toMatchObject({ result: { ok: true, violations: [] }, error: null });
    expect(expire?.result).toMatchObject({ processedBatches: 1, totalExpiredAmount: 20 });
    // Those who got something are in the books; the note keeps the failures.
    expect(grant?.result).toMatchObject({ processed: 1, successful: 1, failed: 0, results: [] });
    for (const run of runs) expect(run.finishedAt?.getTime()).toBeGreaterThanOrEqual(run.startedAt.getTime());
    expect(await credits().getJobRuns({ job: "expire" })).toEqual([expire]);
    expect(await credits().getJobRuns({ limit: 1 })).toEqual([audit]);
  });

  it("name the first users who failed", async () => {
    const userId = newUser();
    await credits().grant({ userId, amount: 20, type: "adjustment" });
    await failOn(ledger(), userId);
    try {
      await credits().processDailyGrant();
    } finally {
      await mend(ledger());
    }
    const [run] = await credits().getJobRuns();
    expect(run?.result).toMatchObject({ failed: 1, results: [{ userId, success: false }] });
  });

  it("say that one broke, and how, without SQL or values (rule 33)", async () => {
    const breaking = createCredits({
      database: {
        ...ledger().database,
        query: async (text, values) => {
          if (text.includes("users_after") || text.includes("expir"))
            throw Object.assign(new Error("select secret"), { code: "42501" });
          return ledger().database.query(text, values);
        },
      },
      config: defaultCreditsConfig,
      clock: ledger().clock.now,
    });
    await expect(breaking.processExpired()).rejects.toThrow();
    const [run] = await credits().getJobRuns();
    expect(run).toMatchObject({ job: "expire", result: null, error: "Error 42501" });
    expect(run?.finishedAt).not.toBeNull();
  });

  it("whose process died stay without an end", async () => {
    await ledger().sql(
      "insert into credits.job_run (id, job, started_at) values (gen_random_uuid(), 'grant', now())",
    );
    const [run] = await credits().getJobRuns();
    expect(run).toMatchObject({ job: "grant", finishedAt: null, result: null, error: null });
  });

  it("are kept in a bounded number", async () => {
    for (let index = 0; index < 105; index++) await credits().processExpired();
    const [count] = await ledger().sql<{ count: number }>(
      "select count(*)::integer as count from credits.job_run",
    );
    expect(count?.count).toBe(100);
  });

  it("do their work also where they cannot be written down", async () => {
    const userId = newUser();
    await credits().grant({ userId, amount: 20, type: "adjustment", validityDays: 1 });
    ledger().clock.advance(2 * dayMs);
    await ledger().sql("alter table credits.job_run rename to job_run_away");
    try {
      expect(await credits().processExpired()).toMatchObject({ totalExpiredAmount: 20 });
    } finally {
      await ledger().sql("alter table credits.job_run_away rename to job_run");
    }
  });

  it("of a disabled system, and audits inside a host's transaction, leave none (rule 12)", async () => {
    const off = ledger().with({ ...defaultCreditsConfig, enabled: false });
    await off.processExpired();
    await off.processDailyGrant();
    expect(await credits().getJobRuns()).toEqual([]);
  });

  it.each([
    ["job", { job: "backup" }],
    ["limit", { limit: 0 }],
    ["limit", { limit: 1_001 }],
  ])("are not listed for a wrong %s: %j", async (field, params) => {
    const error = await refusal(credits().getJobRuns(params as never));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", field });
  });
});
