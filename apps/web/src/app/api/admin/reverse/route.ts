import { z } from "zod";
import { moveOnce } from "@/admin/action";
import { readUserForm } from "@/admin/admin";
import { amountOf, formKey, reasonOf } from "@/admin/fields";
import { userPath } from "@/admin/path";
import { done, malformed, refused, typedIn } from "@/admin/reply";
import { field } from "@/security/form";

const reversal = z.object({
  key: formKey,
  transactionId: z.uuid("UNKNOWN"),
  /** Empty: all that is not given back yet. */
  amount: z.union([z.literal("").transform(() => undefined), amountOf], "AMOUNT"),
  reason: reasonOf,
});

/** Gives a spend back, whole or in part, once per form. */
export async function POST(request: Request): Promise<Response> {
  const read = await readUserForm(request);
  if (read instanceof Response) return read;
  const { admin, form, origin, userId } = read;
  const path = userPath(userId);
  // The page of the history that the spend is on.
  const place = typedIn(form, ["page"]);
  const typed = { form: "reverse", ...place, ...typedIn(form, ["transactionId", "amount", "reason"]) };
  const parsed = reversal.safeParse(
    Object.fromEntries(["key", "transactionId", "amount", "reason"].map((name) => [name, field(form, name)])),
  );
  if (!parsed.success) return malformed(origin, path, parsed.error.issues[0]?.message, typed);
  const { key, transactionId, amount, reason } = parsed.data;
  try {
    const moved = await moveOnce(admin, { key, action: "reverse", userId, reason }, async (credits) => {
      const reversed = await credits.reverse({
        userId,
        transactionId,
        description: reason,
        idempotencyKey: `admin:${key}`,
        ...(amount !== undefined && { amount }),
      });
      const { reversedAmount, replayed = false } = reversed;
      return { transactionId: reversed.transactionId, amount: reversedAmount, replayed };
    });
    return done(origin, path, "reverse", { ...place, amount: String(moved.amount) });
  } catch (error) {
    return refused(origin, path, error, typed);
  }
}
