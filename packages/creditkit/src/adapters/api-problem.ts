import { z } from "@hono/zod-openapi";
import { CreditsError, CreditsErrorCode } from "../core/errors.ts";

/** What the API refuses by itself, before the ledger is asked. */
const ApiErrorCode = {
  UNAUTHORIZED: "UNAUTHORIZED",
  FORBIDDEN: "FORBIDDEN",
  ROUTE_NOT_FOUND: "ROUTE_NOT_FOUND",
  PAYLOAD_TOO_LARGE: "PAYLOAD_TOO_LARGE",
  UNSUPPORTED_MEDIA_TYPE: "UNSUPPORTED_MEDIA_TYPE",
  RATE_LIMITED: "RATE_LIMITED",
  INTERNAL_ERROR: "INTERNAL_ERROR",
} as const;
type ApiErrorCode = (typeof ApiErrorCode)[keyof typeof ApiErrorCode];

export type ProblemCode = CreditsErrorCode | ApiErrorCode;

/** HTTP status and title of each code. */
export const problems: Readonly<Record<ProblemCode, readonly [status: number, title: string]>> = {
  INSUFFICIENT_CREDITS: [402, "Insufficient credits"],
  USER_BALANCE_NOT_FOUND: [404, "The user never had a wallet"],
  INVALID_AMOUNT: [400, "Invalid amount"],
  INVALID_ARGUMENT: [400, "Invalid argument"],
  INVALID_CONFIG: [500, "Invalid configuration"],
  UNKNOWN_PRICE: [422, "Unknown price"],
  UNKNOWN_SERVICE: [422, "Unknown service"],
  UNKNOWN_PLAN: [422, "Unknown plan"],
  IDEMPOTENCY_CONFLICT: [409, "The key was used for something else"],
  CREDITS_DISABLED: [503, "Credits are disabled"],
  REGISTRATION_CREDITS_DISABLED: [409, "Registration credits are disabled"],
  WALLET_FROZEN: [409, "The wallet is frozen"],
  BALANCE_OVERFLOW: [409, "The balance would be too large"],
  BALANCE_LIMIT: [409, "The balance is at its limit"],
  HOLD_NOT_FOUND: [404, "No such hold"],
  HOLD_SETTLED: [409, "The hold was settled"],
  HOLD_RELEASED: [409, "The hold was released"],
  HOLD_EXPIRED: [409, "The hold has timed out"],
  TRANSACTION_NOT_FOUND: [404, "No such transaction"],
  NOT_REVERSIBLE: [409, "Nothing is left to give back"],
  SUBSCRIPTION_ACTIVE: [409, "The user's plan still renews"],
  NOT_SUPPORTED: [501, "Not on this database"],
  NOT_FOUND: [404, "Not found"],
  INVALID_WEBHOOK: [400, "Invalid webhook"],
  PURCHASE_NOT_ALLOWED: [403, "The user may not buy this"],
  UNKNOWN_CUSTOMER: [404, "The user never bought anything"],
  UNKNOWN_EVENT: [404, "No such payment event"],
  PROVIDER_UNAVAILABLE: [502, "The payment provider does not answer"],
  DATABASE_IN_USE: [503, "The database is in use"],
  DATABASE_UNAVAILABLE: [503, "The database does not answer"],
  UNAUTHORIZED: [401, "A valid key is needed"],
  FORBIDDEN: [403, "The key may not do this"],
  ROUTE_NOT_FOUND: [404, "No such route"],
  PAYLOAD_TOO_LARGE: [413, "The body is too large"],
  UNSUPPORTED_MEDIA_TYPE: [415, "Send JSON"],
  RATE_LIMITED: [429, "Too many requests"],
  INTERNAL_ERROR: [500, "Something went wrong"],
};

export const Problem = z
  .object({
    type: z.string().openapi({
      description: "Where the code is explained: a reference to the API's own pages.",
      format: "uri-reference",
    }),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    code: z.enum({ ...CreditsErrorCode, ...ApiErrorCode }).openapi({ description: "Branch on this." }),
    field: z
      .string()
      .optional()
      .openapi({ description: "What was wrong, or differs from the first request." }),
    required: z.number().optional().openapi({ description: "Credits asked for." }),
    available: z.number().optional().openapi({ description: "Credits there are." }),
    limit: z.number().optional().openapi({ description: "The configured `maxUserBalance`." }),
  })
  .openapi("Problem", { description: "RFC 9457 (https://www.rfc-editor.org/rfc/rfc9457)." });

/** A refusal as RFC 9457 has it. */
export class ApiProblem extends Error {
  constructor(
    readonly code: ProblemCode,
    readonly detail?: string,
    readonly facts: { field?: string; required?: number; available?: number; limit?: number } = {},
    readonly headers: Record<string, string> = {},
  ) {
    super(detail ?? code);
  }

  get status(): number {
    return problems[this.code][0];
  }

  /** @param page Where the codes are explained. */
  response(page: string): Response {
    const [status, title] = problems[this.code];
    const { code, detail, facts } = this;
    const body = { type: `${page}#${code}`, title, status, detail, code, ...facts };
    return new Response(JSON.stringify(body), {
      status,
      headers: { "content-type": "application/problem+json", ...this.headers },
    });
  }
}

/** Whether a request that is refused so may be answered otherwise a moment later. */
const retryable = new Set<ProblemCode>(["DATABASE_UNAVAILABLE", "DATABASE_IN_USE"]);

/** What the ledger, or anything below it, threw; of what it does not explain nothing is told. */
export function problemOf(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (!CreditsError.is(error)) return new ApiProblem("INTERNAL_ERROR");
  const { code, message, field, required, available, limit } = error;
  // What is wrong with it is for whoever runs the server.
  if (code === "INVALID_CONFIG") return new ApiProblem(code);
  const facts = Object.fromEntries(
    Object.entries({ field, required, available, limit }).filter(([, value]) => value !== undefined),
  );
  return new ApiProblem(code, message, facts, retryable.has(code) ? { "retry-after": "1" } : {});
}

/** What a schema found, as the ledger would say it. */
export function invalidInput(error: z.ZodError): ApiProblem {
  const [issue] = error.issues;
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const field = [...(issue?.path ?? []), ...unknown].join(".") || "body";
  const code = /(^|\.)amount$/.test(field) ? "INVALID_AMOUNT" : "INVALID_ARGUMENT";
  return new ApiProblem(code, `Invalid ${field}: ${issue?.message ?? "not understood"}`, { field });
}
