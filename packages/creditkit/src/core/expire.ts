import type { Engine } from "./engine.ts";
import { causeMessage, type Failures, forUsers, resultsMax } from "./job.ts";

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
  for await (const userIds of pagesOfUsers(engine)) {
    for (const booked of await forUsers(userIds, failures, (some) => expireAll(engine, some))) {
      total.processedUsers += 1;
      total.processedBatches += booked.batches;
      units += booked.amount;
    }
  }
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
async function* pagesOfUsers(engine: Engine): AsyncGenerator<string[]> {
  let after = { expires_at: "-infinity", user_id: "", batch_id: "00000000-0000-0000-0000-000000000000" };
  for (;;) {
    const batches = await engine.call<ExpiredBatch[]>(
      `select credits.expired_batches(
         $1::text::timestamptz, $2::text, $3::text::uuid, $4::text::integer, $5::text::timestamptz
       )::text as answer`,
      () => [after.expires_at, after.user_id, after.batch_id, String(expirePageBatches), engine.now()],
    );
    const last = batches.at(-1);
    if (last === undefined) return;
    yield [...new Set(batches.map((batch) => batch.user_id))];
    after = last;
  }
}

interface Booked {
  user_id: string;
  batches: number;
  amount: number;
}

function expireAll(engine: Engine, userIds: readonly string[]): Promise<Booked[]> {
  return engine.call<Booked[]>(
    "select credits.expire(array(select jsonb_array_elements_text($1::text::jsonb)), $2::text::timestamptz)::text as answer",
    () => [JSON.stringify(userIds), engine.now()],
  );
}
