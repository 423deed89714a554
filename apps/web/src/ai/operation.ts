import "server-only";
import { hold, transaction } from "creditkit/drizzle";
import { and, eq } from "drizzle-orm";
import { z } from "zod";
import { getCredits } from "@/credits/server";
import { getDatabase } from "@/database/server";

/** What a browser may call a message or a picture. It becomes part of a key of its own user's wallet, and of no other's. */
export const operationId = z.string().regex(/^[\w-]{8,64}$/);

/** The middleware numbers the calls of an operation; a message without tools is one call. */
const firstCall = 1;

export function chatOperation(messageId: string): string {
  return `chat:${messageId}`;
}

export function imageOperation(imageId: string): string {
  return `image:${imageId}`;
}

/** What the ledger says of a message. `open`: it is still held; `unknown`: nothing was ever held for it. */
export interface Charge {
  state: "open" | "ended" | "unknown";
  /** Credits. */
  charged: number;
  /** Available credits now. */
  newBalance: number;
}

/**
 * What a message cost, for a browser that stopped reading before its answer could say so. Read from the books, so that
 * any server can tell, whichever one answered the message.
 */
export async function readCharge(userId: string, messageId: string): Promise<Charge> {
  const [credits, { drizzle }] = await Promise.all([getCredits(), getDatabase()]);
  const [row] = await drizzle
    .select({ status: hold.status, amount: transaction.amount })
    .from(hold)
    .leftJoin(transaction, and(eq(transaction.userId, hold.userId), eq(transaction.id, hold.endId)))
    .where(and(eq(hold.userId, userId), eq(hold.key, `${chatOperation(messageId)}:${firstCall}`)));
  const { availableCredits } = await credits.getInfo({ userId });
  // The books count in the ledger's smallest unit.
  const charged = (row?.amount ?? 0) / 10 ** credits.config.decimals;
  const state = !row ? "unknown" : row.status === "open" ? "open" : "ended";
  return { state, charged, newBalance: availableCredits };
}
