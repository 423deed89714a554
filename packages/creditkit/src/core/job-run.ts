import { parseParameters } from "./argument.ts";
import type { Engine } from "./engine.ts";
import { invalidArgument } from "./errors.ts";
import { errorFields } from "./logger.ts";
import { uuidV7 } from "./uuid.ts";

export const jobNames = ["grant", "expire", "audit"] as const;
export type JobName = (typeof jobNames)[number];

const jobRunsMax = 1_000;
const jobRunsDefault = 20;
/** Failures or violations of one run that are kept. */
const keptRowsMax = 20;

/** One run of a job or of the audit. The newest 100 of each are kept. */
export interface JobRun {
  id: string;
  job: JobName;
  startedAt: Date;
  /** Null: it is under way, or its process died. */
  finishedAt: Date | null;
  /** Its counts, and its first failures or violations; null where it broke or has not ended. */
  result: Record<string, unknown> | null;
  /** Why it broke. */
  error: string | null;
}

/**
 * The newest runs of the jobs and of the audit, newest first.
 * @throws `INVALID_ARGUMENT` (`field`).
 */
export async function getJobRuns(
  engine: Engine,
  params: { job?: JobName; limit?: number } = {},
): Promise<JobRun[]> {
  const { job, limit = jobRunsDefault } = parseParameters(params);
  if (job !== undefined && !jobNames.some((name) => name === job))
    throw invalidArgument("job", `one of ${jobNames.join(", ")}`);
  if (!Number.isInteger(limit) || (limit as number) < 1 || (limit as number) > jobRunsMax)
    throw invalidArgument("limit", `a whole number from 1 to ${jobRunsMax}`);
  const rows = await engine.call<
    {
      id: string;
      job: JobName;
      started_at: number;
      finished_at: number | null;
      result: Record<string, unknown> | null;
      error: string | null;
    }[]
  >("select credits.get_job_runs($1::text, $2::text::integer)::text as answer", [job ?? null, String(limit)]);
  return rows.map(({ started_at, finished_at, ...row }) => ({
    ...row,
    startedAt: new Date(started_at),
    finishedAt: finished_at === null ? null : new Date(finished_at),
  }));
}

/**
 * Runs a job and writes down when it began and how it ended. What cannot be written down is logged: the job's own result is worth
 * more than the note of it.
 */
export async function recorded<Result extends object>(
  engine: Engine,
  job: JobName,
  run: () => Promise<Result>,
): Promise<Result> {
  // A job of a disabled system does nothing (rule 12).
  if (!engine.config.enabled && job !== "audit") return run();
  const id = uuidV7();
  const note = async (statement: string, values: () => readonly unknown[]) => {
    try {
      await engine.call(statement, values);
    } catch (error) {
      engine.logger?.warn({ job, ...errorFields(error) }, "A job's run could not be written down");
    }
  };
  const finish = (result: string | null, error: string | null) =>
    note(
      "select credits.finish_job($1::text::uuid, $2::text::jsonb, $3::text, $4::text::timestamptz)::text as answer",
      () => [id, result, error, engine.now()],
    );
  await note(
    "select credits.start_job($1::text::uuid, $2::text, $3::text::timestamptz)::text as answer",
    () => [id, job, engine.now()],
  );
  try {
    const result = await run();
    await finish(JSON.stringify(summary(result)), null);
    return result;
  } catch (error) {
    // Never its message, which may hold SQL and values (rule 33).
    await finish(null, failureName(error));
    throw error;
  }
}

function failureName(error: unknown): string {
  const { error: name, code } = errorFields(error);
  return code === undefined ? String(name) : `${name} ${code}`;
}

/** The counts of a result and the first of what went wrong: a job over many users would fill the table. */
function summary(result: object): object {
  return Object.fromEntries(
    Object.entries(result).map(([name, value]) => [
      name,
      Array.isArray(value)
        ? value.filter((row) => !(row as { success?: boolean }).success).slice(0, keptRowsMax)
        : value,
    ]),
  );
}
