import "server-only";
import { drizzleAdapter } from "better-auth/adapters/drizzle";
import * as schema from "@/auth/schema";
import type { OpenDatabase } from "@/database/server";

type AdapterFactory = ReturnType<typeof drizzleAdapter>;

/**
 * better-auth's Drizzle adapter, with one difference: its errors carry neither SQL nor parameters. better-auth logs
 * what its adapter throws, and Drizzle writes the statement with its values, session tokens among them, into the message
 * (rule 33).
 */
export function authAdapter(drizzle: OpenDatabase["drizzle"]): AdapterFactory {
  // In transactions: a user without a password, or a password without its user, is never left behind.
  const create = drizzleAdapter(drizzle, { provider: "pg", schema, transaction: true });
  return (options) => withoutSql(create(options));
}

type Method = (...parameters: unknown[]) => unknown;

function withoutSql<Adapter extends object>(adapter: Adapter): Adapter {
  return new Proxy(adapter, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      const method = value.bind(target) as Method;
      if (name !== "transaction") return (...parameters: unknown[]) => redacted(method(...parameters));
      // The adapter that works inside the transaction is another one.
      return (work: (inner: object) => unknown) =>
        redacted(method((inner: object) => work(withoutSql(inner))));
    },
  });
}

function redacted(result: unknown): unknown {
  if (!(result instanceof Promise)) return result;
  return result.catch((error: unknown) => {
    throw isQueryError(error) ? databaseError(error) : error;
  });
}

function isQueryError(error: unknown): error is Error & { query: string } {
  return error instanceof Error && "query" in error;
}

/** All that may be told of a failed statement: its SQLSTATE, or the network's code. */
function databaseError({ cause }: Error): Error {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "without a code";
  return Object.assign(new Error(`The database refused a statement (${code})`), { code });
}
