import { z } from "zod";
import { type Move, moveOnce } from "@/admin/action";
import { readUserForm } from "@/admin/admin";
import { amountOf, formKey, reasonOf, validityOf } from "@/admin/fields";
import { userPath } from "@/admin/path";
import { done, malformed, refused, typedIn } from "@/admin/reply";
import { field } from "@/security/form";

const adjustment = z.object({
  key: formKey,
  action: z.enum(["grant", "deduct"]),
  amount: amountOf,
  reason: reasonOf,
  validityDays: validityOf,
});

/** Gives or takes credits by hand, once per form. */
export async function POST(request: Request): Promise<Response> {
  const read = await readUserForm(request);
  if (read instanceof Response) return read;
  const { admin, form, origin, userId } = read;
  const path = userPath(userId);
  const typed = {
    form: "adjust",
    ...typedIn(form, ["action", "amount", "reason", "validityDays", "force"]),
  };
  const parsed = adjustment.safeParse(
    Object.fromEntries(
      ["key", "action", "amount", "reason", "validityDays"].map((name) => [name, field(form, name)]),
    ),
  );
  if (!parsed.success) return malformed(origin, path, parsed.error.issues[0]?.message, typed);
  const { key, action, amount, reason, validityDays } = parsed.data;
  const deed: Move = { key, action, userId, reason };
  try {
    const moved = await moveOnce(admin, deed, async (credits, id) => {
      const adjusted = {
        userId,
        amount,
        description: reason,
        metadata: { adminAction: id },
        idempotencyKey: `admin:${key}`,
      };
      if (action === "deduct") {
        const { transactionId, deductedAmount, replayed = false } = await credits.deduct(adjusted);
        return { transactionId, amount: deductedAmount, replayed };
      }
      const granted = await credits.grant({
        ...adjusted,
        type: "adjustment",
        force: field(form, "force") !== "",
        ...(validityDays !== undefined && { validityDays }),
      });
      const { transactionId, replayed = false } = granted;
      return { transactionId, amount: granted.amount ?? amount, replayed };
    });
    const isCut = moved.amount < amount;
    return done(origin, path, isCut ? "grantCut" : action, {
      amount: String(moved.amount),
      ...(isCut && { asked: String(amount) }),
    });
  } catch (error) {
    return refused(origin, path, error, typed);
  }
}
