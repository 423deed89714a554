import { z } from "zod";
import { recordAction } from "@/admin/action";
import { readAdminForm } from "@/admin/admin";
import { formKey } from "@/admin/fields";
import { done, refused } from "@/admin/reply";
import { getCredits } from "@/credits/server";
import { field } from "@/security/form";

const path = "/admin/jobs";
const run = z.object({ key: formKey, job: z.enum(["grant", "expire", "audit"]) });

/** Runs a job or the audit now: each may run at any time, twice as well (the contract's routes). */
export async function POST(request: Request): Promise<Response> {
  const read = await readAdminForm(request);
  if (read instanceof Response) return read;
  const { admin, form, origin } = read;
  const parsed = run.safeParse({ key: field(form, "key"), job: field(form, "job") });
  if (!parsed.success) return new Response("There is no such job.", { status: 400 });
  const { key, job } = parsed.data;
  try {
    const credits = await getCredits();
    await recordAction(admin, { key, action: `run_${job}` });
    if (job === "grant") await credits.processDailyGrant();
    else if (job === "expire") await credits.processExpired();
    else await credits.audit();
    return done(origin, path, job);
  } catch (error) {
    return refused(origin, path, error);
  }
}
