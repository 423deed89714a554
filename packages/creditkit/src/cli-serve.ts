import type { ServerType } from "@hono/node-server";
import { createCreditsApi } from "./adapters/api.ts";
import { startWebhookDelivery } from "./adapters/webhooks.ts";
import type { Database } from "./core/database.ts";
import { causeMessage } from "./core/job.ts";
import type { Credits } from "./core/operations.ts";

const hourMs = 60 * 60 * 1000;
/** How long it still answers once it is told to stop. */
const closeMs = 5_000;

export interface ServeOptions {
  port: number;
  host: string;
  /** Whether this process grants and expires too. */
  withJobs: boolean;
  log: (text: string) => void;
}

/** Serves the HTTP API under `/v1`, sends webhooks and runs the jobs, until the process is told to stop. */
export async function serve(credits: Credits, database: Database, options: ServeOptions): Promise<void> {
  const { log } = options;
  const { serve: listen } = await import("@hono/node-server");
  await credits.migrate();
  const api = createCreditsApi(credits, { basePath: "/v1", onError: (error) => log(causeMessage(error)) });
  const ended = untilStopped();
  const server = listen({
    port: options.port,
    hostname: options.host,
    fetch: (request) => (new URL(request.url).pathname === "/health" ? health(database) : api(request)),
  });
  await new Promise<void>((resolve, reject) => server.once("listening", resolve).once("error", reject));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : options.port;
  log(`Listening on http://${options.host}:${port}/v1 (reference: /v1/reference)`);
  if ((await credits.getApiKeys()).length === 0)
    log("There is no key yet, so that nobody can call: creditkit keys create <name> --scopes read,spend");

  // Only once it listens: a port that is taken must leave nothing behind that runs on.
  const stopDelivery = startWebhookDelivery(credits, {
    onError: (error) => log(`Webhooks: ${causeMessage(error)}`),
  });
  const stopJobs = options.withJobs ? startJobs(credits, log) : async () => {};
  await ended;
  await close(server);
  await stopDelivery();
  await stopJobs();
}

/** Answers what is under way, but waits for ever for nobody: Node times no connection out any more once its server closes. */
async function close(server: ServerType): Promise<void> {
  const timer = setTimeout(() => {
    if ("closeAllConnections" in server) server.closeAllConnections();
  }, closeMs);
  await new Promise((resolve) => server.close(resolve));
  clearTimeout(timer);
}

/** For load balancers: whether the database answers. */
async function health(database: Database): Promise<Response> {
  try {
    await database.query("select 1", []);
    return Response.json({ ok: true });
  } catch {
    return Response.json({ ok: false }, { status: 503 });
  }
}

/** Both jobs now and every hour: any number of processes may. */
function startJobs(credits: Credits, log: (text: string) => void): () => Promise<void> {
  const run = async () => {
    for (const job of [credits.processDailyGrant, credits.processExpired]) {
      await job().catch((error: unknown) => log(`Jobs: ${causeMessage(error)}`));
    }
  };
  let running = run();
  const timer = setInterval(() => {
    running = running.then(run);
  }, hourMs);
  return async () => {
    clearInterval(timer);
    await running;
  };
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
  });
}
