import type { Engine } from "./engine.ts";
import { type Failures, forUsers } from "./job.ts";

/** Batches listed at a time. */
export const expirePageBatches = 1_000;

export interface ExpireResult {
  processedBatches: number;
  processedUsers: number;
  /** Credits. */
  totalExpiredAmount: number;
}

/**
 * Books what has expired: run it at any hour, late, twice, or in two processes at once. No balance changes, since an
 * expired batch is invisible from its first instant.
 * @throws the first user's failure after everybody else's batches are booked; `DATABASE_UNAVAILABLE` at once.
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
  const [failure] = failures;
  if (failure !== undefined) {
    throw new Error(`Expiry failed for ${failures.size} users, the others are booked`, { cause: failure[1] });
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
