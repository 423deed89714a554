import { z } from "zod";
import { isForeign } from "@/auth/origin";
import { getSignedIn } from "@/auth/session";
import { isTestClockAllowed, setTestClock } from "@/credits/test-clock";

const clockRequest = z.object({ now: z.iso.datetime({ offset: true }).nullable() });

/** Stops the ledger's clock at an instant, or lets it run again. It does not exist for anybody but a tester (rule 2). */
export async function POST(request: Request): Promise<Response> {
  if (!isTestClockAllowed() || isForeign(request)) return notFound();
  const signedIn = await getSignedIn();
  if (!signedIn?.isAdmin) return notFound();

  const parsed = clockRequest.safeParse(await request.json().catch(() => undefined));
  if (!parsed.success) {
    return Response.json({ error: "Send JSON with `now`: an ISO instant, or null" }, { status: 400 });
  }
  const { now } = parsed.data;
  setTestClock(now === null ? null : new Date(now));
  console.warn(`[Test Clock] admin ${signedIn.userId} set the ledger's clock to ${now ?? "real time"}`);
  return Response.json({ now });
}

function notFound(): Response {
  return Response.json({ error: "Not Found" }, { status: 404 });
}
