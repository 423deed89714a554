import "server-only";
import type {
  ConsumeForServiceParams,
  ConsumeParams,
  Credits,
  CreditsInfo,
  GetTransactionsParams,
  GrantParams,
  TransactionPage,
} from "creditkit";
import { failureMessage } from "@/credits/failure";
import { getCredits } from "@/credits/server";

/*
 * The credits' operations for the app's own server code. This is not a "use server" module and must never become one:
 * with that directive every function here would be an endpoint that any browser can call, grants included (rule 31).
 * What browsers may call is in `queries.ts`.
 */

export { type ConsumptionLog, CreditTransactionType, type GrantResult } from "creditkit";

// biome-ignore lint/suspicious/noExplicitAny: `unknown` would refuse a caller's interface; the ledger checks what it is
type Metadata = Record<string, any>;

export type GrantCreditsParams = GrantParams;
export type ConsumeCreditsParams = Omit<ConsumeParams, "metadata"> & { metadata?: Metadata };
export type ConsumeCreditsForServiceParams = Omit<ConsumeForServiceParams, "metadata"> & {
  metadata?: Metadata;
};
export type UserTransactionsParams = GetTransactionsParams;
export type UserCreditsInfo = CreditsInfo;
export type UserTransactions = TransactionPage;

/** A query's answer: one of the two is set. */
export interface QueryResult<Data> {
  data?: Data;
  serverError?: string;
}

export async function grantCredits(params: GrantCreditsParams) {
  return (await getCredits()).grant(params);
}

export async function grantRegistrationBonus(userId: string) {
  return (await getCredits()).grantRegistrationBonus(userId);
}

export async function grantSubscriptionCredits(
  userId: string,
  amount: number,
  planId: string,
  validityDays: number,
  grantPeriod?: string,
  purchaseId?: string,
) {
  const params = { userId, amount, planId, validityDays, grantPeriod, purchaseId };
  return (await getCredits()).grantSubscription(params);
}

/** The package that `priceId` sells decides the amount (rule 15). */
export async function grantPurchasedCredits(params: {
  userId: string;
  priceId: string;
  purchaseId: string;
}): Promise<void> {
  await (await getCredits()).grantPurchased(params);
}

export async function consumeCreditsForService(params: ConsumeCreditsForServiceParams) {
  return (await getCredits()).consumeForService(params);
}

export async function consumeCreditsWithFIFO(params: ConsumeCreditsParams) {
  return (await getCredits()).consume(params);
}

/** Trusts the caller about whose credits may be read; browsers get the checked version in `queries.ts`. */
export async function getUserCreditsInfo(params: { userId: string }): Promise<QueryResult<UserCreditsInfo>> {
  return query("getUserCreditsInfo", (credits) => credits.getInfo(params));
}

/** Trusts the caller about whose history may be read; browsers get the checked version in `queries.ts`. */
export async function getUserTransactions(
  params: UserTransactionsParams,
): Promise<QueryResult<UserTransactions>> {
  return query("getUserTransactions", (credits) => credits.getTransactions(params));
}

export async function processDailyGrant() {
  return (await getCredits()).processDailyGrant();
}

export async function processExpiredCredits() {
  return (await getCredits()).processExpired();
}

async function query<Data>(
  name: string,
  run: (credits: Credits) => Promise<Data>,
): Promise<QueryResult<Data>> {
  try {
    return { data: await run(await getCredits()) };
  } catch (error) {
    return { serverError: failureMessage(error, name) };
  }
}
