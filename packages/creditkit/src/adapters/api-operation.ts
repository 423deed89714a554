import { z } from "@hono/zod-openapi";
import type { ApiScope } from "../core/api-key.ts";
import type { CreditsErrorCode } from "../core/errors.ts";
import type { Credits } from "../core/operations.ts";

/** One thing that the API does: what its route, its check, its description and its document are made from. */
export interface ApiOperation {
  /** Its name in the document, and in clients that are generated from it. */
  id: string;
  method: "get" | "post" | "put" | "patch" | "delete";
  /** With its parameters in braces. */
  path: string;
  /** What a key must be allowed to do; null: any valid key. */
  scope: ApiScope | null;
  tag: ApiTag;
  summary: string;
  description?: string;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Whether `Idempotency-Key` makes it repeatable. What has no key is repeatable by itself. */
  takesKey?: boolean;
  /** Null: 204. */
  result: z.ZodType | null;
  /** Default 200. */
  status?: 201;
  /** What the ledger may refuse it with, beside a wrong argument. */
  errors: readonly CreditsErrorCode[];
  run(credits: Credits, input: ApiInput): Promise<unknown>;
}

interface ApiInput {
  params: Record<string, unknown>;
  query: Record<string, unknown>;
  body: unknown;
  idempotencyKey: string | undefined;
}

export const apiTags = {
  users: "What one user has, spends and gets.",
  payments: "What payment providers told, and what they may sell.",
  system: "The system as a whole: jobs, audit, figures.",
  keys: "Keys of this API.",
  webhooks: "Who is told of what happens, by signed webhooks.",
} as const;
type ApiTag = keyof typeof apiTags;

type Shape = z.ZodObject | undefined;
type Fields<Schema extends z.ZodType | undefined> = Schema extends z.ZodType
  ? z.output<Schema>
  : Record<string, never>;

/** An operation whose `run` is typed by its schemas. */
export function operation<
  Params extends Shape = undefined,
  Query extends Shape = undefined,
  Body extends z.ZodType | undefined = undefined,
>(
  definition: Omit<ApiOperation, "params" | "query" | "body" | "run"> & {
    params?: Params;
    query?: Query;
    body?: Body;
    run(
      credits: Credits,
      input: {
        params: Fields<Params>;
        query: Fields<Query>;
        body: Fields<Body>;
        idempotencyKey?: string;
      },
    ): Promise<unknown>;
  },
): ApiOperation {
  // The route hands over what these very schemas have parsed.
  return definition as unknown as ApiOperation;
}

/** Leaves out what was not sent: an optional field that is there and undefined is none to the ledger's types. */
export function given<Value extends object>(
  value: Value,
): { [Field in keyof Value]: Exclude<Value[Field], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never;
}

export const userParams = z.object({
  userId: z.string().openapi({ description: "The app's own id of a user.", example: "ada" }),
});
