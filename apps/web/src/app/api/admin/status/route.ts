import { z } from "zod";
import { actOnce } from "@/admin/action";
import { readAdminForm } from "@/admin/admin";
import { formKey, reasonOf } from "@/admin/fields";
import { done, refused, userPath } from "@/admin/reply";
import { isId } from "@/admin/users";
import { field } from "@/security/form";

const change = z.object({ key: formKey, action: z.enum(["freeze", "unfreeze"]), reason: reasonOf });

/** Stops a wallet from spending, or lets it spend again. */
export async function POST(request: Request): Promise<Response> {
  const read = await readAdminForm(request);
  if (read instanceof Response) return read;
  const { admin, form, origin } = read;
  const userId = field(form, "userId");
  if (!isId(userId)) return new Response("Whose credits?", { status: 400 });
  const path = userPath(userId);
  const parsed = change.safeParse(
    Object.fromEntries(["key", "action", "reason"].map((name) => [name, field(form, name)])),
  );
  if (!parsed.success) return refused(origin, path, parsed.error.issues[0]?.message ?? "UNKNOWN");
  const { key, action, reason } = parsed.data;
  try {
    await actOnce(admin, { key, action, userId, reason }, async (credits) => {
      await credits[action]({ userId });
      return {};
    });
    return done(origin, path, action);
  } catch (error) {
    return refused(origin, path, error);
  }
}
