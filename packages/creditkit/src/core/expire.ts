import type { Engine } from "./engine.ts";
import type { Committed } from "./event.ts";
import { causeMessage, eachPage, type Failures, forUsers, type JobPage, resultsMax } from "./job.ts";

/** Batches, or holds, listed at a time. */
export const expirePageBatches = 1_000;

export interface ExpireResult {
  processedBatches: number;
  processedUsers: number;
  /** Credits. */
  totalExpiredAmount: number;
  /** Holds whose time was over and whose end was booked, when there were any. Their credits were free already. */
  timedOutHolds?: number;
  /** Users whose batches could not be booked, when there are any; everybody else's are. */
  failed?: number;
  /** Who failed and why, at most 1 000. */
  results?: Array<{ userId: string; success: false; error: string }>;
}

/**
 * Books what has expired, and the end of holds that have timed out: run it at any hour, late, twice, or in two processes at once. No balance changes, since an
 * expired batch is invisible from its first instant.
 * @throws `DATABASE_UNAVAILABLE`; what was booked stays, the next run goes on.
 */
export async function processExpired(engine: Engine): Promise<ExpireResult> {
  const total: ExpireResult = { processedBatches: 0, processedUsers: 0, totalExpiredAmount: 0 };
  if (!engine.config.enabled) return total;
  const failures: Failures = new Map();
  let units = 0;
  let timedOutHolds = 0;
  // Listed is what had expired when the job began, and a page leaves nothing of that for its users: a user whose batches
  // stand on two pages is booked by one of them, and counted once (rule 28).
  const until = await engine.call<string>(
    "select to_jsonb(credits.clock($1::text::timestamptz))::text as answer",
    () => [engine.now()],
  );
  const book = async (userIds: string[]) => {
    const answers = await forUsers(engine, userIds, failures, (page) => expireAll(engine, page));
    timedOutHolds += answers.filter(isEndedHold).length;
    const booked = answers.filter(isExpiration);
    const users = new Set(booked.map((expiration) => expiration.user_id));
    total.processedUsers += users.size;
    // Who failed on an earlier page and is booked now has not failed.
    for (const { user_id } of answers) failures.delete(user_id);
    total.processedBatches += booked.length;
    units += booked.reduce((sum, expiration) => sum + expiration.amount, 0);
  };
  // Holds first: what they free of an expired batch is breakage of the same run.
  await eachPage(pagesOfUsers(engine, "timed_out_holds", until), book);
  await eachPage(pagesOfUsers(engine, "expired_batches", until), book);
  if (timedOutHolds > 0) total.timedOutHolds = timedOutHolds;
  total.totalExpiredAmount = engine.credits(units);
  if (failures.size > 0) {
    total.failed = failures.size;
    total.results = [...failures]
      .slice(0, resultsMax)
      .map(([userId, error]) => ({ userId, success: false, error: causeMessage(error) }));
  }
  return total;
}

interface Listed {
  user_id: string;
  id: string;
  expires_at: string;
}

/** The users of each page of what has expired. The page moves on past a user who fails. */
async function* pagesOfUsers(
  engine: Engine,
  list: "timed_out_holds" | "expired_batches",
  until: string,
): AsyncGenerator<string[]> {
  let after: Listed = { expires_at: "-infinity", user_id: "", id: "00000000-0000-0000-0000-000000000000" };
  for (;;) {
    const listed = await engine.call<Listed[]>(
      `select credits.${list}(
         $1::text::timestamptz, $2::text, $3::text::uuid, $4::text::integer, $5::text::timestamptz
       )::text as answer`,
      [after.expires_at, after.user_id, after.id, String(expirePageBatches), until],
    );
    const last = listed.at(-1);
    if (last === undefined) return;
    yield [...new Set(listed.map((item) => item.user_id))];
    after = last;
  }
}

interface Expiration extends Committed {
  user_id: string;
  batch_id: string;
  amount: number;
}

interface EndedHold {
  user_id: string;
  hold_id: string;
  amount: number;
}

function isEndedHold(answer: Expiration | EndedHold): answer is EndedHold {
  return "hold_id" in answer;
}

function isExpiration(answer: Expiration | EndedHold): answer is Expiration {
  return !isEndedHold(answer);
}

/** Tells the host of an expiration that is committed. */
function emitExpired(engine: Engine, expiration: Expiration): void {
  engine.events?.emit(
    {
      type: "credits.expired",
      userId: expiration.user_id,
      transactionId: expiration.id,
      amount: engine.credits(expiration.amount),
      batchId: expiration.batch_id,
    },
    expiration,
  );
}

async function expireAll(engine: Engine, page: JobPage): Promise<(Expiration | EndedHold)[]> {
  const values = (attempt: number) => [page.id, String(page.isRetried || attempt > 0), engine.now()];
  const booked = engine.sharded
    ? await engine.call<(Expiration | EndedHold)[]>(
        `select answer::text
         from credits.expire_for($1::text, $2::text::uuid, $3::text::boolean, $4::timestamptz) as answer`,
        (attempt) => [page.userIds[0], ...values(attempt)],
      )
    : await engine.call<(Expiration | EndedHold)[]>(
        `select credits.expire(
           array(select jsonb_array_elements_text($1::text::jsonb)),
           $2::text::uuid, $3::text::boolean, $4::text::timestamptz
         )::text as answer`,
        (attempt) => [JSON.stringify(page.userIds), ...values(attempt)],
      );
  for (const expiration of booked.filter(isExpiration)) emitExpired(engine, expiration);
  return booked;
}
