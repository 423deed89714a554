/** What each failure is called. Stable: callers and clients branch on it. */
export const CreditsErrorCode = {
  INSUFFICIENT_CREDITS: "INSUFFICIENT_CREDITS",
  USER_BALANCE_NOT_FOUND: "USER_BALANCE_NOT_FOUND",
  INVALID_AMOUNT: "INVALID_AMOUNT",
  INVALID_ARGUMENT: "INVALID_ARGUMENT",
  INVALID_CONFIG: "INVALID_CONFIG",
  UNKNOWN_PRICE: "UNKNOWN_PRICE",
  UNKNOWN_SERVICE: "UNKNOWN_SERVICE",
  UNKNOWN_PLAN: "UNKNOWN_PLAN",
  IDEMPOTENCY_CONFLICT: "IDEMPOTENCY_CONFLICT",
  CREDITS_DISABLED: "CREDITS_DISABLED",
  REGISTRATION_CREDITS_DISABLED: "REGISTRATION_CREDITS_DISABLED",
  WALLET_FROZEN: "WALLET_FROZEN",
  BALANCE_OVERFLOW: "BALANCE_OVERFLOW",
  BALANCE_LIMIT: "BALANCE_LIMIT",
  HOLD_NOT_FOUND: "HOLD_NOT_FOUND",
  HOLD_SETTLED: "HOLD_SETTLED",
  HOLD_RELEASED: "HOLD_RELEASED",
  HOLD_EXPIRED: "HOLD_EXPIRED",
  TRANSACTION_NOT_FOUND: "TRANSACTION_NOT_FOUND",
  NOT_REVERSIBLE: "NOT_REVERSIBLE",
  SUBSCRIPTION_ACTIVE: "SUBSCRIPTION_ACTIVE",
  NOT_SUPPORTED: "NOT_SUPPORTED",
  NOT_FOUND: "NOT_FOUND",
  INVALID_WEBHOOK: "INVALID_WEBHOOK",
  PURCHASE_NOT_ALLOWED: "PURCHASE_NOT_ALLOWED",
  UNKNOWN_CUSTOMER: "UNKNOWN_CUSTOMER",
  UNKNOWN_EVENT: "UNKNOWN_EVENT",
  PROVIDER_UNAVAILABLE: "PROVIDER_UNAVAILABLE",
  DATABASE_IN_USE: "DATABASE_IN_USE",
  DATABASE_UNAVAILABLE: "DATABASE_UNAVAILABLE",
} as const;
export type CreditsErrorCode = (typeof CreditsErrorCode)[keyof typeof CreditsErrorCode];

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** Where, e.g. `packages.lite.credits`. */
  path: string;
  /** What is allowed there. */
  message: string;
}

/** The facts of a failure; which are set depends on the code. */
export interface CreditsErrorFacts {
  /** `INSUFFICIENT_CREDITS`: credits asked for. */
  required?: number;
  /** `INSUFFICIENT_CREDITS`, `BALANCE_LIMIT`: credits there are. `NOT_REVERSIBLE`: credits that can still be given back. */
  available?: number;
  /** `INVALID_AMOUNT`, `INVALID_ARGUMENT`: the parameter. `IDEMPOTENCY_CONFLICT`: what differs from the first request. `NOT_FOUND`: what names it. */
  field?: string;
  /** `INVALID_CONFIG`: everything that is wrong, not only the first. */
  problems?: readonly ConfigProblem[];
  /** `BALANCE_LIMIT`: the configured `maxUserBalance`, in credits. */
  limit?: number;
  /** `DATABASE_IN_USE`: the process that has the database open. */
  pid?: number;
}

/** `Symbol.for`: the same in every copy of the package that a bundler or a second install made. */
const marker: unique symbol = Symbol.for("creditkit.CreditsError") as never;

/**
 * Every failure that Creditkit raises on purpose. Branch on `code`; what each code means and how to mend it is in
 * `docs/errors.md`.
 */
export class CreditsError extends Error {
  readonly code: CreditsErrorCode;
  readonly required?: number;
  readonly available?: number;
  readonly field?: string;
  readonly problems?: readonly ConfigProblem[];
  readonly limit?: number;
  readonly pid?: number;

  constructor(
    code: CreditsErrorCode,
    message: string,
    facts: CreditsErrorFacts = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "CreditsError";
    this.code = code;
    Object.assign(this, facts);
    Object.defineProperty(this, marker, { value: true });
  }

  /** Whether an unknown error is a `CreditsError`, of whichever copy of the package. */
  static is(error: unknown): error is CreditsError {
    return typeof error === "object" && error !== null && marker in error;
  }
}

/** A bad parameter, raised before any I/O. */
export function invalidArgument(field: string, expected: string): CreditsError {
  return new CreditsError("INVALID_ARGUMENT", `Invalid ${field}: expected ${expected}`, { field });
}
