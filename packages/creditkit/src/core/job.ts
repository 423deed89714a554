import type { Engine } from "./engine.ts";
import { CreditsError } from "./errors.ts";
import { errorFields, type Logger } from "./logger.ts";
import { uuidV7 } from "./uuid.ts";

/** Rows that a job reports at most, failures first; its counts are exact all the same (rule 28). */
export const resultsMax = 1_000;

/** Pages under way at a time: one is read and decided while another one is written and committed. */
const pagesAtOnce = 2;
/** Users of a page under way at a time on a sharded database, each in a statement of its own. */
const shardedUsersAtOnce = 8;

/** Who failed in a job, and why. */
export type Failures = Map<string, unknown>;

/** Users of a job's statement. Its id stands on every row it writes. */
export interface JobPage {
  id: string;
  userIds: readonly string[];
  /** An earlier attempt may have done some of it: the answer then has to include what that one wrote. */
  isRetried: boolean;
}

/**
 * Does work for each page, some at a time. When it fails for one, the others under way end before it rejects.
 * @throws what the work of a page throws.
 */
export async function eachPage<Page>(
  pages: AsyncGenerator<Page>,
  work: (page: Page) => Promise<void>,
  atOnce = pagesAtOnce,
): Promise<void> {
  const takeTurns = async () => {
    try {
      for await (const page of { [Symbol.asyncIterator]: () => ({ next: () => pages.next() }) })
        await work(page);
    } catch (error) {
      await pages.return(undefined);
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, takeTurns));
  const failed = ends.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/**
 * Does work for many users in one statement; when that fails, for each alone, so that one user's failure is only theirs.
 * On a sharded database, for each alone from the start, several at a time.
 * @throws `DATABASE_UNAVAILABLE` at once: going on with the next user is pointless.
 */
export async function forUsers<Answer>(
  engine: Engine,
  userIds: readonly string[],
  failures: Failures,
  work: (page: JobPage) => Promise<Answer[]>,
): Promise<Answer[]> {
  const page: JobPage = { id: uuidV7(), userIds, isRetried: false };
  if (!engine.sharded) return forPage(page, failures, work);
  const answers: Answer[][] = [];
  const pages = async function* () {
    yield* userIds.entries();
  };
  await eachPage(
    pages(),
    async ([index, userId]) => {
      answers[index] = await forPage({ ...page, userIds: [userId] }, failures, work);
    },
    shardedUsersAtOnce,
  );
  return answers.flat();
}

async function forPage<Answer>(
  page: JobPage,
  failures: Failures,
  work: (page: JobPage) => Promise<Answer[]>,
): Promise<Answer[]> {
  const { userIds } = page;
  try {
    return await work(page);
  } catch (error) {
    if (CreditsError.is(error) && error.code === "DATABASE_UNAVAILABLE") throw error;
    const [userId] = userIds;
    if (userId !== undefined && userIds.length === 1) failures.set(userId, error);
    if (userIds.length <= 1) return [];
    const answers: Answer[] = [];
    for (const userId of userIds)
      answers.push(...(await forPage({ ...page, userIds: [userId], isRetried: true }, failures, work)));
    return answers;
  }
}

/** The message of an error's first cause: a driver's wrapper repeats the statement and its values. */
export function causeMessage(error: unknown): string {
  let cause = error;
  for (let depth = 0; depth < 5 && cause instanceof Error && cause.cause !== undefined; depth++)
    cause = cause.cause;
  return cause instanceof Error ? cause.message : "Unknown error";
}

/** Runs a job and logs its counts, which are the numbers of its result. */
export async function reported<Result extends object>(
  logger: Logger | undefined,
  job: string,
  run: () => Promise<Result>,
): Promise<Result> {
  if (logger === undefined) return run();
  const started = performance.now();
  const durationMs = () => Math.round(performance.now() - started);
  try {
    const result = await run();
    const counts = Object.fromEntries(
      Object.entries(result).filter(([, count]) => typeof count === "number"),
    );
    const level = counts.failed > 0 ? "error" : "info";
    logger[level]({ job, durationMs: durationMs(), ...counts }, "A job has finished");
    return result;
  } catch (error) {
    logger.error({ job, durationMs: durationMs(), ...errorFields(error) }, "A job broke");
    throw error;
  }
}
