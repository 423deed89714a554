import { z } from "zod";
import { recordOnce } from "@/admin/action";
import { readAdminForm } from "@/admin/admin";
import { formKey } from "@/admin/fields";
import { done, refused } from "@/admin/reply";
import { getCredits } from "@/credits/server";
import { field } from "@/security/form";

const path = "/admin/jobs";
const run = z.object({ key: formKey, job: z.enum(["grant", "expire", "audit"]) });

/** Runs a job or the audit now, once per form. */
export async function POST(request: Request): Promise<Response> {
  const read = await readAdminForm(request);
  if (read instanceof Response) return read;
  const { admin, form, origin } = read;
  const parsed = run.safeParse({ key: field(form, "key"), job: field(form, "job") });
  if (!parsed.success) return new Response("There is no such job.", { status: 400 });
  const { key, job } = parsed.data;
  try {
    const credits = await getCredits();
    // A form that was sent twice: it runs already.
    if (!(await recordOnce(admin, { key, action: `run_${job}`, reason: null })))
      return done(origin, path, `run_${job}`);
    if (job === "grant") await credits.processDailyGrant();
    else if (job === "expire") await credits.processExpired();
    else await credits.audit();
    return done(origin, path, `run_${job}`);
  } catch (error) {
    return refused(origin, path, error);
  }
}
