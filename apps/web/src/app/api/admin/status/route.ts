import { z } from "zod";
import { setStatusOnce } from "@/admin/action";
import { readUserForm } from "@/admin/admin";
import { formKey, reasonOf } from "@/admin/fields";
import { userPath } from "@/admin/path";
import { done, malformed, refused, typedIn } from "@/admin/reply";
import { field } from "@/security/form";

const change = z.object({ key: formKey, action: z.enum(["freeze", "unfreeze"]), reason: reasonOf });

/** Stops a wallet from spending, or lets it spend again. */
export async function POST(request: Request): Promise<Response> {
  const read = await readUserForm(request);
  if (read instanceof Response) return read;
  const { admin, form, origin, userId } = read;
  const path = userPath(userId);
  const typed = { form: "status", ...typedIn(form, ["reason"]) };
  const parsed = change.safeParse(
    Object.fromEntries(["key", "action", "reason"].map((name) => [name, field(form, name)])),
  );
  if (!parsed.success) return malformed(origin, path, parsed.error.issues[0]?.message, typed);
  const { key, action, reason } = parsed.data;
  try {
    await setStatusOnce(admin, { key, action, userId, reason });
    return done(origin, path, action);
  } catch (error) {
    return refused(origin, path, error, typed);
  }
}
