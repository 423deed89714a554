import { parseId, parseParameters } from "./argument.ts";
import type { Engine } from "./engine.ts";
import { planTable } from "./monthly-grant.ts";
import { isRefusal, type Refusal, refusalError, submit } from "./request.ts";

export interface UserParams {
  userId: string;
}

export interface CreditsInfo {
  /** What can be spent now: valid batches only, neither held nor owed, never below 0. */
  availableCredits: number;
  /** What open holds have set aside. */
  heldCredits: number;
  /** What is owed: the next credits that arrive repay it. */
  debt: number;
  /** The first valid batch in drain order that expires. */
  nextExpiringBatch: { amount: number; expiresAt: Date } | null;
  /** The next period of the user's plan. `planName` is the plan's id. */
  nextGrantInfo: { amount: number; grantDate: Date; planName: string } | null;
}

/**
 * What one user has now; zeros for an unknown user.
 * @throws `INVALID_ARGUMENT` for a bad user id.
 */
export async function getInfo(engine: Engine, params: UserParams): Promise<CreditsInfo> {
  const userId = parseId("userId", parseParameters(params).userId);
  if (!engine.config.enabled)
    return { availableCredits: 0, heldCredits: 0, debt: 0, nextExpiringBatch: null, nextGrantInfo: null };
  const info = await submit<InfoAnswer>(engine, "get_info", { user_id: userId, plans: planTable(engine) });
  return {
    availableCredits: engine.credits(info.available),
    heldCredits: engine.credits(info.held),
    debt: engine.credits(info.debt),
    nextExpiringBatch: info.expiring && {
      amount: engine.credits(info.expiring[0]),
      expiresAt: new Date(info.expiring[1]),
    },
    nextGrantInfo: info.next_grant && {
      amount: engine.credits(info.next_grant.amount),
      grantDate: new Date(info.next_grant.at),
      planName: info.next_grant.plan,
    },
  };
}

interface InfoAnswer {
  available: number;
  held: number;
  debt: number;
  /** Amount and instant. */
  expiring: [number, number] | null;
  next_grant: { amount: number; at: number; plan: string } | null;
}

/** One wallet as an operator sees it. Amounts in credits. */
export interface WalletDetails {
  userId: string;
  /** `closed`: its user was erased. */
  status: "active" | "frozen" | "closed";
  /** Number of transactions, all time. */
  transactionCount: number;
  /** What holds have set aside, as the books have it: timed-out ones included until an operation or the job ends them. */
  held: number;
  debt: number;
  createdAt: Date;
  /** What still holds credits, in drain order; expired ones until the expire job books them. */
  batches: Array<{
    id: string;
    /** The type of the grant that made it. */
    grantedBy: string;
    priority: number;
    amount: number;
    /** Neither held nor consumed. */
    remaining: number;
    held: number;
    grantedAt: Date;
    expiresAt: Date | null;
    expired: boolean;
  }>;
}

/**
 * One wallet with its batches, or null when the user never had a grant.
 * @throws `INVALID_ARGUMENT` for a bad user id.
 */
export async function getWallet(engine: Engine, params: UserParams): Promise<WalletDetails | null> {
  const userId = parseId("userId", parseParameters(params).userId);
  const wallet = await engine.call<WalletAnswer | null>(
    "select answer::text from credits.get_wallet($1::text, $2::timestamptz) as answer",
    () => [userId, engine.now()],
  );
  return (
    wallet && {
      userId: wallet.user_id,
      status: wallet.status,
      transactionCount: wallet.sequence,
      held: engine.credits(wallet.held),
      debt: engine.credits(wallet.debt),
      createdAt: new Date(wallet.created_at),
      batches: wallet.batches.map((batch) => ({
        id: batch.id,
        grantedBy: batch.granted_by,
        priority: batch.priority,
        amount: engine.credits(batch.amount),
        remaining: engine.credits(batch.remaining),
        held: engine.credits(batch.held),
        grantedAt: new Date(batch.granted_at),
        expiresAt: batch.expires_at === null ? null : new Date(batch.expires_at),
        expired: batch.expired,
      })),
    }
  );
}

interface WalletAnswer {
  user_id: string;
  status: "active" | "frozen" | "closed";
  sequence: number;
  held: number;
  debt: number;
  created_at: number;
  batches: {
    id: string;
    granted_by: string;
    priority: number;
    amount: number;
    remaining: number;
    held: number;
    granted_at: number;
    expires_at: number | null;
    expired: boolean;
  }[];
}

/**
 * Stops a wallet from spending; grants still arrive. Freezing a frozen wallet changes nothing.
 * @throws `USER_BALANCE_NOT_FOUND`, `INVALID_ARGUMENT`.
 */
export function freeze(engine: Engine, params: UserParams): Promise<void> {
  return setStatus(engine, params, "frozen");
}

/**
 * Lets a frozen wallet spend again.
 * @throws `USER_BALANCE_NOT_FOUND`, `INVALID_ARGUMENT`.
 */
export function unfreeze(engine: Engine, params: UserParams): Promise<void> {
  return setStatus(engine, params, "active");
}

async function setStatus(engine: Engine, params: UserParams, status: string): Promise<void> {
  const userId = parseId("userId", parseParameters(params).userId);
  const answer = await engine.call<Refusal | object>(
    "select answer::text from credits.set_wallet_status($1::text, $2::text) as answer",
    [userId, status],
  );
  if (isRefusal(answer)) throw refusalError(engine, answer);
}
