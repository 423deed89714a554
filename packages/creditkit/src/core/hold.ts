import {
  type Metadata,
  type overages,
  parseId,
  parseMetadata,
  parseOptionalId,
  parseOverage,
  parseParameters,
  parseService,
  parseTtlSeconds,
} from "./argument.ts";
import type { Engine } from "./engine.ts";
import { isRefusal, type Refusal, refusalError } from "./request.ts";
import { uuidV7 } from "./uuid.ts";
import type { UserParams } from "./wallet.ts";

/** What a settlement above the held amount does. */
export type Overage = (typeof overages)[number];

export interface HoldParams {
  userId: string;
  /** Credits to set aside, positive. */
  amount: number;
  /** What will be paid for, e.g. `google:chat`. */
  service: string;
  /** Seconds until the hold ends by itself, 1–86 400. Default 900. */
  ttlSeconds?: number;
  /**
   * What a settlement above the amount does: `reject` refuses it, `take_available` (default) charges what else is available and
   * says what is short, `debt` lends the rest.
   */
  overage?: Overage;
  /** Makes the hold repeatable: the same key holds once, however often it is sent. */
  idempotencyKey?: string;
  /** A plain JSON object up to 16 KiB and depth 8; its settlement takes it over when it brings none of its own. */
  metadata?: Metadata;
}

export interface HoldResult {
  holdId: string;
  /** Credits set aside. */
  amount: number;
  /** From this instant on nothing is held any more. */
  expiresAt: Date;
  /** Available credits right after the hold. */
  newBalance: number;
  /** Present when the key had been used before: this is the first answer again. */
  replayed?: true;
}

/** A hold that has not ended. */
export interface OpenHold {
  holdId: string;
  /** Credits set aside. */
  amount: number;
  service: string;
  overage: Overage;
  metadata: Metadata | null;
  createdAt: Date;
  expiresAt: Date;
}

/**
 * Sets credits aside for work whose price is known only once it is done: they can be neither spent nor expire until the
 * hold is settled, released or times out. All or nothing.
 * @throws `INSUFFICIENT_CREDITS` (`required`, `available`), `USER_BALANCE_NOT_FOUND` for a user who never had a grant,
 * `WALLET_FROZEN`, `IDEMPOTENCY_CONFLICT` (`field`), `INVALID_AMOUNT`, `INVALID_ARGUMENT` (`field`), `CREDITS_DISABLED`.
 * @example
 * const { holdId } = await credits.hold({ userId: "ada", amount: 75, service: "google:chat" });
 * await credits.settle({ userId: "ada", holdId, amount: 40 }); // 35 are free again
 */
export async function hold(engine: Engine, params: HoldParams): Promise<HoldResult> {
  engine.requireEnabled();
  const fields = parseParameters(params);
  const userId = parseId("userId", fields.userId);
  const request = {
    id: uuidV7(),
    service: parseService(fields.service),
    ttl_seconds: parseTtlSeconds(fields.ttlSeconds),
    overage: parseOverage(fields.overage),
    key: parseOptionalId("idempotencyKey", fields.idempotencyKey),
    metadata: parseMetadata(fields.metadata),
    amount: engine.units(fields.amount),
  };
  const answer = await engine.call<Refusal | HoldAnswer>(
    "select answer::text from credits.hold($1::text, $2::text::jsonb, $3::timestamptz) as answer",
    // Sent again, it may have been made already: then its id finds it (rule 29).
    (attempt) => [userId, JSON.stringify({ ...request, retried: attempt > 0 }), engine.now()],
  );
  if (isRefusal(answer)) throw refusalError(engine, answer);
  return {
    holdId: answer.id,
    amount: engine.credits(answer.amount),
    expiresAt: new Date(answer.expires_at),
    newBalance: engine.credits(answer.available),
    ...(answer.replayed ? { replayed: true as const } : {}),
  };
}

interface HoldAnswer {
  id: string;
  amount: number;
  available: number;
  expires_at: number;
  replayed: boolean;
}

/**
 * The open holds of one user, oldest first; none for an unknown user.
 * @throws `INVALID_ARGUMENT` for a bad user id.
 */
export async function getHolds(engine: Engine, params: UserParams): Promise<OpenHold[]> {
  const userId = parseId("userId", parseParameters(params).userId);
  if (!engine.config.enabled) return [];
  const holds = await engine.call<OpenHoldAnswer[]>(
    "select answer::text from credits.get_holds($1::text, $2::timestamptz) as answer",
    () => [userId, engine.now()],
  );
  return holds.map((open) => ({
    holdId: open.id,
    amount: engine.credits(open.amount),
    service: open.service,
    overage: open.overage,
    metadata: open.metadata,
    createdAt: new Date(open.created_at),
    expiresAt: new Date(open.expires_at),
  }));
}

interface OpenHoldAnswer {
  id: string;
  amount: number;
  service: string;
  overage: Overage;
  metadata: Metadata | null;
  created_at: number;
  expires_at: number;
}
