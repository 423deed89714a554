import type { Metadata } from "./argument.ts";
import type { Engine } from "./engine.ts";
import { CreditsError, invalidArgument } from "./errors.ts";

/** What the schema does for any number of requests in one statement, answering each. */
export type Operation = "consume" | "grant" | "get_info";

/** A request as the functions of the schema read it. */
export interface LedgerRequest {
  user_id: string;
  [field: string]: string | number | boolean | Metadata | undefined;
}

/** A request on its way to the database, and who asks, for the telemetry. */
export interface Asked {
  request: LedgerRequest;
  caller: unknown;
}

/** A refusal: its code and its facts, amounts in units. */
export interface Refusal {
  code:
    | "INSUFFICIENT_CREDITS"
    | "USER_BALANCE_NOT_FOUND"
    | "WALLET_FROZEN"
    | "IDEMPOTENCY_CONFLICT"
    | "INVALID_ARGUMENT"
    | "BALANCE_LIMIT"
    | "BALANCE_OVERFLOW"
    | "UNKNOWN_PLAN"
    | "UNKNOWN_PRICE"
    | "HOLD_NOT_FOUND"
    | "HOLD_SETTLED"
    | "HOLD_RELEASED"
    | "HOLD_EXPIRED"
    | "TRANSACTION_NOT_FOUND"
    | "NOT_REVERSIBLE"
    | "SUBSCRIPTION_ACTIVE"
    | "NOT_FOUND"
    | "NOT_SUPPORTED";
  required?: number;
  available?: number;
  limit?: number;
  field?: string;
  plan?: string;
}

export function isRefusal(answer: object): answer is Refusal {
  return "code" in answer;
}

/** The typed error of a refusal, by its code. */
export function refusalError(engine: Engine, refusal: Refusal): CreditsError {
  const { code } = refusal;
  const required = engine.credits(refusal.required ?? 0);
  const available = engine.credits(refusal.available ?? 0);
  const limit = engine.credits(refusal.limit ?? 0);
  switch (code) {
    case "INSUFFICIENT_CREDITS":
      return new CreditsError(code, `Insufficient credits: required ${required}, available ${available}`, {
        required,
        available,
      });
    case "USER_BALANCE_NOT_FOUND":
      return new CreditsError(code, "User balance not found");
    case "WALLET_FROZEN":
      return new CreditsError(code, "The wallet is frozen");
    case "IDEMPOTENCY_CONFLICT":
      return new CreditsError(code, `The same key was used before with another ${refusal.field}`, {
        field: refusal.field ?? "",
      });
    case "INVALID_ARGUMENT":
      // What only the database's clock can tell.
      return invalidArgument(refusal.field ?? "", "an instant after now");
    case "BALANCE_LIMIT":
      return new CreditsError(
        code,
        `Free credits are granted up to a balance of ${limit}, available ${available}`,
        {
          limit,
          available,
        },
      );
    case "BALANCE_OVERFLOW":
      return new CreditsError(code, `The balance would pass ${engine.credits(Number.MAX_SAFE_INTEGER)}`);
    case "UNKNOWN_PLAN":
      return unknownPlan(refusal.plan ?? "");
    case "UNKNOWN_PRICE":
      return new CreditsError(code, "The configuration sells nothing for this price", { field: "priceId" });
    case "HOLD_NOT_FOUND":
      return new CreditsError(code, "The user has no such hold");
    case "HOLD_SETTLED":
      return new CreditsError(code, "The hold was settled before");
    case "HOLD_RELEASED":
      return new CreditsError(code, "The hold was released before");
    case "HOLD_EXPIRED":
      return new CreditsError(code, "The hold has timed out: its credits are free again");
    case "TRANSACTION_NOT_FOUND":
      return new CreditsError(code, "The user has no such transaction");
    case "SUBSCRIPTION_ACTIVE":
      return new CreditsError(code, "The user's plan still renews: cancel it first");
    case "NOT_FOUND":
      return new CreditsError(code, `There is no such ${refusal.field}`, { field: refusal.field ?? "" });
    case "NOT_SUPPORTED":
      return new CreditsError(code, "A cluster's tables cannot do this");
    case "NOT_REVERSIBLE":
      return new CreditsError(
        code,
        `Not reversible: ${available} of this transaction can still be given back`,
        {
          available,
        },
      );
  }
}

export function unknownPlan(planId: string): CreditsError {
  return new CreditsError("UNKNOWN_PLAN", `Unknown plan: ${planId}`, { field: "planId" });
}

/**
 * Sends requests to a set-based function of the schema in one statement, and returns an answer for each in order.
 * Sent again, each may have happened already: then its key or its id finds it (rule 29). On a sharded database, they
 * are of one user.
 */
export function send(
  engine: Engine,
  operation: Operation,
  asked: readonly Asked[],
  isRetried = false,
): Promise<object[]> {
  const statement = () =>
    operation === "get_info" ? sendReads(engine, asked) : sendWrites(engine, operation, asked, isRetried);
  if (engine.telemetry === undefined) return statement();
  const callers = asked.map(({ caller }) => caller);
  return engine.telemetry.statement(operation, callers, statement);
}

function sendWrites(
  engine: Engine,
  operation: Exclude<Operation, "get_info">,
  asked: readonly Asked[],
  isRetried: boolean,
): Promise<object[]> {
  const values = (attempt: number) => [
    JSON.stringify(
      asked.map(({ request }) => (attempt > 0 || isRetried ? { ...request, retried: true } : request)),
    ),
    engine.now(),
  ];
  // A purchase id is a row of another shard: a transaction of both is the coordinator's.
  const isDelegable = engine.sharded && asked.every(({ request }) => request.purchase_id === undefined);
  return isDelegable
    ? engine.call<object[]>(
        `select answer::text from credits.${operation}_for($1::text, $2::text::jsonb, $3::timestamptz) as answer`,
        (attempt) => [asked[0]?.request.user_id, ...values(attempt)],
      )
    : engine.call<object[]>(
        `select credits.${operation}($1::text::jsonb, $2::text::timestamptz)::text as answer`,
        values,
      );
}

/** Balances: a user whom several ask for is read once. */
async function sendReads(engine: Engine, asked: readonly Asked[]): Promise<object[]> {
  const userIds = [...new Set(asked.map(({ request }) => request.user_id))];
  const plans = asked[0]?.request.plans;
  const answers = engine.sharded
    ? [
        await engine.call<object>(
          `select answer::text from credits.get_info($1::text, $2::text::jsonb, $3::timestamptz) as answer`,
          () => [userIds[0], plans, engine.now()],
        ),
      ]
    : await engine.call<object[]>(
        `select credits.get_infos(
           array(select jsonb_array_elements_text($1::text::jsonb)), $2::text::jsonb, $3::text::timestamptz
         )::text as answer`,
        () => [JSON.stringify(userIds), plans, engine.now()],
      );
  const infos = new Map(userIds.map((userId, index) => [userId, answers[index]]));
  return asked.flatMap(({ request }) => infos.get(request.user_id) ?? []);
}

/**
 * Does one request, together with others where the engine groups them.
 * @throws the typed error of a refusal.
 */
export async function submit<Result extends object>(
  engine: Engine,
  operation: Operation,
  request: LedgerRequest,
): Promise<Result> {
  const answer = engine.groupCommit
    ? await engine.groupCommit.submit(operation, request)
    : (await send(engine, operation, [{ request, caller: engine.telemetry?.caller() }]))[0];
  if (answer === undefined) throw new Error("The database answered for nothing");
  if (isRefusal(answer)) throw refusalError(engine, answer);
  return answer as Result;
}
