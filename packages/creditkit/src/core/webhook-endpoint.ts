import { parseFlag, parseId, parseParameters } from "./argument.ts";
import type { Engine } from "./engine.ts";
import { CreditsError, invalidArgument } from "./errors.ts";
import { isRefusal, type Refusal, refusalError } from "./request.ts";
import { parseUuid, uuidV7 } from "./uuid.ts";

/** What happens to credits, as it is told outside. */
export const webhookEventTypes = [
  "credits.granted",
  "credits.consumed",
  "credits.reversed",
  "credits.deducted",
  "credits.expired",
  "credits.taken_back",
  "credits.restored",
  "credits.lent",
  "credits.repaid",
  "credits.low",
] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];

export interface WebhookEndpoint {
  endpointId: string;
  url: string;
  description: string | null;
  /** Null: all. */
  eventTypes: WebhookEventType[] | null;
  /** Credits: `credits.low` tells of a wallet that falls below. Null: of none. */
  lowBalance: number | null;
  enabled: boolean;
  /** Why the sender switched it off. */
  disabledReason: string | null;
  createdAt: Date;
  /** Messages that wait for it. */
  pending: number;
}

export interface WebhookEndpointParams {
  /** `https:`; `http:` for this machine only. */
  url: string;
  description?: string;
  /** Default: all. */
  eventTypes?: readonly WebhookEventType[];
  /** Credits, positive. Default: the configuration's `limitations.lowBalance`. */
  lowBalance?: number;
}

const secretBytes = 32;
const urlLengthMax = 2_000;

/**
 * Tells a URL of what happens to credits from now on, signed by the Standard Webhooks specification
 * (https://www.standardwebhooks.com). `secret` is here once and never again: give it to the receiver.
 * @throws `INVALID_ARGUMENT` (`field`), `INVALID_AMOUNT`, `NOT_SUPPORTED` on a sharded database.
 */
export async function createWebhookEndpoint(
  engine: Engine,
  params: WebhookEndpointParams,
): Promise<WebhookEndpoint & { secret: string }> {
  if (engine.sharded)
    throw new CreditsError("NOT_SUPPORTED", "Webhooks are not written on a sharded database");
  const fields = parseParameters(params);
  const secret = newSecret();
  const { lowBalance = engine.config.limitations.lowBalance } = fields;
  const row = {
    id: uuidV7(),
    url: parseUrl(fields.url),
    description: fields.description === undefined ? undefined : parseId("description", fields.description),
    event_types: fields.eventTypes === undefined ? undefined : parseEventTypes(fields.eventTypes),
    low_balance: lowBalance === undefined ? undefined : engine.units(lowBalance),
    secret,
  };
  const answer = await engine.call<EndpointRow | Refusal>(
    "select credits.create_webhook_endpoint($1::text::jsonb, $2::text::timestamptz)::text as answer",
    () => [JSON.stringify(row), engine.now()],
  );
  if (isRefusal(answer)) throw refusalError(engine, answer);
  return { ...endpointOf(engine, answer), secret: `whsec_${secret}` };
}

/** All endpoints, newest first. */
export async function getWebhookEndpoints(engine: Engine): Promise<WebhookEndpoint[]> {
  const rows = await engine.call<EndpointRow[]>("select credits.get_webhook_endpoints()::text as answer", []);
  return rows.map((row) => endpointOf(engine, row));
}

/** What changes; what is left out stays. */
export interface WebhookEndpointChange {
  endpointId: string;
  url?: string;
  /** Null: none. */
  description?: string | null;
  /** Null: all. */
  eventTypes?: readonly WebhookEventType[] | null;
  /** Null: of none. */
  lowBalance?: number | null;
  /** What happens while it is switched off is not written for it; what waits already goes out when it is on again. */
  enabled?: boolean;
}

/**
 * Changes an endpoint.
 * @throws `NOT_FOUND` (`endpointId`), `INVALID_ARGUMENT` (`field`), `INVALID_AMOUNT`.
 */
export async function updateWebhookEndpoint(
  engine: Engine,
  params: WebhookEndpointChange,
): Promise<WebhookEndpoint> {
  const fields = parseParameters(params);
  const { description, eventTypes, lowBalance, url, enabled } = fields;
  const change = {
    ...(url !== undefined && { url: parseUrl(url) }),
    ...(description !== undefined && {
      description: description === null ? null : parseId("description", description),
    }),
    ...(eventTypes !== undefined && {
      event_types: eventTypes === null ? null : parseEventTypes(eventTypes),
    }),
    ...(lowBalance !== undefined && { low_balance: lowBalance === null ? null : engine.units(lowBalance) }),
    ...(enabled !== undefined && { is_enabled: parseFlag("enabled", enabled) }),
  };
  const answer = await applyChange(engine, parseUuid("endpointId", fields.endpointId), change);
  if (isRefusal(answer)) throw refusalError(engine, answer);
  return endpointOf(engine, answer);
}

/** Switches an endpoint off for a reason: it answered that it is gone. One that was deleted meanwhile is off. */
export async function disableWebhookEndpoint(
  engine: Engine,
  endpointId: string,
  reason: string,
): Promise<void> {
  await applyChange(engine, endpointId, { is_enabled: false, disabled_reason: reason });
}

function applyChange(engine: Engine, endpointId: string, change: object): Promise<EndpointRow | Refusal> {
  return engine.call(
    "select credits.update_webhook_endpoint($1::text::uuid, $2::text::jsonb, $3::text::timestamptz)::text as answer",
    () => [endpointId, JSON.stringify(change), engine.now()],
  );
}

/**
 * Forgets an endpoint and whatever it was still to be told.
 * @throws `NOT_FOUND` (`endpointId`), `INVALID_ARGUMENT` (`field`).
 */
export async function deleteWebhookEndpoint(engine: Engine, params: { endpointId: string }): Promise<void> {
  const endpointId = parseUuid("endpointId", parseParameters(params).endpointId);
  let isRepeated = false;
  const answer = await engine.call<Refusal | object>(
    "select credits.delete_webhook_endpoint($1::text::uuid)::text as answer",
    (attempt) => {
      isRepeated = attempt > 0;
      return [endpointId];
    },
  );
  // Sent again after its answer got lost: it was there, and is gone.
  if (isRefusal(answer) && !isRepeated) throw refusalError(engine, answer);
}

function newSecret(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(secretBytes))));
}

const ownHosts = new Set(["localhost", "127.0.0.1", "[::1]"]);

function parseUrl(value: unknown): string {
  if (typeof value === "string" && value.length <= urlLengthMax && URL.canParse(value)) {
    const url = new URL(value);
    const isSafe = url.protocol === "https:" || (url.protocol === "http:" && ownHosts.has(url.hostname));
    if (isSafe && url.username === "" && url.password === "") return url.href;
  }
  throw invalidArgument("url", "an https URL without a user name (http only for this machine)");
}

function parseEventTypes(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.length > 0 && value.every((type) => webhookEventTypes.includes(type)))
    return value;
  throw invalidArgument("eventTypes", `a list of ${webhookEventTypes.join(", ")}`);
}

interface EndpointRow {
  id: string;
  url: string;
  description: string | null;
  event_types: WebhookEventType[] | null;
  low_balance: number | null;
  is_enabled: boolean;
  disabled_reason: string | null;
  created_at: number;
  pending: number;
}

function endpointOf(engine: Engine, row: EndpointRow): WebhookEndpoint {
  return {
    endpointId: row.id,
    url: row.url,
    description: row.description,
    eventTypes: row.event_types,
    lowBalance: row.low_balance === null ? null : engine.credits(row.low_balance),
    enabled: row.is_enabled,
    disabledReason: row.disabled_reason,
    createdAt: new Date(row.created_at),
    pending: row.pending,
  };
}
