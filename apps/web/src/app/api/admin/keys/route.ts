import { ApiScope } from "creditkit";
import { z } from "zod";
import { changeOnce } from "@/admin/action";
import { readAdminForm } from "@/admin/admin";
import { formKey } from "@/admin/fields";
import { done, malformed, refused, typedIn } from "@/admin/reply";
import { showOnce } from "@/admin/shown-once";
import { field } from "@/security/form";

const path = "/admin/api";
const create = z.object({
  key: formKey,
  name: z.string().trim().min(1, "NAME").max(255, "NAME"),
  scopes: z.array(z.enum(ApiScope, "SCOPES")).min(1, "SCOPES"),
});
const revoke = z.object({ key: formKey, keyId: z.uuid("NOT_FOUND") });

/** Makes a key of the HTTP API, or takes one's rights away. */
export async function POST(request: Request): Promise<Response> {
  const read = await readAdminForm(request);
  if (read instanceof Response) return read;
  const { admin, form, origin } = read;
  const typed = { form: "key", ...typedIn(form, ["name"]) };
  try {
    if (field(form, "action") === "revoke") {
      const parsed = revoke.safeParse({ key: field(form, "key"), keyId: field(form, "keyId") });
      if (!parsed.success) return malformed(origin, path, parsed.error.issues[0]?.message, {});
      const { key, keyId } = parsed.data;
      await changeOnce(admin, { key, action: "revoke_key", reason: keyId }, (credits) =>
        credits.revokeApiKey({ keyId }),
      );
      return done(origin, path, "revoke_key");
    }
    const parsed = create.safeParse({
      key: field(form, "key"),
      name: field(form, "name"),
      scopes: form.getAll("scopes"),
    });
    if (!parsed.success) return malformed(origin, path, parsed.error.issues[0]?.message, typed);
    const { key, name, scopes } = parsed.data;
    const reason = `${name}: ${scopes.join(", ")}`;
    const made = await changeOnce(admin, { key, action: "create_key", reason }, (credits) =>
      credits.createApiKey({ name, scopes }),
    );
    const response = done(origin, path, "create_key");
    return made === null ? response : showOnce(response, path, "key", made.key);
  } catch (error) {
    return refused(origin, path, error, typed);
  }
}
