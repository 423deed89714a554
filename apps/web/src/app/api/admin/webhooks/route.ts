import { CreditsError, type CreditsOperations, webhookEventTypes } from "creditkit";
import { z } from "zod";
import { changeOnce } from "@/admin/action";
import { readAdminForm } from "@/admin/admin";
import { amountOf, formKey } from "@/admin/fields";
import { done, malformed, refused, typedIn } from "@/admin/reply";
import { showOnce } from "@/admin/shown-once";
import { field } from "@/security/form";

const path = "/admin/api";
const create = z.object({
  key: formKey,
  url: z.string().trim().min(1, "URL").max(2_000, "URL"),
  events: z.array(z.enum(webhookEventTypes)),
  lowBalance: z.union([z.literal("").transform(() => undefined), amountOf], "LOW_BALANCE"),
});
const endpointId = z.uuid("NOT_FOUND");
const change = z.object({ key: formKey, action: z.enum(["enable", "disable", "delete"]), endpointId });
const resend = z.object({ key: formKey, messageId: z.uuid("NOT_FOUND"), endpointId });

/** Adds an endpoint, changes one, or sends a message again. */
export async function POST(request: Request): Promise<Response> {
  const read = await readAdminForm(request);
  if (read instanceof Response) return read;
  const { admin, form, origin } = read;
  const text = (...names: string[]) => Object.fromEntries(names.map((name) => [name, field(form, name)]));
  const typed = { form: "endpoint", ...typedIn(form, ["url", "lowBalance"]) };
  const action = field(form, "action");
  try {
    if (action === "create") {
      const fields = { ...text("key", "url", "lowBalance"), events: form.getAll("events") };
      const parsed = create.safeParse(fields);
      if (!parsed.success) return malformed(origin, path, parsed.error.issues[0]?.message, typed);
      const { key, url, events, lowBalance } = parsed.data;
      const made = await changeOnce(admin, { key, action: "create_endpoint", reason: url }, (credits) =>
        credits.createWebhookEndpoint({
          url,
          ...(events.length > 0 && { eventTypes: events }),
          ...(lowBalance !== undefined && { lowBalance }),
        }),
      );
      const response = done(origin, path, "create_endpoint");
      return made === null ? response : showOnce(response, path, "secret", made.secret);
    }
    if (action === "resend") {
      const parsed = resend.safeParse(text("key", "messageId", "endpointId"));
      if (!parsed.success) return malformed(origin, path, parsed.error.issues[0]?.message, {});
      const { key, ...which } = parsed.data;
      await changeOnce(admin, { key, action: "resend_webhook", reason: which.messageId }, (credits) =>
        credits.resendWebhook(which),
      );
      return done(origin, path, "resend_webhook", typedIn(form, ["status"]));
    }
    const parsed = change.safeParse(text("key", "action", "endpointId"));
    if (!parsed.success) return malformed(origin, path, parsed.error.issues[0]?.message, {});
    const deed = `${parsed.data.action}_endpoint`;
    await changeOnce(
      admin,
      { key: parsed.data.key, action: deed, reason: parsed.data.endpointId },
      (credits) => apply(credits, parsed.data),
    );
    return done(origin, path, deed);
  } catch (error) {
    if (CreditsError.is(error) && error.field === "url") return malformed(origin, path, "URL", typed);
    return refused(origin, path, error, action === "create" ? typed : {});
  }
}

async function apply(
  credits: CreditsOperations,
  { action, endpointId }: z.output<typeof change>,
): Promise<void> {
  if (action === "delete") await credits.deleteWebhookEndpoint({ endpointId });
  else await credits.updateWebhookEndpoint({ endpointId, enabled: action === "enable" });
}
