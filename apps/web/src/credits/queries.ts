"use server";

import { getSignedIn } from "@/auth/session";
import {
  type QueryResult,
  getUserCreditsInfo as readCreditsInfo,
  getUserTransactions as readTransactions,
  type UserCreditsInfo,
  type UserTransactions,
  type UserTransactionsParams,
} from "@/credits/actions";

/*
 * The only two functions of the app that a browser can call directly. Each is a public endpoint: whatever arrives
 * here was written by someone else, whatever the types say.
 */

/** Of an id that is written to the log. */
const userIdLengthMax = 255;

const unauthorized = { serverError: "Unauthorized" };

export async function getUserCreditsInfo(params: { userId: string }): Promise<QueryResult<UserCreditsInfo>> {
  const userId = await readableUserId(params);
  return userId === null ? unauthorized : readCreditsInfo({ userId });
}

export async function getUserTransactions(
  params: UserTransactionsParams,
): Promise<QueryResult<UserTransactions>> {
  const userId = await readableUserId(params);
  return userId === null ? unauthorized : readTransactions({ ...params, userId });
}

/** Whose credits the caller gets to see when asking for a user's; null when nobody is signed in (rule 31). */
async function readableUserId(params: { userId: string } | null | undefined): Promise<string | null> {
  const signedIn = await getSignedIn();
  if (!signedIn) return null;
  const userId = params?.userId;
  if (userId === signedIn.userId) return userId;
  if (signedIn.isAdmin && typeof userId === "string") {
    // Quoted, so that an id with a line break cannot forge a line of its own.
    console.info(
      `[Credits] admin ${signedIn.userId} reads the credits of user ${JSON.stringify(userId.slice(0, userIdLengthMax))}`,
    );
    return userId;
  }
  // A user who does not exist: the answer for another's id and for an unknown one is then the same by construction.
  return crypto.randomUUID();
}
