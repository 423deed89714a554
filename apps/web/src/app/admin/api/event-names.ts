import type { WebhookEventType } from "creditkit";

/** What can be told, in the order in which it is offered. */
export const eventNames = [
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
] as const satisfies readonly WebhookEventType[];
