import "server-only";
import { randomUUID } from "node:crypto";
import type { CreditsOperations } from "creditkit";
import { desc, eq } from "drizzle-orm";
import { adminAction } from "@/admin/schema";
import type { SignedIn } from "@/auth/session";
import { getCredits } from "@/credits/server";
import { getDatabase } from "@/database/server";

export type AdminAction = typeof adminAction.$inferSelect;

interface Deed {
  /** Of the form that asks for it. */
  key: string;
  action: "grant" | "deduct" | "reverse" | "freeze" | "unfreeze";
  userId: string;
  amount?: number | undefined;
  reason?: string | undefined;
}

/**
 * Does something to a user's credits and writes down who did it, in one transaction. A form that is sent again, or twice at once, finds
 * its deed done.
 * @returns whether this call did it
 * @throws what `act` throws; then nothing was done and nothing is written down.
 */
export async function actOnce(
  admin: SignedIn,
  deed: Deed,
  act: (credits: CreditsOperations, id: string) => Promise<{ transactionId?: string }>,
): Promise<boolean> {
  const credits = await getCredits();
  const { drizzle } = await getDatabase();
  return drizzle.transaction(async (transaction) => {
    const id = randomUUID();
    const written = await transaction
      .insert(adminAction)
      .values({ id, adminId: admin.userId, adminEmail: admin.email, ...deed })
      // Whoever sends the same key waits here until the first one is committed.
      .onConflictDoNothing({ target: adminAction.key })
      .returning({ id: adminAction.id });
    if (written.length === 0) return false;
    const { transactionId } = await act(credits.using(transaction), id);
    if (transactionId !== undefined)
      await transaction.update(adminAction).set({ transactionId }).where(eq(adminAction.id, id));
    return true;
  });
}

/** Writes down what an admin set going that is not one user's: a job, an audit, a replay. */
export async function recordAction(
  admin: SignedIn,
  { key, action, reason }: { key: string; action: string; reason?: string },
): Promise<void> {
  const { drizzle } = await getDatabase();
  await drizzle
    .insert(adminAction)
    .values({ id: randomUUID(), key, adminId: admin.userId, adminEmail: admin.email, action, reason })
    .onConflictDoNothing({ target: adminAction.key });
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
