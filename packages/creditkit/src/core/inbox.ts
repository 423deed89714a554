import { parseId, parseOptionalId, parseParameters } from "./argument.ts";
import type { Engine } from "./engine.ts";
import { CreditsError, invalidArgument } from "./errors.ts";
import { apply, type PaymentEventResult, type PaymentMessage } from "./payment.ts";

export const inboxStatuses = ["applied", "ignored", "parked", "failed"] as const;
export type InboxStatus = (typeof inboxStatuses)[number];

const eventsMax = 1_000;
const eventsDefault = 50;

/** A message of a provider, as it stands in the inbox. */
export interface InboxEvent {
  provider: string;
  eventId: string;
  type: string;
  /** `parked`: it waits for `waitsFor`. `failed`: refused with `error`; it is tried again when it is sent again or replayed. */
  status: InboxStatus;
  waitsFor: string[];
  /** A code. */
  error: string | null;
  occurredAt: Date;
  receivedAt: Date;
}

/**
 * The newest messages of the inbox.
 * @throws `INVALID_ARGUMENT` (`field`).
 */
export async function getPaymentEvents(
  engine: Engine,
  params: { status?: InboxStatus; limit?: number } = {},
): Promise<InboxEvent[]> {
  const { status, limit = eventsDefault } = params;
  if (status !== undefined && !inboxStatuses.includes(status))
    throw invalidArgument("status", `one of ${inboxStatuses.join(", ")}`);
  if (!Number.isInteger(limit) || limit < 1 || limit > eventsMax)
    throw invalidArgument("limit", `a whole number from 1 to ${eventsMax}`);
  const rows = await engine.call<
    (Omit<InboxEvent, "eventId" | "waitsFor" | "occurredAt" | "receivedAt"> & {
      event_id: string;
      waits_for: string[];
      occurred_at: number;
      received_at: number;
    })[]
  >("select credits.get_provider_events($1::text, $2::text::integer)::text as answer", [
    status ?? null,
    String(limit),
  ]);
  return rows.map(({ event_id, waits_for, occurred_at, received_at, ...row }) => ({
    ...row,
    eventId: event_id,
    waitsFor: waits_for,
    occurredAt: new Date(occurred_at),
    receivedAt: new Date(received_at),
  }));
}

/**
 * Does again what a message of the inbox says, by today's configuration: for one that failed, or waits. One that was applied
 * answers `replayed`.
 * @throws `UNKNOWN_EVENT`, `INVALID_ARGUMENT` (`provider`) where several providers sent this id, and as `applyPaymentEvent`.
 */
export async function replayPaymentEvent(
  engine: Engine,
  params: { eventId: string; provider?: string | undefined },
): Promise<PaymentEventResult> {
  engine.requireEnabled();
  const fields = parseParameters(params);
  const [message, another] = await engine.call<PaymentMessage[]>(
    "select credits.get_provider_event($1::text, $2::text)::text as answer",
    [parseId("eventId", fields.eventId), parseOptionalId("provider", fields.provider) ?? null],
  );
  if (message === undefined) throw new CreditsError("UNKNOWN_EVENT", "The inbox has no such event");
  if (another !== undefined) throw invalidArgument("provider", "one of those that sent this id");
  return apply(engine, message);
}
