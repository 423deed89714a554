import "server-only";
import { isRegistrationCreditsEnabled } from "@/config/credits";
import { describeFailure } from "@/credits/failure";
import { getCredits } from "@/credits/server";

/**
 * Grants a new user the registration bonus, unless there is none to grant. The ledger grants it once however often it
 * is asked (rule 13), so a sign-up whose bonus failed is made whole by asking again on the user's next visit; the
 * sign-up itself is never lost for it.
 */
export async function giveRegistrationBonus(userId: string): Promise<void> {
  if (!isRegistrationCreditsEnabled()) return;
  try {
    await (await getCredits()).grantRegistrationBonus(userId);
  } catch (error) {
    console.error(
      `[Credits] The registration bonus of user ${userId} is still due: ${describeFailure(error)}`,
    );
  }
}
