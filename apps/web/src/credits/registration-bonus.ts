import "server-only";
import { createHmac, hkdfSync } from "node:crypto";
import { CreditsError } from "creditkit";
import { and, count, eq, gt, sql } from "drizzle-orm";
import { user } from "@/auth/schema";
import { isRegistrationCreditsEnabled } from "@/config/credits";
import { bonusClaim } from "@/credits/bonus-schema";
import { describeFailure } from "@/credits/failure";
import { normalEmail } from "@/credits/normal-email";
import { getCredits } from "@/credits/server";
import { getDatabase } from "@/database/server";
import { readEnvironment } from "@/env";
import { authSecret } from "@/secrets";

/** Any number that no other lock of this app takes. */
const networkLock = 1_604_381_127;

/** Notes that a user has signed up, and from where, and gives the bonus where it can be given at once. */
export async function welcome(user: { id: string; email: string }, network: string | null): Promise<void> {
  try {
    await noteSignUp(user.id, user.email, network);
  } catch (error) {
    console.error(`[Credits] The sign-up of user ${user.id} was not noted: ${describeFailure(error)}`);
  }
  await giveRegistrationBonus(user.id);
}

/** The bonus is decided by this, whenever it is asked for. */
async function noteSignUp(userId: string, email: string, network: string | null): Promise<void> {
  const { drizzle } = await getDatabase();
  await drizzle
    .insert(bonusClaim)
    .values({
      userId,
      emailHash: await keyedHash("email", normalEmail(email)),
      networkHash: network && (await keyedHash("network", network)),
    })
    .onConflictDoNothing();
}

/**
 * Grants a new user the registration bonus, unless there is none to grant: one for each mailbox, and so many a day for each network. The
 * ledger grants it once however often it is asked (rule 13), so a sign-up whose bonus failed is made whole by asking again on the user's
 * next visit; the sign-up itself is never lost for it.
 */
export async function giveRegistrationBonus(userId: string): Promise<void> {
  if (!isRegistrationCreditsEnabled()) return;
  try {
    await decide(userId);
  } catch (error) {
    console.error(
      `[Credits] The registration bonus of user ${userId} is still due: ${describeFailure(error)}`,
    );
  }
}

/** The claim and the grant in one transaction: a crash leaves both or neither. */
async function decide(userId: string): Promise<void> {
  const { drizzle } = await getDatabase();
  const [account] = await drizzle
    .select({ email: user.email, emailVerified: user.emailVerified })
    .from(user)
    .where(eq(user.id, userId));
  if (account === undefined || (mustVerify() && !account.emailVerified)) return;
  // An account from before claims were kept.
  await noteSignUp(userId, account.email, null);
  const credits = await getCredits();
  const { BONUS_ADDRESS_LIMIT } = readEnvironment();
  await drizzle.transaction(async (transaction) => {
    const [claim] = await transaction
      .select()
      .from(bonusClaim)
      .where(eq(bonusClaim.userId, userId))
      .for("update");
    if (claim === undefined || claim.state !== "pending") return;
    const settle = (state: "granted" | "refused") =>
      transaction
        .update(bonusClaim)
        .set({ state, decidedAt: sql`now()` })
        .where(eq(bonusClaim.userId, userId));
    // One decision at a time for an address and for a network: each then sees what the one before it decided.
    for (const hash of [claim.emailHash, claim.networkHash].filter((known) => known !== null).sort())
      await transaction.execute(sql`select pg_advisory_xact_lock(${networkLock}, hashtext(${hash}))`);
    const [known] = await transaction
      .select({ had: count() })
      .from(bonusClaim)
      .where(and(eq(bonusClaim.emailHash, claim.emailHash), eq(bonusClaim.state, "granted")));
    if ((known?.had ?? 0) > 0) {
      await settle("refused");
      return;
    }
    if (claim.networkHash !== null) {
      const [lately] = await transaction
        .select({ had: count() })
        .from(bonusClaim)
        .where(
          and(
            eq(bonusClaim.networkHash, claim.networkHash),
            eq(bonusClaim.state, "granted"),
            gt(bonusClaim.decidedAt, sql`now() - interval '24 hours'`),
          ),
        );
      // Stays pending: on another day there may be room.
      if ((lately?.had ?? 0) >= BONUS_ADDRESS_LIMIT) return;
    }
    try {
      await credits.using(transaction).grantRegistrationBonus(userId);
    } catch (error) {
      // No room under the balance limit: there may be later.
      if (CreditsError.is(error) && error.code === "BALANCE_LIMIT") return;
      throw error;
    }
    await settle("granted");
  });
}

/** Whether a bonus waits until the address is proven: where mail can be sent. */
export function mustVerify(): boolean {
  return readEnvironment().SMTP_URL !== undefined;
}

/** Under a key of its own, derived from the app's secret: the table alone tells no address, not even by trying them all. */
async function keyedHash(purpose: "email" | "network", text: string): Promise<string> {
  const { value } = await authSecret();
  const key = hkdfSync("sha256", value, "", `creditkit registration bonus ${purpose}`, 32);
  return createHmac("sha256", Buffer.from(key)).update(text).digest("base64url");
}
