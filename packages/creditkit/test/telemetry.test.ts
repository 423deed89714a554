import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTelemetry } from "../src/adapters/opentelemetry.ts";
import { createCredits } from "../src/core/credits.ts";
import type { Database } from "../src/core/database.ts";
import type { Credits } from "../src/core/operations.ts";
import {
  connectionReset,
  describeLedger,
  failOn,
  type Ledger,
  losingAnswers,
  mend,
  newUser,
} from "./ledger.ts";

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());

/** A credits system on the ledger's books, and everything that it tells. */
function traced(ledger: Ledger, database: Database = ledger.database) {
  const spanExporter = new InMemorySpanExporter();
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter)] });
  const meterProvider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter: metricExporter })],
  });
  const credits = createCredits({
    database,
    config: ledger.credits.config,
    clock: ledger.clock.now,
    telemetry: openTelemetry({ tracerProvider, meterProvider }),
  });
  const metrics = async () => {
    await meterProvider.forceFlush();
    const last = metricExporter.getMetrics().at(-1);
    return (last?.scopeMetrics ?? []).flatMap((scope) => scope.metrics);
  };
  /** Of a histogram: how many values and their sum, by attributes; of a counter: its sum. */
  const points = async (name: string) =>
    (await metrics()).flatMap((metric): object[] => {
      if (metric.descriptor.name !== name) return [];
      if (metric.dataPointType === DataPointType.HISTOGRAM)
        return metric.dataPoints.map(({ attributes, value }) => ({
          ...attributes,
          count: value.count,
          sum: value.sum,
        }));
      return metric.dataPoints.map(({ attributes, value }) => ({ ...attributes, sum: value }));
    });
  return { credits, tracerProvider, spans: () => spanExporter.getFinishedSpans(), metrics, points };
}

const named = (spans: ReadableSpan[], name: string) => spans.filter((span) => span.name === name);
const outcomes = (spans: ReadableSpan[]) =>
  spans.flatMap(({ name, kind, attributes }) =>
    kind === SpanKind.INTERNAL ? [[name, attributes["credits.outcome"]]] : [],
  );
const settled = (work: Promise<unknown>) => work.catch(() => undefined);

describeLedger("telemetry", (ledger) => {
  const funded = async (amount: number) => {
    const userId = newUser();
    await ledger().credits.grant({ userId, amount, type: "purchase" });
    return userId;
  };

  it("makes a span of each operation that the host calls, named after it, with its outcome", async () => {
    const { credits, spans } = traced(ledger());
    const userId = newUser();
    await credits.grantRegistrationBonus(userId);
    await credits.grantRegistrationBonus(userId);
    await settled(credits.consume({ userId, amount: 21, service: "chat" }));
    await settled(credits.consume({ userId, amount: 1.5, service: "chat" }));
    await settled(credits.grantPurchased({ userId, priceId: "price_of_nothing", purchaseId: userId }));
    await credits.getInfo({ userId });
    await credits.processExpired();
    expect(outcomes(spans())).toEqual([
      ["credits.grantRegistrationBonus", "ok"],
      ["credits.grantRegistrationBonus", "replayed"],
      ["credits.consume", "INSUFFICIENT_CREDITS"],
      ["credits.consume", "INVALID_AMOUNT"],
      ["credits.grantPurchased", "UNKNOWN_PRICE"],
      ["credits.getInfo", "ok"],
      ["credits.processExpired", "ok"],
    ]);
    // A refusal is an answer: only what is broken marks a trace as failed.
    expect(new Set(spans().map((span) => span.status.code))).toEqual(new Set([SpanStatusCode.UNSET]));
  });

  it("makes a client span of a lone call's statement, inside the operation's, inside the host's", async () => {
    const userId = await funded(10);
    let active: unknown;
    const { credits, spans, tracerProvider } = traced(ledger(), {
      ...ledger().database,
      query: (text, parameters) => {
        active = trace.getActiveSpan();
        return ledger().database.query(text, parameters);
      },
    });
    await credits.getWallet({ userId });
    const request = tracerProvider.getTracer("host").startSpan("POST /chat");
    await context.with(trace.setSpan(context.active(), request), () =>
      credits.consume({ userId, amount: 1, service: "chat" }),
    );
    const [operation] = named(spans(), "credits.consume");
    const [statement] = named(spans(), "SELECT credits.consume");
    expect(operation?.parentSpanContext).toEqual(request.spanContext());
    expect(statement?.parentSpanContext).toEqual(operation?.spanContext());
    expect(statement).toMatchObject({
      kind: SpanKind.CLIENT,
      links: [],
      attributes: {
        "credits.operation": "consume",
        "credits.group.size": 1,
        "db.system.name": "postgresql",
        "db.operation.name": "SELECT",
        "db.stored_procedure.name": "credits.consume",
      },
    });
    // What a driver's own instrumentation adds belongs below it.
    expect(active).toBe(statement);
  });

  it("links the statement of a group with each of its callers, both ways, in a trace of its own", async () => {
    const userId = await funded(100);
    const { credits, spans } = traced(ledger());
    await Promise.all(
      Array.from({ length: 6 }, () => credits.consume({ userId, amount: 1, service: "chat" })),
    );
    const [lone, ...waited] = named(spans(), "credits.consume");
    const [first, group, ...more] = named(spans(), "SELECT credits.consume");
    expect(more).toEqual([]);
    expect(first?.parentSpanContext).toEqual(lone?.spanContext());
    expect(group?.attributes).toMatchObject({ "credits.group.size": 5 });
    expect(group?.parentSpanContext).toBeUndefined();
    expect(group?.links.map((link) => link.context.spanId).sort()).toEqual(
      waited.map((span) => span.spanContext().spanId).sort(),
    );
    for (const span of waited) expect(span.links.map((link) => link.context)).toEqual([group?.spanContext()]);
  });

  it("measures durations by outcome, and the size and the wait of groups", async () => {
    const userId = await funded(5);
    const { credits, points } = traced(ledger());
    await Promise.all(
      Array.from({ length: 6 }, () => settled(credits.consume({ userId, amount: 1, service: "chat" }))),
    );
    const operation = { "credits.operation": "consume" };
    expect(await points("credits.operation.duration")).toEqual([
      { ...operation, "credits.outcome": "ok", count: 5, sum: expect.any(Number) },
      { ...operation, "credits.outcome": "INSUFFICIENT_CREDITS", count: 1, sum: expect.any(Number) },
    ]);
    expect(await points("credits.group.size")).toEqual([{ ...operation, count: 2, sum: 6 }]);
    expect(await points("credits.group.wait")).toEqual([{ ...operation, count: 6, sum: expect.any(Number) }]);
  });

  it("counts what is done again, on the statement's span too (rule 29)", async () => {
    const userId = await funded(5);
    const { credits, spans, points } = traced(ledger(), losingAnswers(ledger().database, 2));
    await credits.consume({ userId, amount: 1, service: "chat" });
    expect(await points("credits.retries")).toEqual([{ "credits.retry.reason": "connection", sum: 2 }]);
    const [statement] = named(spans(), "SELECT credits.consume");
    expect(statement?.attributes).toMatchObject({ "credits.retries": 2 });
    expect(outcomes(spans())).toEqual([["credits.consume", "ok"]]);
  });

  it.each([
    [
      "the database stays away",
      connectionReset,
      6,
      "DATABASE_UNAVAILABLE",
      "DATABASE_UNAVAILABLE",
      undefined,
    ],
    [
      "the database refuses",
      () => Object.assign(new Error("private"), { code: "53100" }),
      1,
      "error",
      "53100",
      "53100",
    ],
    ["anything else happens", () => new Error("private"), 1, "error", "_OTHER", undefined],
  ])(
    "marks the spans as failed when %s, with codes alone",
    async (_what, fault, times, outcome, type, state) => {
      const userId = await funded(5);
      let left = times;
      const { credits, spans } = traced(ledger(), {
        ...ledger().database,
        query: (text, parameters) =>
          text.includes("credits.consume(") && left-- > 0
            ? Promise.reject(fault())
            : ledger().database.query(text, parameters),
      });
      await settled(credits.consume({ userId, amount: 1, service: "chat" }));
      expect(outcomes(spans())).toEqual([["credits.consume", outcome]]);
      for (const span of spans()) {
        expect(span.status).toEqual({ code: SpanStatusCode.ERROR });
        expect(span.events).toEqual([]);
        expect(span.attributes["error.type"]).toBe(type);
        expect(span.attributes["db.response.status_code"]).toBe(state);
      }
      expect(spans()).toHaveLength(2);
    },
  );

  it("sees the operations in a host's own transaction", async () => {
    const userId = await funded(5);
    const { credits, spans } = traced(ledger());
    await credits.getWallet({ userId });
    await ledger().database.transaction(async (connection) => {
      const host = { ...connection, inTransaction: true, transaction: () => Promise.reject(new Error()) };
      await credits.using(host).consume({ userId, amount: 1, service: "chat" });
    });
    const [operation] = named(spans(), "credits.consume");
    const [statement] = named(spans(), "SELECT credits.consume");
    expect(statement?.parentSpanContext).toEqual(operation?.spanContext());
  });

  it("carries no id, key, amount, service, description or metadata anywhere, whatever happens (rule 33)", async () => {
    const marks = ["user", "key", "purchase", "description", "metadata", "service"].map(
      (what) => `secret-${what}`,
    );
    const [userId, key, purchaseId, description, metadata, service] = marks as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const amount = 48_151_623;
    const spend = {
      userId,
      amount,
      service,
      description,
      metadata: { [metadata]: metadata },
      idempotencyKey: key,
    };
    const everything = async (credits: Credits) => {
      await settled(credits.grantRegistrationBonus(userId));
      await settled(credits.grant({ ...spend, amount: 4 * amount, type: "purchase", purchaseId }));
      await settled(credits.grant({ ...spend, type: "purchase", purchaseId: `${purchaseId}-2` }));
      await settled(credits.grantPurchased({ userId, priceId: purchaseId, purchaseId }));
      await settled(credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId }));
      await Promise.all(Array.from({ length: 9 }, () => settled(credits.consume(spend))));
      const { idempotencyKey: _, ...unkeyed } = spend;
      await Promise.all(Array.from({ length: 9 }, () => settled(credits.consume(unkeyed))));
      await settled(credits.consume({ ...spend, service: `${service}-2` }));
      await settled(credits.consumeForService({ ...unkeyed, amount: Number.NaN }));
      await settled(credits.getInfo({ userId }));
      await settled(credits.getWallet({ userId }));
      await settled(credits.getTransactions({ userId }));
      await settled(credits.freeze({ userId }));
      await settled(credits.unfreeze({ userId }));
      await settled(credits.processDailyGrant());
      await settled(credits.processExpired());
      await settled(credits.audit());
    };
    const told = [traced(ledger()), traced(ledger(), losingAnswers(ledger().database, 3))];
    for (const { credits } of told) await everything(credits);
    await failOn(ledger(), userId);
    told.push(traced(ledger()));
    await everything((told.at(-1) as (typeof told)[number]).credits);
    await mend(ledger());

    for (const { spans, metrics } of told) {
      expect(spans().length).toBeGreaterThan(30);
      const all = JSON.stringify([
        spans().map(({ name, attributes, events, links, status }) => [
          name,
          attributes,
          events,
          links,
          status,
        ]),
        await metrics(),
      ]);
      for (const mark of ["secret", String(amount)]) expect(all).not.toContain(mark);
    }
  });
});

describe("without telemetry", () => {
  const importing = (...specifiers: string[]) => {
    const hooks = `export async function resolve(specifier, context, next) {
      if (specifier.startsWith("@opentelemetry/")) throw new Error("loads " + specifier);
      return next(specifier, context);
    }`;
    const program = `
      import { register } from "node:module";
      register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)});
      for (const specifier of ${JSON.stringify(specifiers)}) await import(specifier);
      console.log("imported");`;
    // Inside the package, so that its name resolves to the built package as it does for a user.
    const cwd = fileURLToPath(new URL("..", import.meta.url));
    return promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], { cwd });
  };

  it("nothing loads @opentelemetry/api, which need not be there", async () => {
    const subpaths = ["", "/config", "/drizzle", "/next", "/pg", "/pglite", "/testing"];
    const { stdout } = await importing(...subpaths.map((path) => `creditkit${path}`));
    expect(stdout).toBe("imported\n");
    await expect(importing("creditkit/opentelemetry")).rejects.toThrow("loads @opentelemetry/api");
  });
});
