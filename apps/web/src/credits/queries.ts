"use server";

import { unstable_rethrow } from "next/navigation";
import { getSignedIn } from "@/auth/session";
import {
  type QueryResult,
  getUserCreditsInfo as readCreditsInfo,
  getUserTransactions as readTransactions,
  type UserCreditsInfo,
  type UserTransactions,
  type UserTransactionsParams,
} from "@/credits/actions";
import { failureMessage } from "@/credits/failure";

/*
 * The only two functions of the app that a browser can call directly. Each is a public endpoint: whatever arrives
 * here was written by someone else, whatever the types say.
 */

/** Of an id that is written to the log. */
const loggedIdLengthMax = 255;

export async function getUserCreditsInfo(params: { userId: string }): Promise<QueryResult<UserCreditsInfo>> {
  return asSignedIn(params, (userId) => readCreditsInfo({ userId }));
}

export async function getUserTransactions(
  params: UserTransactionsParams,
): Promise<QueryResult<UserTransactions>> {
  return asSignedIn(params, (userId) => readTransactions({ ...params, userId }));
}

async function asSignedIn<Data>(
  params: { userId: string } | null | undefined,
  read: (userId: string) => Promise<QueryResult<Data>>,
): Promise<QueryResult<Data>> {
  try {
    const userId = await readableUserId(params?.userId);
    return userId === null ? { serverError: "Unauthorized" } : await read(userId);
  } catch (error) {
    // Next.js throws to leave a render early; that is no failure.
    unstable_rethrow(error);
    return { serverError: failureMessage(error, "looking up who is signed in") };
  }
}

/** Whose credits the caller gets to see when asking for a user's; null when nobody is signed in (rule 31). */
async function readableUserId(userId: unknown): Promise<string | null> {
  const signedIn = await getSignedIn();
  if (!signedIn) return null;
  if (userId === signedIn.userId) return signedIn.userId;
  if (signedIn.isAdmin && typeof userId === "string") {
    // Quoted, so that an id with a line break cannot forge a line of its own.
    const quoted = JSON.stringify(userId.slice(0, loggedIdLengthMax));
    console.info(`[Credits] admin ${signedIn.userId} reads the credits of user ${quoted}`);
    return userId;
  }
  // A user who does not exist: the answer for another's id and for an unknown one is then the same by construction.
  return crypto.randomUUID();
}
