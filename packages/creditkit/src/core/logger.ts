import { failureCode } from "./database.ts";
import { CreditsError } from "./errors.ts";

/** Names, counts and codes: never secrets, ids of users, payloads or SQL (rule 33). */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where the engine says what an operator should know. A pino logger has this shape, and so has `console`. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export function isLogger(value: unknown): value is Logger {
  return ["debug", "info", "warn", "error"].every(
    (level) => typeof (value as Record<string, unknown> | null)?.[level] === "function",
  );
}

/** What may be logged of an error: its message may hold SQL and values. */
export function errorFields(error: unknown): LogFields {
  const code = CreditsError.is(error) ? error.code : failureCode(error);
  return {
    error: error instanceof Error ? error.name : typeof error,
    ...(code === undefined ? {} : { code }),
  };
}
