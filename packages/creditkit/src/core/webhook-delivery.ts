import { parseParameters } from "./argument.ts";
import type { Engine } from "./engine.ts";
import { invalidArgument } from "./errors.ts";
import { isRefusal, type Refusal, refusalError } from "./request.ts";
import { parseUuid } from "./uuid.ts";
import { disableWebhookEndpoint, type WebhookEventType } from "./webhook-endpoint.ts";

export const deliveryStatuses = ["pending", "delivered", "failed"] as const;
export type WebhookDeliveryStatus = (typeof deliveryStatuses)[number];

const deliveriesMax = 1_000;
const deliveriesDefault = 50;

/** One message on its way to one endpoint. */
export interface WebhookDelivery {
  messageId: string;
  endpointId: string;
  url: string;
  type: WebhookEventType;
  userId: string;
  transactionId: string;
  /** `pending`: it is due, waits for its next attempt, or its endpoint is switched off. `failed`: no attempt is left. */
  status: WebhookDeliveryStatus;
  attempts: number;
  /** Null: none is planned. */
  nextAttemptAt: Date | null;
  lastAttemptAt: Date | null;
  /** What the last attempt was answered; null: nothing. */
  responseStatus: number | null;
  /** What went wrong before there was an answer. */
  error: string | null;
  createdAt: Date;
}

/**
 * The newest deliveries, newest first.
 * @throws `INVALID_ARGUMENT` (`field`).
 */
export async function getWebhookDeliveries(
  engine: Engine,
  params: { status?: WebhookDeliveryStatus; endpointId?: string; limit?: number } = {},
): Promise<WebhookDelivery[]> {
  const { status, endpointId, limit = deliveriesDefault } = parseParameters(params);
  if (status !== undefined && !deliveryStatuses.some((name) => name === status))
    throw invalidArgument("status", `one of ${deliveryStatuses.join(", ")}`);
  if (!Number.isInteger(limit) || (limit as number) < 1 || (limit as number) > deliveriesMax)
    throw invalidArgument("limit", `a whole number from 1 to ${deliveriesMax}`);
  const rows = await engine.call<DeliveryRow[]>(
    "select credits.get_webhook_deliveries($1::text, $2::text::uuid, $3::text::integer)::text as answer",
    [status ?? null, endpointId === undefined ? null : parseUuid("endpointId", endpointId), String(limit)],
  );
  const instant = (milliseconds: number | null) => (milliseconds === null ? null : new Date(milliseconds));
  return rows.map((row) => ({
    messageId: row.message_id,
    endpointId: row.endpoint_id,
    url: row.url,
    type: row.type,
    userId: row.user_id,
    transactionId: row.transaction_id,
    status: row.status,
    attempts: row.attempts,
    nextAttemptAt: instant(row.next_attempt_at),
    lastAttemptAt: instant(row.last_attempt_at),
    responseStatus: row.response_status,
    error: row.error,
    createdAt: new Date(row.created_at),
  }));
}

/**
 * Sends a message once more, whatever became of it.
 * @throws `NOT_FOUND` (`messageId`), `INVALID_ARGUMENT` (`field`).
 */
export async function resendWebhook(
  engine: Engine,
  params: { messageId: string; endpointId: string },
): Promise<void> {
  const fields = parseParameters(params);
  const answer = await engine.call<Refusal | object>(
    "select credits.resend_webhook($1::text::uuid, $2::text::uuid, $3::text::timestamptz)::text as answer",
    () => [
      parseUuid("messageId", fields.messageId),
      parseUuid("endpointId", fields.endpointId),
      engine.now(),
    ],
  );
  if (isRefusal(answer)) throw refusalError(engine, answer);
}

/** What is to be sent: the request's body and headers are ready. */
export interface OutgoingWebhook {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** How an attempt ended: an answer's HTTP status, or why there was none. */
export type WebhookAttempt = { responseStatus: number } | { error: string };

/** Sends one message; does not follow redirects, gives up after a while, and never throws. */
export type SendWebhook = (webhook: OutgoingWebhook) => Promise<WebhookAttempt>;

export interface DeliverWebhooksResult {
  /** Attempts that were made. */
  attempted: number;
  delivered: number;
  /** Not delivered this time, and not the last time. */
  retrying: number;
  /** Not delivered, and no attempt is left. */
  failed: number;
}

/**
 * Seconds from an attempt that failed to the next one; after the last of them a delivery has failed. The specification's own
 * example (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability).
 */
export const retrySeconds = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400] as const;
/** Part of a wait that is up to chance, so that what failed together does not come back together. */
const jitter = 0.2;
/** Deliveries of one claim, sent side by side; those of one endpoint wait for no other's. */
const claimMax = 20;
/** Longer than any attempt lasts: a claim that is older was lost with its process. */
const claimSeconds = 60;
/** To one endpoint, one call stops here and leaves the rest to the next. */
const deliveriesPerRunMax = 2_000;
/** After so long no endpoint is sent more in this call: one that is slow must not keep the others from the next. */
const runMs = 10_000;
/** Days that a message is kept after it happened. */
const keptDays = 30;
const forgottenAtOnceMax = 1_000;
/** More than one call delivers to an endpoint, or what is kept would grow for ever. */
const forgottenPerRunMax = 10_000;

/**
 * Sends what is due, at least once: a process that dies between sending and noting sends again. Any number may run at once.
 */
export async function deliverWebhooks(engine: Engine, send: SendWebhook): Promise<DeliverWebhooksResult> {
  const endpointIds = await engine.call<string[]>(
    "select credits.due_webhook_endpoints($1::text::timestamptz)::text as answer",
    () => [engine.now()],
  );
  const endsAt = Date.now() + runMs;
  const outcomes = (
    await Promise.all(endpointIds.map((endpointId) => deliverTo(engine, endpointId, send, endsAt)))
  ).flat();
  await forget(engine);
  const count = (outcome: Outcome) => outcomes.filter((one) => one === outcome).length;
  return {
    attempted: outcomes.length,
    delivered: count("delivered"),
    retrying: count("retrying"),
    failed: count("failed"),
  };
}

type Outcome = "delivered" | "retrying" | "failed";

async function deliverTo(
  engine: Engine,
  endpointId: string,
  send: SendWebhook,
  endsAt: number,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < deliveriesPerRunMax && Date.now() < endsAt) {
    const claimed = await engine.call<ClaimedRow[]>(
      `select credits.claim_endpoint_webhooks(
         $1::text::uuid, $2::text::integer, $3::text::integer, $4::text::timestamptz
       )::text as answer`,
      () => [endpointId, String(claimMax), String(claimSeconds), engine.now()],
    );
    outcomes.push(...(await Promise.all(claimed.map((row) => attempt(engine, row, send)))));
    if (claimed.length < claimMax) break;
  }
  return outcomes;
}

async function forget(engine: Engine): Promise<void> {
  for (let left = forgottenPerRunMax; left > 0; left -= forgottenAtOnceMax) {
    const forgotten = await engine.call<number>(
      "select credits.forget_webhooks($1::text::integer, $2::text::integer, $3::text::timestamptz)::text as answer",
      () => [String(keptDays), String(forgottenAtOnceMax), engine.now()],
    );
    if (forgotten < forgottenAtOnceMax) return;
  }
}

async function attempt(engine: Engine, row: ClaimedRow, send: SendWebhook): Promise<Outcome> {
  const now = engine.now();
  const seconds = Math.floor((now === null ? Date.now() : Date.parse(now)) / 1000);
  const ended = await send({
    url: row.url,
    body: row.body,
    headers: {
      "content-type": "application/json",
      "webhook-id": row.message_id,
      "webhook-timestamp": String(seconds),
      "webhook-signature": `v1,${await signatureOf(row.secret, `${row.message_id}.${seconds}.${row.body}`)}`,
    },
  });
  const status = "responseStatus" in ended ? ended.responseStatus : null;
  const isDelivered = status !== null && status >= 200 && status < 300;
  const wait = retrySeconds[row.attempt - 1];
  const outcome = {
    delivered: isDelivered,
    next_seconds: wait === undefined ? null : wait * (1 + jitter * Math.random()),
    response_status: status,
    error: "error" in ended ? ended.error : null,
  };
  await engine.call(
    `select credits.finish_webhook(
       $1::text::uuid, $2::text::uuid, $3::text::integer, $4::text::jsonb, $5::text::timestamptz
     )::text as answer`,
    () => [row.message_id, row.endpoint_id, String(row.attempt), JSON.stringify(outcome), engine.now()],
  );
  // The specification: it asks not to be told any more.
  if (status === 410) await disableWebhookEndpoint(engine, row.endpoint_id, "It answered 410 Gone");
  if (isDelivered) return "delivered";
  return wait === undefined ? "failed" : "retrying";
}

async function signatureOf(secret: string, text: string): Promise<string> {
  const bytes = Uint8Array.from(atob(secret), (character) => character.charCodeAt(0));
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(signature)));
}

interface ClaimedRow {
  message_id: string;
  endpoint_id: string;
  /** From 1. */
  attempt: number;
  url: string;
  secret: string;
  body: string;
}

interface DeliveryRow {
  message_id: string;
  endpoint_id: string;
  url: string;
  type: WebhookEventType;
  user_id: string;
  transaction_id: string;
  status: WebhookDeliveryStatus;
  attempts: number;
  next_attempt_at: number | null;
  last_attempt_at: number | null;
  response_status: number | null;
  error: string | null;
  created_at: number;
}
