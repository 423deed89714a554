import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import type { ApiCaller } from "../core/api-key.ts";
import { idLengthMax } from "../core/argument.ts";
import { loggable } from "../core/logger.ts";
import type { Credits } from "../core/operations.ts";
import { type ApiOperation, apiTags } from "./api-operation.ts";
import { paymentOperations } from "./api-payment.ts";
import { ApiProblem, invalidInput, Problem, type ProblemCode, problemOf, problems } from "./api-problem.ts";
import { referencePage, referenceStyle } from "./api-reference.ts";
import { systemOperations } from "./api-system.ts";
import { userOperations } from "./api-user.ts";

const bodyBytesMax = 64 * 1024;
const requestsPerMinuteDefault = 1_200;

export interface CreditsApiOptions {
  /** Where it is mounted, without a slash at the end. Default `/api/v1`. */
  basePath?: string;
  /** Of one key in this process; more are answered 429. Default 1 200. */
  requestsPerMinute?: number;
  /** Told of what is answered 500: nothing of it reaches the caller. Default: its name and code go to `console.error`. */
  onError?: (error: unknown) => void;
}

/** A Web-standard handler: mounts in Next.js, Hono, Bun, Deno and Workers alike. */
export type CreditsApi = (request: Request) => Promise<Response>;

const operations: readonly ApiOperation[] = [...userOperations, ...paymentOperations, ...systemOperations];

/**
 * Everything that the ledger does, over HTTP with JSON: for programs in any language. Callers come with a key of
 * `credits.createApiKey` as `Authorization: Bearer`; `Idempotency-Key` makes a spend, hold, grant, reversal or deduction repeatable;
 * refusals are RFC 9457 problems with the ledger's codes. `<basePath>/openapi.json` describes it (OpenAPI 3.1), `<basePath>/reference`
 * shows that as a page; both are open to everybody.
 * @param credits The ledger, or what opens it: nothing is opened before the first request.
 * @example
 * const api = createCreditsApi(credits);
 * export { api as DELETE, api as GET, api as PATCH, api as POST, api as PUT };
 */
export function createCreditsApi(
  credits: Credits | (() => Credits | Promise<Credits>),
  {
    basePath = "/api/v1",
    requestsPerMinute = requestsPerMinuteDefault,
    // Not the error itself: drivers hang the statement and its values on it (rule 33).
    onError = (error) => console.error(`[Credits API] A request failed: ${loggable(error)}`),
  }: CreditsApiOptions = {},
): CreditsApi {
  const open = async () => (typeof credits === "function" ? credits() : credits);
  const limiter = new RateLimiterMemory({ points: requestsPerMinute, duration: 60 });
  const errorPage = `${basePath}/reference`;
  const answer = (problem: ApiProblem) => privately(problem.response(errorPage));

  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) throw invalidInput(result.error as z.ZodError);
    },
  });
  app.onError((error) => {
    if (error instanceof HTTPException && error.status === 400)
      return answer(new ApiProblem("INVALID_ARGUMENT", "The body is no JSON", { field: "body" }));
    // The library reads a content type more narrowly than `requireJson`.
    if (error instanceof HTTPException && error.status === 415) return answer(notJson());
    const problem = problemOf(error);
    if (problem.status === 500) onError(error);
    return answer(problem);
  });
  app.notFound(() => answer(new ApiProblem("ROUTE_NOT_FOUND")));

  const describe = () =>
    app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: {
        title: "Creditkit",
        version: "1",
        description: "Prepaid credits: granted, held, spent and given back, exactly.",
      },
      servers: [{ url: basePath }],
      tags: Object.entries(apiTags).map(([name, description]) => ({ name, description })),
    });
  // Made once: anybody may ask, and each takes ten times as long to make as a balance to read.
  let made: { document: string; page: string } | undefined;
  const written = () => {
    if (made === undefined) {
      const document = describe();
      made = { document: JSON.stringify(document), page: referencePage(document, problems) };
    }
    return made;
  };
  app.get("/openapi.json", (context) =>
    context.body(written().document, 200, { "content-type": "application/json" }),
  );
  app.get("/reference.css", (context) => context.body(referenceStyle, 200, { "content-type": "text/css" }));
  app.get("/reference", (context) => context.html(written().page));

  app.openAPIRegistry.registerComponent("securitySchemes", "key", {
    type: "http",
    scheme: "bearer",
    description: "A key of `creditkit keys create`, of the admin's pages or of `createApiKey`.",
  });
  for (const operation of operations) {
    app.openapi(
      routeOf(operation, async (context, next) => {
        const ledger = await open();
        const caller = await callerOf(ledger, context);
        // Before the scope: what a key may not do counts as well.
        await take(limiter, caller);
        allow(caller, operation);
        await next();
      }),
      // The library types a handler by its route, and these routes come from a list.
      (async (context: Context) => {
        const valid = (target: string) => context.req.valid(target as never);
        const result = await operation.run(await open(), {
          params: operation.params ? valid("param") : {},
          query: operation.query ? valid("query") : {},
          body: operation.body ? valid("json") : undefined,
          idempotencyKey: operation.takesKey ? keyOf(context.req.header("idempotency-key")) : undefined,
        });
        if (isReplay(result)) context.header("idempotent-replayed", "true");
        if (operation.result === null) return context.body(null, 204);
        return context.json(result ?? null, operation.status ?? 200);
      }) as never,
    );
  }

  const mounted = basePath === "" ? app : new OpenAPIHono().route(basePath, app);
  mounted.notFound(() => answer(new ApiProblem("ROUTE_NOT_FOUND")));
  return async (request) => privately(await mounted.fetch(request));
}

/** What one caller is answered is nobody else's. */
function privately(response: Response): Response {
  if (!response.headers.has("cache-control")) response.headers.set("cache-control", "private, no-store");
  response.headers.set("x-content-type-options", "nosniff");
  return response;
}

type Guard = (context: Context, next: () => Promise<void>) => Promise<Response | undefined>;

function routeOf(
  operation: ApiOperation,
  guard: (context: Context, next: () => Promise<void>) => Promise<void>,
) {
  const { params, query, body, takesKey, result, status } = operation;
  const headers = takesKey
    ? z.object({
        "idempotency-key": z
          .string()
          .optional()
          // The ledger counts, without the quotation marks.
          .openapi({
            maxLength: idLengthMax,
            description: "The same key does it once, however often it is sent.",
          }),
      })
    : undefined;
  const refusals = new Map<number, ProblemCode[]>();
  for (const code of [...operation.errors, ...commonErrors(operation)]) {
    const [at] = problems[code];
    refusals.set(at, [...new Set([...(refusals.get(at) ?? []), code])]);
  }
  return createRoute({
    operationId: operation.id,
    method: operation.method,
    path: operation.path,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.description && { description: operation.description }),
    security: [{ key: operation.scope === null ? [] : [operation.scope] }],
    // What nothing reads needs neither a type nor a limit.
    middleware: [
      guard as Guard,
      ...(body ? [requireJson, bodyLimit({ maxSize: bodyBytesMax, onError: tooLarge })] : []),
    ],
    request: {
      ...(params && { params }),
      ...(query && { query }),
      ...(headers && { headers }),
      ...(body && { body: { required: true, content: { "application/json": { schema: body } } } }),
    },
    responses: {
      ...(result === null
        ? { 204: { description: "Done." } }
        : { [status ?? 200]: { description: "Done.", content: { "application/json": { schema: result } } } }),
      ...Object.fromEntries(
        [...refusals].map(([at, codes]) => [
          at,
          {
            description: codes.map((code) => `\`${code}\``).join(", "),
            content: { "application/problem+json": { schema: Problem } },
          },
        ]),
      ),
    },
  });
}

function commonErrors({ params, query, body }: ApiOperation): ProblemCode[] {
  const hasInput = params !== undefined || query !== undefined || body !== undefined;
  return [
    ...(hasInput ? (["INVALID_ARGUMENT", "INVALID_AMOUNT"] as const) : []),
    "UNAUTHORIZED",
    "FORBIDDEN",
    ...(body ? (["PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"] as const) : []),
    "RATE_LIMITED",
    "INTERNAL_ERROR",
    "CREDITS_DISABLED",
    "DATABASE_UNAVAILABLE",
  ];
}

async function callerOf(ledger: Credits, context: Context): Promise<ApiCaller> {
  const [, key] = /^Bearer +(\S+)$/i.exec(context.req.header("authorization") ?? "") ?? [];
  const caller = key === undefined ? null : await ledger.verifyApiKey(key);
  if (caller === null) {
    const challenge = { "www-authenticate": 'Bearer realm="creditkit"' };
    throw new ApiProblem("UNAUTHORIZED", "Send `Authorization: Bearer <key>`", {}, challenge);
  }
  return caller;
}

function allow({ scopes }: ApiCaller, { scope }: ApiOperation): void {
  if (scope === null || scopes.includes(scope)) return;
  const challenge = { "www-authenticate": `Bearer error="insufficient_scope", scope="${scope}"` };
  throw new ApiProblem("FORBIDDEN", `The key has not the scope \`${scope}\``, {}, challenge);
}

async function take(limiter: RateLimiterMemory, { keyId }: ApiCaller): Promise<void> {
  try {
    await limiter.consume(keyId);
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    const seconds = Math.max(1, Math.ceil(refused.msBeforeNext / 1000));
    throw new ApiProblem("RATE_LIMITED", `Try again in ${seconds} s`, {}, { "retry-after": String(seconds) });
  }
}

async function requireJson(context: Context, next: () => Promise<void>): Promise<Response | undefined> {
  const type = context.req.header("content-type") ?? "";
  if (!/^application\/json *(;|$)/i.test(type)) throw notJson();
  await next();
  return undefined;
}

function notJson(): ApiProblem {
  return new ApiProblem("UNSUPPORTED_MEDIA_TYPE", "Send `Content-Type: application/json`");
}

function tooLarge(): never {
  throw new ApiProblem("PAYLOAD_TOO_LARGE", `At most ${bodyBytesMax} bytes`);
}

/** As it is, or quoted as the draft of the header has it. */
function keyOf(header: string | undefined): string | undefined {
  return header === undefined ? undefined : header.replace(/^"(.*)"$/, "$1");
}

function isReplay(result: unknown): boolean {
  return typeof result === "object" && result !== null && "replayed" in result;
}
