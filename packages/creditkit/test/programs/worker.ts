// A process of an application: does what it is told on a database, with a pool and an engine of its own.
import pg from "pg";
import { fromPool } from "../../src/adapters/pg.ts";
import { defaultCreditsConfig } from "../../src/core/config.ts";
import { createCredits } from "../../src/core/credits.ts";
import type { CreditsError } from "../../src/core/errors.ts";
import type { ExpireResult } from "../../src/core/expire.ts";
import type { DailyGrantResult } from "../../src/core/monthly-grant.ts";
import type { Credits } from "../../src/core/operations.ts";

export interface WorkerOrder {
  url: string;
  connections: number;
  groupCommit?: boolean;
  sharded?: boolean;
  /** Where the test clock stands; omitted: the database's own clock. */
  now?: string;
  work:
    | { name: "spend"; userId: string; times: number }
    | { name: "daily grant" }
    | { name: "expire" }
    /** Ends holds one after the other: by settling 1 credit of each, by releasing it, or by spending 1 credit after its time. */
    | { name: "end holds"; by: "settle" | "release" | "spend"; holds: { userId: string; holdId: string }[] }
    | { name: "migrate" };
}

/** What came of it; of spends, how often each answer was given: `done` or the code of the refusal. */
export interface WorkerReport {
  spends?: Record<string, number>;
  /** Of each hold, in order: `done` or the code of the refusal. */
  endings?: string[];
  granted?: DailyGrantResult;
  expired?: ExpireResult;
  applied?: string[];
  error?: string;
}

process.on(
  "message",
  async ({ url, connections, groupCommit = true, sharded = false, now, work }: WorkerOrder) => {
    const pool = new pg.Pool({ connectionString: url, max: connections });
    const credits = createCredits({
      database: fromPool(pool),
      config: defaultCreditsConfig,
      groupCommit,
      sharded,
      ...(now === undefined ? {} : { clock: () => new Date(now) }),
    });
    const report = await run(credits, work).catch((error: Error): WorkerReport => ({ error: error.message }));
    await pool.end();
    process.send?.(report);
  },
);

async function run(credits: Credits, work: WorkerOrder["work"]): Promise<WorkerReport> {
  switch (work.name) {
    case "spend":
      return { spends: await spend(credits, work.userId, work.times) };
    case "end holds":
      return { endings: await endHolds(credits, work) };
    case "daily grant":
      return { granted: await credits.processDailyGrant() };
    case "expire":
      return { expired: await credits.processExpired() };
    case "migrate":
      return { applied: (await credits.migrate()).applied };
  }
}

async function spend(credits: Credits, userId: string, times: number): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  const one = async () => {
    const answer = await credits.consume({ userId, amount: 1, service: "chat" }).then(
      () => "done",
      (error: CreditsError) => error.code,
    );
    answers[answer] = (answers[answer] ?? 0) + 1;
  };
  await Promise.all(Array.from({ length: times }, one));
  return answers;
}

async function endHolds(
  credits: Credits,
  { by, holds }: Extract<WorkerOrder["work"], { name: "end holds" }>,
): Promise<string[]> {
  const answers: string[] = [];
  for (const hold of holds) {
    const { userId } = hold;
    const ending = {
      settle: () => credits.settle({ ...hold, amount: 1 }),
      release: () => credits.release(hold),
      spend: () => credits.consume({ userId, amount: 1, service: "chat" }),
    };
    answers.push(
      await ending[by]().then(
        () => "done",
        (error: CreditsError) => error.code,
      ),
    );
  }
  return answers;
}

process.send?.("ready");
