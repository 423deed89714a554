import type { Engine } from "./engine.ts";
import type { Committed } from "./event.ts";
import { causeMessage, eachPage, type Failures, forUsers, type JobPage, resultsMax } from "./job.ts";

/** Batches listed at a time. */
export const expirePageBatches = 1_000;

export interface ExpireResult {
  processedBatches: number;
  processedUsers: number;
  /** Credits. */
  totalExpiredAmount: number;
  /** Users whose batches could not be booked, when there are any; everybody else's are. */
  failed?: number;
  /** Who failed and why, at most 1 000. */
  results?: Array<{ userId: string; success: false; error: string }>;
}

/**
 * Books what has expired: run it at any hour, late, twice, or in two processes at once. No balance changes, since an
 * expired batch is invisible from its first instant.
 * @throws `DATABASE_UNAVAILABLE`; what was booked stays, the next run goes on.
 */
export async function processExpired(engine: Engine): Promise<ExpireResult> {
  const total: ExpireResult = { processedBatches: 0, processedUsers: 0, totalExpiredAmount: 0 };
  if (!engine.config.enabled) return total;
  const failures: Failures = new Map();
  let units = 0;
  // Listed is what had expired when the job began, and a page leaves nothing of that for its users: a user whose batches
  // stand on two pages is booked by one of them, and counted once (rule 28).
  const until = await engine.call<string>(
    "select to_jsonb(credits.clock($1::text::timestamptz))::text as answer",
    () => [engine.now()],
  );
  await eachPage(pagesOfUsers(engine, until), async (userIds) => {
    const booked = await forUsers(engine, userIds, failures, (page) => expireAll(engine, page));
    const users = new Set(booked.map((expiration) => expiration.user_id));
    total.processedUsers += users.size;
    // Who failed on an earlier page and is booked now has not failed.
    for (const userId of users) failures.delete(userId);
    total.processedBatches += booked.length;
    units += booked.reduce((sum, expiration) => sum + expiration.amount, 0);
  });
  total.totalExpiredAmount = engine.credits(units);
  if (failures.size > 0) {
    total.failed = failures.size;
    total.results = [...failures]
      .slice(0, resultsMax)
      .map(([userId, error]) => ({ userId, success: false, error: causeMessage(error) }));
  }
  return total;
}

interface ExpiredBatch {
  user_id: string;
  batch_id: string;
  expires_at: string;
}

/** The users of each page of expired batches. The page moves on past a user who fails. */
async function* pagesOfUsers(engine: Engine, until: string): AsyncGenerator<string[]> {
  let after = { expires_at: "-infinity", user_id: "", batch_id: "00000000-0000-0000-0000-000000000000" };
  for (;;) {
    const batches = await engine.call<ExpiredBatch[]>(
      `select credits.expired_batches(
         $1::text::timestamptz, $2::text, $3::text::uuid, $4::text::integer, $5::text::timestamptz
       )::text as answer`,
      [after.expires_at, after.user_id, after.batch_id, String(expirePageBatches), until],
    );
    const last = batches.at(-1);
    if (last === undefined) return;
    yield [...new Set(batches.map((batch) => batch.user_id))];
    after = last;
  }
}

interface Expiration extends Committed {
  user_id: string;
  batch_id: string;
  amount: number;
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

async function expireAll(engine: Engine, page: JobPage): Promise<Expiration[]> {
  const values = (attempt: number) => [page.id, String(page.isRetried || attempt > 0), engine.now()];
  const booked = engine.sharded
    ? await engine.call<Expiration[]>(
        `select answer::text
         from credits.expire_for($1::text, $2::text::uuid, $3::text::boolean, $4::timestamptz) as answer`,
        (attempt) => [page.userIds[0], ...values(attempt)],
      )
    : await engine.call<Expiration[]>(
        `select credits.expire(
           array(select jsonb_array_elements_text($1::text::jsonb)),
           $2::text::uuid, $3::text::boolean, $4::text::timestamptz
         )::text as answer`,
        (attempt) => [JSON.stringify(page.userIds), ...values(attempt)],
      );
  for (const expiration of booked) emitExpired(engine, expiration);
  return booked;
}
