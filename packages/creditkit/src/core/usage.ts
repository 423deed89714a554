import { parseDate, parseId, parseParameters } from "./argument.ts";
import type { Engine } from "./engine.ts";
import { invalidArgument } from "./errors.ts";

/** What one service cost a user on one day. */
export interface DailyUsage {
  /** `YYYY-MM-DD`, UTC. */
  day: string;
  service: string;
  /** Credits, what was given back of them deducted. */
  amount: number;
  /** How many spends. */
  spends: number;
}

export interface UsageParams {
  userId: string;
  /** From this instant. */
  from: Date;
  /** Until before this one. */
  to: Date;
}

/**
 * What a user spent, by day (UTC) and service, in order; days and services without any are left out.
 * @throws `INVALID_ARGUMENT` (`field`).
 */
export async function getUsage(engine: Engine, params: UsageParams): Promise<DailyUsage[]> {
  const fields = parseParameters(params);
  const userId = parseId("userId", fields.userId);
  const from = parseDate("from", fields.from);
  const to = parseDate("to", fields.to);
  if (from >= to) throw invalidArgument("to", "an instant after `from`");
  const rows = await engine.call<DailyUsage[]>(
    "select credits.get_usage($1::text, $2::text::timestamptz, $3::text::timestamptz)::text as answer",
    [userId, from.toISOString(), to.toISOString()],
  );
  return rows.map((row) => ({ ...row, amount: engine.credits(row.amount) }));
}
