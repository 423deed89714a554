import "server-only";
import { eq } from "drizzle-orm";
import { adminAction } from "@/admin/schema";
import { user } from "@/auth/schema";
import { bonusClaim } from "@/credits/bonus-schema";
import { getCredits } from "@/credits/server";
import { getDatabase } from "@/database/server";

/**
 * Erases a user's ledger and account in one transaction: the books go on under a pseudonym, sessions and passwords go with the account. What
 * admins did stays without its reasons, and the claim of the bonus stays, or it could be had again.
 * @throws `SUBSCRIPTION_ACTIVE` while a plan renews; then nothing was erased.
 */
export async function deleteAccount(userId: string): Promise<void> {
  const credits = await getCredits();
  const { drizzle } = await getDatabase();
  await drizzle.transaction(async (transaction) => {
    const { pseudonym } = await credits.using(transaction).eraseUser({ userId });
    await transaction
      .update(adminAction)
      .set({ userId: pseudonym, reason: null })
      .where(eq(adminAction.userId, userId));
    await transaction.update(bonusClaim).set({ userId: pseudonym }).where(eq(bonusClaim.userId, userId));
    // Its sessions and passwords refer to it.
    await transaction.delete(user).where(eq(user.id, userId));
  });
}
