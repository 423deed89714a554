import { z } from "zod";
import { recordOnce } from "@/admin/action";
import { readAdminForm } from "@/admin/admin";
import { formKey } from "@/admin/fields";
import { done, refused, typedIn } from "@/admin/reply";
import { getCredits } from "@/credits/server";
import { field } from "@/security/form";

const path = "/admin/events";
const name = z.string().min(1).max(255);
const replay = z.object({ key: formKey, eventId: name, provider: name });

/** Does again what a message of a provider says, by today's configuration. One that was applied stays as it is. */
export async function POST(request: Request): Promise<Response> {
  const read = await readAdminForm(request);
  if (read instanceof Response) return read;
  const { admin, form, origin } = read;
  const parsed = replay.safeParse(
    Object.fromEntries(["key", "eventId", "provider"].map((name) => [name, field(form, name)])),
  );
  if (!parsed.success) return new Response("Which event?", { status: 400 });
  const { key, eventId, provider } = parsed.data;
  // Which events the page shows.
  const filter = typedIn(form, ["status"]);
  try {
    await recordOnce(admin, { key, action: "replay", reason: `${provider} ${eventId}` });
    const { outcome } = await (await getCredits()).replayPaymentEvent({ eventId, provider });
    return done(origin, path, outcome, filter);
  } catch (error) {
    return refused(origin, path, error, filter);
  }
}
