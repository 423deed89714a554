import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  type MeterProvider,
  metrics,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import { failureCode } from "../core/database.ts";
import { CreditsError } from "../core/errors.ts";
import { failureOutcome, outcomeOf, type Telemetry } from "../core/telemetry.ts";

export interface OpenTelemetryOptions {
  /** Default: the global one. */
  tracerProvider?: Pick<TracerProvider, "getTracer">;
  /** Default: the global one. */
  meterProvider?: Pick<MeterProvider, "getMeter">;
}

const scope = "creditkit";
/** Those that the semantic conventions give to database calls. */
const secondsBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
const requestsBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** Who waits for a statement, and since when. */
interface Caller {
  context: Context;
  since: number;
}

/** Counts the retries inside the innermost span. */
const retriesKey = createContextKey("creditkit retries");
interface Retries {
  count: number;
}

/**
 * Spans and metrics through `@opentelemetry/api`: what they are called is in `docs/guides/observability.md`. They carry
 * names, counts and codes, never ids, keys, amounts, descriptions or metadata. Start the OpenTelemetry SDK first: a
 * meter that is taken before it stays silent.
 * @example
 * const credits = createCredits({ database, config, telemetry: openTelemetry() });
 */
export function openTelemetry({
  tracerProvider = trace,
  meterProvider = metrics,
}: OpenTelemetryOptions = {}): Telemetry {
  const tracer = tracerProvider.getTracer(scope);
  const meter = meterProvider.getMeter(scope);
  const duration = meter.createHistogram("credits.operation.duration", {
    description: "Time from the host's call of an operation to its answer",
    unit: "s",
    advice: { explicitBucketBoundaries: secondsBuckets },
  });
  const groupSize = meter.createHistogram("credits.group.size", {
    description: "Requests that one statement carried",
    unit: "{request}",
    advice: { explicitBucketBoundaries: requestsBuckets },
  });
  const groupWait = meter.createHistogram("credits.group.wait", {
    description: "Time that a request waited for its statement to go out",
    unit: "s",
    advice: { explicitBucketBoundaries: secondsBuckets },
  });
  const retries = meter.createCounter("credits.retries", {
    description: "Statements that were sent again",
    unit: "{retry}",
  });

  return {
    async operation(name, work) {
      const attributes: Attributes = { "credits.operation": name };
      const since = performance.now();
      const span = tracer.startSpan(`credits.${name}`, { attributes });
      let outcome = "ok";
      try {
        const result = await within(span, context.active(), work);
        outcome = outcomeOf(result);
        return result;
      } catch (error) {
        outcome = failureOutcome(error);
        if (!isRefusal(error)) fail(span, error);
        throw error;
      } finally {
        span.setAttribute("credits.outcome", outcome);
        span.end();
        duration.record(secondsSince(since), { ...attributes, "credits.outcome": outcome });
      }
    },

    caller: (): Caller => ({ context: context.active(), since: performance.now() }),

    async statement(operation, callers: readonly Caller[], work) {
      const attributes: Attributes = { "credits.operation": operation };
      for (const { since } of callers) groupWait.record(secondsSince(since), attributes);
      groupSize.record(callers.length, attributes);
      // A group has many parents: it is linked with each, in a trace of its own.
      const [alone, ...others] = callers;
      const isGroup = others.length > 0;
      const parent = isGroup || alone === undefined ? ROOT_CONTEXT : alone.context;
      const asking = isGroup ? callers.flatMap((caller) => sampledSpan(caller.context)) : [];
      const span = tracer.startSpan(
        `SELECT credits.${operation}`,
        {
          kind: SpanKind.CLIENT,
          attributes: {
            ...attributes,
            "credits.group.size": callers.length,
            "db.system.name": "postgresql",
            "db.operation.name": "SELECT",
            "db.stored_procedure.name": `credits.${operation}`,
          },
          links: asking.map((asker) => ({ context: asker.spanContext() })),
        },
        parent,
      );
      if (span.isRecording()) for (const asker of asking) asker.addLink({ context: span.spanContext() });
      try {
        return await within(span, parent, work);
      } catch (error) {
        fail(span, error);
        throw error;
      } finally {
        span.end();
      }
    },

    retry(reason) {
      retries.add(1, { "credits.retry.reason": reason });
      const counted = context.active().getValue(retriesKey) as Retries | undefined;
      if (counted !== undefined) counted.count += 1;
    },
  };
}

/** Runs work inside a span, and writes on it how often something in there was done again. */
async function within<Result>(span: Span, parent: Context, work: () => Promise<Result>): Promise<Result> {
  const counted: Retries = { count: 0 };
  try {
    return await context.with(trace.setSpan(parent, span).setValue(retriesKey, counted), work);
  } finally {
    if (counted.count > 0) span.setAttribute("credits.retries", counted.count);
  }
}

/** The host's doing, or an ordinary answer such as a wallet that is short: no fault of this system. */
function isRefusal(error: unknown): boolean {
  return CreditsError.is(error) && error.code !== "DATABASE_UNAVAILABLE";
}

/** Marks a span by codes alone: drivers put SQL and values into their messages (rule 33). */
function fail(span: Span, error: unknown): void {
  const code = failureCode(error);
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute("error.type", CreditsError.is(error) ? error.code : (code ?? "_OTHER"));
  // SQLSTATEs, as opposed to codes of the network.
  if (code !== undefined && /^[0-9FHPX]/.test(code)) span.setAttribute("db.response.status_code", code);
}

function sampledSpan(of: Context): Span[] {
  const span = trace.getSpan(of);
  return span !== undefined && (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0 ? [span] : [];
}

function secondsSince(since: number): number {
  return (performance.now() - since) / 1000;
}
