import { z } from "zod";
import { actOnce } from "@/admin/action";
import { readAdminForm } from "@/admin/admin";
import { formKey, reasonOf } from "@/admin/fields";
import { done, refused, userPath } from "@/admin/reply";
import { isId } from "@/admin/users";
import { field } from "@/security/form";

const reversal = z.object({
  key: formKey,
  transactionId: z.uuid("UNKNOWN"),
  /** Empty: all that is not given back yet. */
  amount: z
    .string()
    .regex(/^(\d{1,10}(\.\d{1,6})?)?$/, "AMOUNT")
    .transform((text) => (text === "" ? undefined : Number(text))),
  reason: reasonOf,
});

/** Gives a spend back, whole or in part, once per form. */
export async function POST(request: Request): Promise<Response> {
  const read = await readAdminForm(request);
  if (read instanceof Response) return read;
  const { admin, form, origin } = read;
  const userId = field(form, "userId");
  if (!isId(userId)) return new Response("Whose credits?", { status: 400 });
  const path = userPath(userId);
  const parsed = reversal.safeParse(
    Object.fromEntries(["key", "transactionId", "amount", "reason"].map((name) => [name, field(form, name)])),
  );
  if (!parsed.success) return refused(origin, path, parsed.error.issues[0]?.message ?? "UNKNOWN");
  const { key, transactionId, amount, reason } = parsed.data;
  try {
    await actOnce(admin, { key, action: "reverse", userId, amount, reason }, (credits) =>
      credits.reverse({
        userId,
        transactionId,
        description: reason,
        idempotencyKey: `admin:${key}`,
        ...(amount !== undefined && { amount }),
      }),
    );
    return done(origin, path, "reverse");
  } catch (error) {
    return refused(origin, path, error);
  }
}
