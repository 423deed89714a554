import type { DeliverWebhooksResult, OutgoingWebhook, WebhookAttempt } from "../core/webhook-delivery.ts";

/** Below the ledger's own limit for one attempt. */
const timeoutMs = 15_000;
/** Between two looks for what is due. */
const pauseMs = 2_000;

/**
 * Sends one outgoing webhook with `fetch`: 15 s, no redirects, and the body of the answer is not read.
 * @example
 * await credits.deliverWebhooks(sendWebhook);
 */
export async function sendWebhook({ url, headers, body }: OutgoingWebhook): Promise<WebhookAttempt> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers, "user-agent": "creditkit" },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    return { responseStatus: response.status };
  } catch (error) {
    return { error: reasonOf(error) };
  }
}

/** Whoever delivers: `credits`, as far as this is concerned. */
export interface Deliverer {
  deliverWebhooks(send: typeof sendWebhook): Promise<DeliverWebhooksResult>;
}

/**
 * Sends what is due, for as long as this process lives: for servers that go on between requests. Elsewhere a cron route does it
 * (`createCronHandler`, job `deliver`). Keeps no process alive.
 * @returns Stops after what is under way.
 */
export function startWebhookDelivery(
  credits: Deliverer,
  { onError }: { onError?: (error: unknown) => void } = {},
): () => Promise<void> {
  let isStopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = Promise.resolve();
  const plan = () => {
    timer = setTimeout(() => {
      running = run();
    }, pauseMs);
    // Where timers are objects (Node), this one keeps nothing alive.
    (timer as { unref?: () => void }).unref?.();
  };
  const run = async () => {
    try {
      await credits.deliverWebhooks(sendWebhook);
    } catch (error) {
      onError?.(error);
    }
    if (!isStopped) plan();
  };
  plan();
  return async () => {
    isStopped = true;
    clearTimeout(timer);
    await running;
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if (error.name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  // What fetch says is "fetch failed"; its cause knows why.
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : error.name;
}
