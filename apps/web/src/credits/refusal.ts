import "server-only";
import { CreditsError } from "creditkit";
import { failureMessage, unknownFailure } from "@/credits/failure";

/** What a route answers instead of doing what it was asked for. */
export interface Refusal {
  code: string;
  message: string;
  /** Credits; present when they are too few. */
  required?: number;
  available?: number;
  missing?: number;
}

export function refuse(status: number, code: string, message: string): Response {
  return answer(status, { error: { code, message } satisfies Refusal });
}

export function answer(status: number, body: object): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store" } });
}

/** What a failure looks like from outside: the ledger's refusals in words, anything else as one sentence (rule 33). */
export function refuseFailure(error: unknown, doing: string): Response {
  if (!CreditsError.is(error)) return refuse(500, "INTERNAL_ERROR", failureMessage(error, doing));
  switch (error.code) {
    case "INSUFFICIENT_CREDITS":
      return refuseShort(error.code, error.required ?? 0, error.available ?? 0);
    case "USER_BALANCE_NOT_FOUND":
      return answer(402, {
        error: { code: error.code, message: "You have no credits yet." } satisfies Refusal,
      });
    case "IDEMPOTENCY_CONFLICT":
      return refuse(409, error.code, "This was sent before. It is answered and charged once.");
    case "WALLET_FROZEN":
      return refuse(403, error.code, error.message);
    case "CREDITS_DISABLED":
    case "DATABASE_UNAVAILABLE":
      return refuse(503, error.code, "Credits are not available right now. Please try again later.");
    default:
      console.error(`[Credits] ${doing} failed: ${error.code}: ${error.message}`);
      return refuse(500, "INTERNAL_ERROR", unknownFailure);
  }
}

function refuseShort(code: string, required: number, available: number): Response {
  const missing = Math.max(required - available, 0);
  const message = `Not enough credits: this needs ${required}, and you have ${available}.`;
  return answer(402, { error: { code, message, required, available, missing } satisfies Refusal });
}
