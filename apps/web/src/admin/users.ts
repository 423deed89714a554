import "server-only";
import { count, desc, eq, ilike, or } from "drizzle-orm";
import { user } from "@/auth/schema";
import { getCredits } from "@/credits/server";
import { getDatabase } from "@/database/server";

export interface FoundUser {
  userId: string;
  email: string | null;
  name: string | null;
  createdAt: Date | null;
  availableCredits: number;
  status: "active" | "frozen" | "closed" | null;
}

/** Users whose e-mail contains a text or whose id is it, newest first, each with what there is to spend. */
export async function findUsers(
  text: string,
  { pageIndex, pageSize }: { pageIndex: number; pageSize: number },
): Promise<{ users: FoundUser[]; total: number }> {
  // The database takes no such text either.
  if (text !== "" && !isId(text)) return { users: [], total: 0 };
  const { drizzle } = await getDatabase();
  const condition =
    text === "" ? undefined : or(ilike(user.email, `%${escapeLike(text)}%`), eq(user.id, text));
  const [rows, [counted]] = await Promise.all([
    drizzle
      .select({ userId: user.id, email: user.email, name: user.name, createdAt: user.createdAt })
      .from(user)
      .where(condition)
      .orderBy(desc(user.createdAt), desc(user.id))
      .limit(pageSize)
      .offset(pageIndex * pageSize),
    drizzle.select({ total: count() }).from(user).where(condition),
  ]);
  const users: FoundUser[] = await Promise.all(
    rows.map(async (row) => ({ ...row, ...(await fundsOf(row.userId)) })),
  );
  if (text !== "" && pageIndex === 0 && (await accountOf(text)) === null) {
    // The ledger knows users that have no account here: a host's own ids, and pseudonyms. Beside the page, it is on none.
    const funds = await fundsOf(text);
    if (funds.status !== null)
      users.unshift({ userId: text, email: null, name: null, createdAt: null, ...funds });
  }
  return { users, total: counted?.total ?? 0 };
}

/** Who a user is, as far as there is an account. */
export async function accountOf(userId: string) {
  const { drizzle } = await getDatabase();
  const [account] = await drizzle
    .select({ email: user.email, name: user.name, createdAt: user.createdAt })
    .from(user)
    .where(eq(user.id, userId));
  return account ?? null;
}

async function fundsOf(userId: string): Promise<Pick<FoundUser, "availableCredits" | "status">> {
  const credits = await getCredits();
  const [wallet, { availableCredits }] = await Promise.all([
    credits.getWallet({ userId }),
    credits.getInfo({ userId }),
  ]);
  return { availableCredits, status: wallet?.status ?? null };
}

/** Whether the ledger could know such an id: 1 to 255 characters, none of them a control character (rule 11). */
export function isId(text: string): boolean {
  return text !== "" && [...text].length <= 255 && !/[\p{Cc}\p{Surrogate}]/u.test(text);
}

function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, "\\$&");
}
