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

/** The same logger, except that what it throws is dropped: a full disk must not fail a spend that is in the books. */
export function guarded(logger: Logger): Logger {
  const level =
    (name: keyof Logger) =>
    (fields: LogFields, message: string): void => {
      try {
        logger[name](fields, message);
      } catch {}
    };
  return { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
}

/** What may be logged of an error: its message may hold SQL and values. */
export function errorFields(error: unknown): LogFields {
  const code = CreditsError.is(error) ? error.code : failureCode(error);
  return {
    error: error instanceof Error ? error.name : typeof error,
    ...(code === undefined ? {} : { code }),
  };
}

/** The same in one line: drivers put SQL and values into their messages (rule 33). */
export function loggable(error: unknown): string {
  if (CreditsError.is(error)) return `${error.code}: ${error.message}`;
  if (!(error instanceof Error)) return "a thrown value that is not an Error";
  const code = "code" in error && typeof error.code === "string" ? ` ${error.code}` : "";
  return `${error.name}${code}`;
}
