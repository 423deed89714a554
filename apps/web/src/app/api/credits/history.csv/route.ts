import { getSignedIn } from "@/auth/session";
import { now } from "@/credits/now";
import { refuse, refuseFailure } from "@/credits/refusal";
import { getCredits } from "@/credits/server";
import { csvHead, csvLine } from "@/history/csv";
import { readFilter, toStatementFilter } from "@/history/filter";

/** Rows in memory at a time. */
const pageSize = 1_000;

/** The history of the user of the session as CSV, newest first, filtered as the page is; page by page, however long it is. */
export async function GET(request: Request): Promise<Response> {
  try {
    const signedIn = await getSignedIn();
    if (!signedIn) return refuse(401, "UNAUTHORIZED", "Sign in first.");
    const { userId } = signedIn;
    const filter = toStatementFilter(readFilter(Object.fromEntries(new URL(request.url).searchParams)));
    const credits = await getCredits();
    let afterSequence = Number.MAX_SAFE_INTEGER;
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => controller.enqueue(encoder.encode(csvHead)),
        // Called when the reader wants more: one that goes away asks for nothing.
        pull: async (controller) => {
          const { entries } = await credits.getStatement({ userId, ...filter, afterSequence, pageSize });
          if (entries.length > 0) controller.enqueue(encoder.encode(entries.map(csvLine).join("")));
          afterSequence = entries.at(-1)?.sequence ?? 0;
          if (entries.length < pageSize) controller.close();
        },
      },
      { highWaterMark: 1 },
    );
    return new Response(body, {
      headers: {
        "content-type": "text/csv; charset=utf-8",
        "content-disposition": `attachment; filename="credits-${now().toISOString().slice(0, 10)}.csv"`,
        "cache-control": "private, no-store",
      },
    });
  } catch (error) {
    return refuseFailure(error, "exporting a history");
  }
}
