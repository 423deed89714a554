import { CreditsError } from "../core/errors.ts";
import { loggable } from "../core/logger.ts";
import type { PaymentEventResult } from "../core/payment.ts";
import type { PaymentEvent } from "../core/payment-event.ts";
import type { PaymentProvider } from "../core/payment-provider.ts";

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

interface DeliverJobResult {
  attempted: number;
  delivered: number;
  retrying: number;
  failed: number;
}

/** Where the bearer secret comes from, and which job a request that carries it may run. */
export type CronHandlerOptions = {
  /** Read on every request, so that a rotated secret needs no restart. */
  secret: () => string | undefined | Promise<string | undefined>;
} & (
  | { job: "grant"; run: () => Promise<GrantJobResult> }
  | { job: "expire"; run: () => Promise<ExpireJobResult> }
  | { job: "deliver"; run: () => Promise<DeliverJobResult> }
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
  const log = `[Credits ${jobTitles[options.job]} Job ${jobId}]`;
  const started = performance.now();
  const duration = () => Math.round(performance.now() - started);

  console.info(`${log} started`);
  try {
    const { failedUserIds, failed, results, ...date } = await reportOf(options);
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

const jobTitles = { grant: "Grant", expire: "Expire", deliver: "Deliver" } as const;

interface JobReport {
  date?: string;
  failed: number;
  failedUserIds: readonly string[];
  results: Readonly<Record<string, number>>;
}

function reportOf(options: CronHandlerOptions): Promise<JobReport> {
  if (options.job === "grant") return grant(options);
  return options.job === "expire" ? expire(options) : deliver(options);
}

async function grant({ run }: Extract<CronHandlerOptions, { job: "grant" }>): Promise<JobReport> {
  const date = new Date().toISOString().slice(0, "YYYY-MM-DD".length);
  const { processed, successful, skipped, failed, results } = await run();
  const failedUserIds = results.flatMap((row) => (row.success ? [] : row.userId));
  return { date, failed, failedUserIds, results: { processed, successful, skipped, failed } };
}

async function expire({ run }: Extract<CronHandlerOptions, { job: "expire" }>): Promise<JobReport> {
  const { processedBatches, processedUsers, totalExpiredAmount, failed = 0, results = [] } = await run();
  const failedUserIds = results.map((row) => row.userId);
  return { failed, failedUserIds, results: { processedBatches, processedUsers, totalExpiredAmount } };
}

/** A receiver that does not answer is no failure of the job: an operator sees it in the list of deliveries. */
async function deliver({ run }: Extract<CronHandlerOptions, { job: "deliver" }>): Promise<JobReport> {
  const { attempted, delivered, retrying, failed } = await run();
  return { failed: 0, failedUserIds: [], results: { attempted, delivered, retrying, failed } };
}

function listed(userIds: readonly string[]): string {
  // Quoted: an id chosen by a user must not be able to look like more than an id.
  const names = userIds.slice(0, loggedFailuresMax).map((userId) => JSON.stringify(userId));
  return userIds.length > names.length ? `${names.join(", ")}, …` : names.join(", ");
}

/** Larger than any message of a provider. */
export const webhookBytesMax = 1024 * 1024;

export interface WebhookHandlerOptions {
  /** Asked on every request; null where no provider is configured. */
  provider: () => PaymentProvider | null | Promise<PaymentProvider | null>;
  /** `credits.applyPaymentEvent`. */
  apply: (event: PaymentEvent) => Promise<PaymentEventResult>;
}

/**
 * Makes the POST handler of a payment provider's webhook: a Web-standard `Request` in, a `Response` out. The body is read once, as it
 * came, and nothing happens before the provider has verified it (rule 32).
 *
 * Answers: 200 `{outcome}` once it is durably applied or deliberately ignored · 400 for a message that is not authentic or makes no
 * sense · 405 for another method · 413 for a body above 1 MiB · 500 for one that was refused, which the inbox keeps, so that the provider
 * tries again and its dashboard shows it · 503 while credits are disabled, the database is away or no provider is configured.
 *
 * @example
 * export const POST = createWebhookHandler({ provider: () => stripe, apply: (event) => credits.applyPaymentEvent(event) });
 */
export function createWebhookHandler(
  options: WebhookHandlerOptions,
): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== "POST") return answer(405, { error: "Method Not Allowed" }, { allow: "POST" });
    const provider = await options.provider();
    if (provider === null) return answer(503, { error: "Service Unavailable" });
    const log = `[Credits Webhook ${provider.name}]`;
    try {
      const body = await readBody(request);
      if (body === null) return answer(413, { error: "Content Too Large" });
      const event = await provider.readEvent({ body, headers: request.headers });
      if (event === null) return answer(200, { outcome: "ignored" });
      const { outcome } = await options.apply(event);
      return answer(200, { outcome });
    } catch (error) {
      const code = CreditsError.is(error) ? error.code : undefined;
      if (code === "INVALID_WEBHOOK") {
        console.warn(`${log} refused a message: ${loggable(error)}`);
        return answer(400, { error: "Bad Request" });
      }
      console.error(`${log} could not apply a message: ${loggable(error)}`);
      // The provider tries again; until then no money is lost (rule 12).
      const isAway = code === "CREDITS_DISABLED" || code === "DATABASE_UNAVAILABLE";
      return answer(isAway ? 503 : 500, { error: isAway ? "Service Unavailable" : "Internal Server Error" });
    }
  };
}

/** The body as text, or null when there is more of it than anybody honest sends: read no further than that. */
async function readBody(request: Request): Promise<string | null> {
  if (Number(request.headers.get("content-length") ?? 0) > webhookBytesMax) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > webhookBytesMax) return null;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
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

function answer(status: number, body: object, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store", ...headers } });
}
