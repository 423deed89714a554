import { CreditsError } from "../core/errors.ts";

/** A shorter bearer secret can be guessed, so the route answers 503 rather than trusting it (rule 32). */
export const cronSecretLengthMin = 16;

/** How many failing users one log line names; the ledger and the job's own result know the rest. */
const loggedFailuresMax = 20;

interface GrantJobResult {
  processed: number;
  successful: number;
  skipped: number;
  failed: number;
  results: ReadonlyArray<{ userId: string; success: boolean }>;
}

interface ExpireJobResult {
  processedBatches: number;
  processedUsers: number;
  totalExpiredAmount: number;
  failed?: number;
  results?: ReadonlyArray<{ userId: string }>;
}

/** Where the bearer secret comes from, and which job a request that carries it may run. */
export type CronHandlerOptions = {
  /** Read on every request, so that a rotated secret needs no restart. */
  secret: () => string | undefined | Promise<string | undefined>;
} & (
  | { job: "grant"; run: () => Promise<GrantJobResult> }
  | { job: "expire"; run: () => Promise<ExpireJobResult> }
);

/**
 * Makes the GET handler of a cron route: a Web-standard `Request` in, a `Response` out, so it mounts in Next.js,
 * Hono, Bun or Deno alike. It runs the job only for `Authorization: Bearer <secret>`.
 *
 * Answers: 200 with the job's counts · 401 for a missing or wrong bearer · 405 for another method · 500 with the
 * same body when a user failed or with a generic one when the job itself broke · 503 while no usable secret is set.
 *
 * @example
 * export const GET = createCronHandler({
 *   job: "grant",
 *   secret: () => process.env.CRON_SECRET,
 *   run: () => credits.processDailyGrant(),
 * });
 */
export function createCronHandler(options: CronHandlerOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    // Frameworks route HEAD to the GET handler, and a probe must not run a job.
    if (request.method !== "GET") return answer(405, { error: "Method Not Allowed" }, { allow: "GET" });

    const secret = await options.secret();
    if (secret === undefined || secret.length < cronSecretLengthMin) {
      return answer(503, { error: "Service Unavailable" });
    }
    if (!(await carriesSecret(request, secret))) return answer(401, { error: "Unauthorized" });
    return runJob(options);
  };
}

async function runJob(options: CronHandlerOptions): Promise<Response> {
  const jobId = crypto.randomUUID();
  const log = options.job === "grant" ? `[Credits Grant Job ${jobId}]` : `[Credits Expire Job ${jobId}]`;
  const started = performance.now();
  const duration = () => Math.round(performance.now() - started);

  console.info(`${log} started`);
  try {
    const { failedUserIds, failed, results, ...date } = await (options.job === "grant"
      ? grant(options)
      : expire(options));
    const counts = Object.entries(results).map(([name, value]) => `${name} ${value}`);
    console.info(`${log} finished in ${duration()} ms: ${counts.join(", ")}`);
    if (failed > 0) console.error(`${log} failed for ${failed} users: ${listed(failedUserIds)}`);
    // A 200 would tell the scheduler that all is well, and nobody would look (rule 28).
    const status = failed > 0 ? 500 : 200;
    return answer(status, { success: failed === 0, jobId, ...date, duration: duration(), results });
  } catch (error) {
    console.error(`${log} broke after ${duration()} ms: ${loggable(error)}`);
    return answer(500, { success: false, jobId, duration: duration(), error: "Internal Server Error" });
  }
}

async function grant({ run }: Extract<CronHandlerOptions, { job: "grant" }>) {
  const date = new Date().toISOString().slice(0, "YYYY-MM-DD".length);
  const { processed, successful, skipped, failed, results } = await run();
  const failedUserIds = results.flatMap((row) => (row.success ? [] : row.userId));
  return { date, failed, failedUserIds, results: { processed, successful, skipped, failed } };
}

async function expire({ run }: Extract<CronHandlerOptions, { job: "expire" }>) {
  const { processedBatches, processedUsers, totalExpiredAmount, failed = 0, results = [] } = await run();
  const failedUserIds = results.map((row) => row.userId);
  return { failed, failedUserIds, results: { processedBatches, processedUsers, totalExpiredAmount } };
}

function listed(userIds: readonly string[]): string {
  // Quoted: an id chosen by a user must not be able to look like more than an id.
  const names = userIds.slice(0, loggedFailuresMax).map((userId) => JSON.stringify(userId));
  return userIds.length > names.length ? `${names.join(", ")}, …` : names.join(", ");
}

async function carriesSecret(request: Request, secret: string): Promise<boolean> {
  const header = request.headers.get("authorization") ?? "";
  const [given, wanted] = await Promise.all([digest(header), digest(`Bearer ${secret}`)]);
  // Digests have one length and every byte is looked at, so the time taken says nothing about the secret.
  let difference = 0;
  for (const [index, byte] of wanted.entries()) difference |= byte ^ (given[index] ?? 0);
  return difference === 0;
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/** What may be written about an error: drivers put SQL and values into their messages (rule 33). */
function loggable(error: unknown): string {
  if (CreditsError.is(error)) return `${error.code}: ${error.message}`;
  if (!(error instanceof Error)) return "a thrown value that is not an Error";
  const code = "code" in error && typeof error.code === "string" ? ` ${error.code}` : "";
  return `${error.name}${code}`;
}

function answer(status: number, body: object, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store", ...headers } });
}
