import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The user whose rows nobody can write in a job's scenario: the job must go on without them and say so. */
export const failingUser = "failing-subscriber-";

/**
 * @template Result
 * @param {{ url: string, job: "processDailyGrant" | "processExpired", now: Date }} options
 * @returns {Promise<{ seconds: number, rssGrowthMegabytes: number, result: Result }>}
 */
export async function runJob(options) {
  const program = fileURLToPath(new URL("job-process.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--expose-gc", program, JSON.stringify({ ...options, now: options.now.toISOString() })],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  const { seconds, rssGrowthBytes, result } = JSON.parse(stdout);
  return { seconds, rssGrowthMegabytes: rssGrowthBytes / 1024 ** 2, result };
}

/**
 * From now on the database refuses every change of one user's batches.
 * @param {import("pg").Pool} pool
 */
export async function refuseFailingUser(pool) {
  await pool.query(`
    create or replace function public.refuse_failing_user()
    returns trigger
    language plpgsql
    as $$
    begin
      raise exception 'planted failure';
    end;
    $$;
    create trigger refuse_failing_user
    before insert or update on credits.batch
    for each row
    when (new.user_id like '${failingUser}%')
    execute function public.refuse_failing_user();
  `);
}
