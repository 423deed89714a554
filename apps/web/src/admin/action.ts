import "server-only";
import { randomUUID } from "node:crypto";
import { CreditsError, type CreditsOperations } from "creditkit";
import { and, desc, eq, getTableColumns, inArray } from "drizzle-orm";
import { adminAction } from "@/admin/schema";
import { user } from "@/auth/schema";
import type { SignedIn } from "@/auth/session";
import { getCredits } from "@/credits/server";
import { getDatabase } from "@/database/server";

export type AdminAction = typeof adminAction.$inferSelect;

interface Deed {
  /** Of the form that asks for it. */
  key: string;
  userId: string;
  reason: string;
}

export interface Move extends Deed {
  action: "grant" | "deduct" | "reverse";
}

export interface StatusChange extends Deed {
  action: "freeze" | "unfreeze";
}

/** What a movement answers: what it moved may be less than what was asked for (rule 19). */
export interface Moved {
  transactionId: string;
  amount: number;
  replayed: boolean;
}

/**
 * Moves credits of a user and writes down who did it, in one transaction. The same form again, or twice at once, is answered as the
 * first time (rule 14).
 * @param move The ledger's operation, under a key made of the form's.
 * @throws what `move` throws, and `IDEMPOTENCY_CONFLICT` for another deed under the same key; then nothing is done nor written down.
 */
export async function moveOnce(
  admin: SignedIn,
  deed: Move,
  move: (credits: CreditsOperations, actionId: string) => Promise<Moved>,
): Promise<Moved> {
  const credits = await getCredits();
  const { drizzle } = await getDatabase();
  return drizzle.transaction(async (transaction) => {
    const { id, isNew } = await write(transaction, admin, deed);
    const moved = await move(credits.using(transaction), id);
    if (isNew) {
      const { transactionId, amount } = moved;
      await transaction.update(adminAction).set({ transactionId, amount }).where(eq(adminAction.id, id));
    } else if (!moved.replayed) {
      // Another spend was given back under the key of a form that was sent before.
      throw conflict();
    }
    return moved;
  });
}

/**
 * Freezes or unfreezes a wallet and writes down who did it, in one transaction, once per form: an old form that is sent again does
 * not undo what was done since.
 * @throws what the ledger throws, and `IDEMPOTENCY_CONFLICT` for another deed under the same key.
 */
export async function setStatusOnce(admin: SignedIn, deed: StatusChange): Promise<void> {
  const credits = await getCredits();
  const { drizzle } = await getDatabase();
  await drizzle.transaction(async (transaction) => {
    const { isNew } = await write(transaction, admin, deed);
    if (isNew) await credits.using(transaction)[deed.action]({ userId: deed.userId });
  });
}

/**
 * Writes down what an admin set going that is not one user's: a job, an audit, a replay.
 * @returns false for a form that was sent before.
 * @throws `IDEMPOTENCY_CONFLICT` for something else under the same key.
 */
export async function recordOnce(
  admin: SignedIn,
  act: { key: string; action: string; reason: string | null },
): Promise<boolean> {
  const { drizzle } = await getDatabase();
  const { isNew } = await write(drizzle, admin, { ...act, userId: null });
  return isNew;
}

/**
 * Changes what is nobody's in particular (a key, an endpoint) and writes down who did it, in one transaction, once per form.
 * @returns null for a form that was sent before.
 * @throws what `work` throws, and `IDEMPOTENCY_CONFLICT` for something else under the same key.
 */
export async function changeOnce<Result>(
  admin: SignedIn,
  act: { key: string; action: string; reason: string | null },
  work: (credits: CreditsOperations) => Promise<Result>,
): Promise<Result | null> {
  const credits = await getCredits();
  const { drizzle } = await getDatabase();
  return drizzle.transaction(async (transaction) => {
    const { isNew } = await write(transaction, admin, { ...act, userId: null });
    return isNew ? work(credits.using(transaction)) : null;
  });
}

async function write(
  database: Pick<Awaited<ReturnType<typeof getDatabase>>["drizzle"], "insert" | "select">,
  admin: SignedIn,
  act: { key: string; action: string; userId: string | null; reason: string | null },
): Promise<{ id: string; isNew: boolean }> {
  const id = randomUUID();
  const written = await database
    .insert(adminAction)
    .values({ id, adminId: admin.userId, adminEmail: admin.email, ...act })
    // Whoever sends the same key waits here until the first one is committed.
    .onConflictDoNothing({ target: adminAction.key })
    .returning({ id: adminAction.id });
  if (written.length > 0) return { id, isNew: true };
  const [before] = await database.select().from(adminAction).where(eq(adminAction.key, act.key));
  const isSame =
    before?.adminId === admin.userId &&
    before.action === act.action &&
    before.userId === act.userId &&
    before.reason === act.reason;
  if (!before || !isSame) throw conflict();
  return { id: before.id, isNew: false };
}

function conflict(): CreditsError {
  return new CreditsError("IDEMPOTENCY_CONFLICT", "This form was sent before and said something else");
}

const shownMax = 200;

/** What admins did to a user, newest first. */
export async function actionsOn(userId: string): Promise<AdminAction[]> {
  const { drizzle } = await getDatabase();
  return drizzle
    .select()
    .from(adminAction)
    .where(eq(adminAction.userId, userId))
    .orderBy(desc(adminAction.createdAt), desc(adminAction.id))
    .limit(shownMax);
}

/** Who made some of a user's transactions, as far as admins did. */
export async function actionsBehind(
  userId: string,
  transactionIds: readonly string[],
): Promise<AdminAction[]> {
  if (transactionIds.length === 0) return [];
  const { drizzle } = await getDatabase();
  return drizzle
    .select()
    .from(adminAction)
    .where(and(eq(adminAction.userId, userId), inArray(adminAction.transactionId, [...transactionIds])));
}

/** What admins did of late, whatever and to whomever, with the address of who has an account. */
export async function newestActions(limit: number): Promise<(AdminAction & { userName: string | null })[]> {
  const { drizzle } = await getDatabase();
  return drizzle
    .select({ ...getTableColumns(adminAction), userName: user.email })
    .from(adminAction)
    .leftJoin(user, eq(user.id, adminAction.userId))
    .orderBy(desc(adminAction.createdAt), desc(adminAction.id))
    .limit(limit);
}
