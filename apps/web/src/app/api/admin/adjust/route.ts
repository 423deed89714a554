import { z } from "zod";
import { actOnce } from "@/admin/action";
import { readAdminForm } from "@/admin/admin";
import { formKey, reasonOf } from "@/admin/fields";
import { done, refused, userPath } from "@/admin/reply";
import { isId } from "@/admin/users";
import { field } from "@/security/form";

const adjustment = z.object({
  key: formKey,
  action: z.enum(["grant", "deduct"]),
  amount: z
    .string()
    .regex(/^\d{1,10}(\.\d{1,6})?$/, "AMOUNT")
    .transform(Number),
  reason: reasonOf,
  /** Of a grant; empty: it never expires. */
  validityDays: z
    .string()
    .regex(/^([1-9]\d{0,4})?$/, "VALIDITY")
    .transform((text) => (text === "" ? undefined : Number(text))),
});

/** Gives or takes credits by hand, once per form. */
export async function POST(request: Request): Promise<Response> {
  const read = await readAdminForm(request);
  if (read instanceof Response) return read;
  const { admin, form, origin } = read;
  const userId = field(form, "userId");
  if (!isId(userId)) return new Response("Whose credits?", { status: 400 });
  const path = userPath(userId);
  const typed = Object.fromEntries(
    ["action", "amount", "reason", "validityDays"].map((name) => [name, field(form, name)]),
  );
  const parsed = adjustment.safeParse({ ...typed, key: field(form, "key") });
  if (!parsed.success) return refused(origin, path, parsed.error.issues[0]?.message ?? "UNKNOWN", typed);
  const { key, action, amount, reason, validityDays } = parsed.data;
  try {
    await actOnce(admin, { key, action, userId, amount, reason }, (credits, id) => {
      const deed = {
        userId,
        amount,
        description: reason,
        metadata: { adminAction: id },
        idempotencyKey: `admin:${key}`,
      };
      if (action === "deduct") return credits.deduct(deed);
      const force = field(form, "force") !== "";
      return credits.grant({ ...deed, type: "adjustment", force, ...(validityDays && { validityDays }) });
    });
    return done(origin, path, action);
  } catch (error) {
    return refused(origin, path, error, typed);
  }
}
