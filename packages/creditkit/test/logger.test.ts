import { describe, expect, expectTypeOf, it, vi } from "vitest";
import { createCredits } from "../src/core/credits.ts";
import type { Database } from "../src/core/database.ts";
import type { LogFields, Logger } from "../src/core/logger.ts";
import {
  connectionReset,
  describeLedger,
  failOn,
  type Ledger,
  losingAnswers,
  mend,
  newUser,
  openPgliteLedger,
} from "./ledger.ts";

type Line = [level: keyof Logger, fields: LogFields, message: string];

function listening(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = [];
  const on = (level: keyof Logger) => (fields: LogFields, message: string) => {
    lines.push([level, fields, message]);
  };
  return { logger: { debug: on("debug"), info: on("info"), warn: on("warn"), error: on("error") }, lines };
}

function logged(ledger: Ledger, database: Database = ledger.database) {
  const { logger, lines } = listening();
  const credits = createCredits({ database, config: ledger.credits.config, clock: ledger.clock.now, logger });
  lines.length = 0;
  return { credits, lines };
}

/** The same database; the first spends fail before they reach it. */
function failing(database: Database, times: number, fault: () => Error): Database {
  let left = times;
  return {
    ...database,
    query: (text, parameters) =>
      text.includes("credits.consume(") && left-- > 0
        ? Promise.reject(fault())
        : database.query(text, parameters),
  };
}

const settled = (work: Promise<unknown>) => work.catch(() => undefined);

describeLedger("the logger", (ledger) => {
  const funded = async () => {
    const userId = newUser();
    await ledger().credits.grant({ userId, amount: 100, type: "purchase" });
    return userId;
  };

  it("says nothing where all is well, refusals included", async () => {
    const userId = await funded();
    const { credits, lines } = logged(ledger());
    await credits.consume({ userId, amount: 1, service: "chat" });
    await settled(credits.consume({ userId, amount: 100, service: "chat" }));
    expect(lines).toEqual([]);
  });

  it("tells of a lost connection and of each attempt (rule 29)", async () => {
    const userId = await funded();
    const { credits, lines } = logged(ledger(), losingAnswers(ledger().database, 2));
    await credits.consume({ userId, amount: 1, service: "chat" });
    expect(lines).toEqual(
      [1, 2].map((retry) => [
        "warn",
        { reason: "connection", retry, error: "Error", code: "ECONNRESET" },
        "Asking the database again",
      ]),
    );
  });

  it("tells of conflicts quietly, and once that it turns to READ COMMITTED", async () => {
    const userId = await funded();
    const conflict = () => Object.assign(new Error("could not serialize access"), { code: "40001" });
    const { credits, lines } = logged(ledger(), failing(ledger().database, 2, conflict));
    await credits.consume({ userId, amount: 1, service: "chat" });
    const again = { reason: "serialization", error: "Error", code: "40001" };
    expect(lines.slice(0, 2)).toEqual([
      ["info", {}, expect.stringContaining("READ COMMITTED")],
      ["debug", { ...again, retry: 1 }, "Asking the database again"],
    ]);
    expect(lines.filter(([level]) => level === "info")).toHaveLength(1);
  });

  it("reports a database that stays away, with the driver's code", async () => {
    const userId = await funded();
    const { credits, lines } = logged(ledger(), failing(ledger().database, 9, connectionReset));
    await settled(credits.consume({ userId, amount: 1, service: "chat" }));
    expect(lines.at(-1)).toEqual([
      "error",
      { error: "Error", code: "ECONNRESET" },
      "The database did not answer after 6 attempts",
    ]);
  });

  it("tells of a group that went to pieces, and not whose fault it was", async () => {
    const [good, cursed] = [await funded(), await funded()];
    await failOn(ledger(), cursed);
    const { credits, lines } = logged(ledger());
    await Promise.allSettled(
      [cursed, good, cursed, good, cursed].map((userId) =>
        credits.consume({ userId, amount: 1, service: "chat" }),
      ),
    );
    await mend(ledger());
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      expect(line).toEqual([
        "warn",
        {
          operation: "consume",
          requests: expect.any(Number),
          error: expect.any(String),
          code: expect.any(String),
        },
        "A group failed: each of its requests goes alone",
      ]);
    }
  });

  it("fails nothing and stops nobody when it throws itself", async () => {
    const userId = await funded();
    const broken = () => {
      throw new Error("the disk is full");
    };
    const credits = createCredits({
      database: failing(ledger().database, 2, () => new Error("planted")),
      config: ledger().credits.config,
      clock: ledger().clock.now,
      logger: { debug: broken, info: broken, warn: broken, error: broken },
      onEvent: broken,
    });
    const spend = () => credits.consume({ userId, amount: 1, service: "chat" });
    // The lone first one fails, and the group of two behind it goes to pieces.
    const outcomes = await Promise.allSettled([spend(), spend(), spend()]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
    expect(await spend()).toMatchObject({ newBalance: 97 });
    await expect(credits.processExpired()).resolves.toMatchObject({ processedBatches: 0 });
  });

  it("sums up each job; one that failed for somebody, or broke, is an error (rule 28)", async () => {
    const userId = newUser();
    await ledger().credits.grant({ userId, amount: 7, type: "purchase", validityDays: 1 });
    ledger().clock.advanceDays(2);
    await failOn(ledger(), userId);
    const { credits, lines } = logged(ledger());
    await credits.processExpired();
    await mend(ledger());
    await credits.processExpired();
    await credits.processDailyGrant();
    const broken = logged(ledger(), {
      ...ledger().database,
      query: () => Promise.reject(Object.assign(new Error("private"), { code: "53100" })),
    });
    await settled(broken.credits.processDailyGrant());
    const counts = { processedBatches: 1, processedUsers: 1, totalExpiredAmount: 7 };
    const none = { processedBatches: 0, processedUsers: 0, totalExpiredAmount: 0 };
    const durationMs = expect.any(Number);
    // The run is worth more than the note of it.
    const unnoted = [
      "warn",
      { job: "grant", error: "Error", code: "53100" },
      "A job's run could not be written down",
    ];
    expect([...lines, ...broken.lines]).toEqual([
      ["error", { job: "expire", durationMs, ...none, failed: 1 }, "A job has finished"],
      ["info", { job: "expire", durationMs, ...counts }, "A job has finished"],
      [
        "info",
        {
          job: "grant",
          durationMs,
          processed: expect.any(Number),
          successful: expect.any(Number),
          skipped: expect.any(Number),
          failed: 0,
        },
        "A job has finished",
      ],
      unnoted,
      ["error", { job: "grant", durationMs, error: "Error", code: "53100" }, "A job broke"],
      unnoted,
    ]);
  });

  it("learns no id, key, description, metadata, SQL or message of a driver, whatever happens (rule 33)", async () => {
    const userId = `secret-${newUser()}`;
    const spend = {
      userId,
      amount: 1,
      service: "secret-service",
      description: "secret-description",
      metadata: { secret: "secret-metadata" },
      idempotencyKey: "secret-key",
    };
    await ledger().credits.grant({ userId, amount: 100, type: "purchase", purchaseId: "secret-purchase" });
    const leaky = (code: string) => () =>
      Object.assign(new Error("Failed query: select secret"), { code, detail: "secret", cause: spend });
    const databases = ["40001", "40P01", "57P01", "42P01", "22P02", "secret", ""].map((code) =>
      failing(ledger().database, 3, leaky(code)),
    );
    await failOn(ledger(), userId);
    const all: Line[] = [];
    for (const database of [ledger().database, ...databases, losingAnswers(ledger().database, 3)]) {
      const { credits, lines } = logged(ledger(), database);
      const { idempotencyKey: _, ...unkeyed } = spend;
      await Promise.allSettled([spend, unkeyed, unkeyed].map((one) => credits.consume(one)));
      await settled(credits.processExpired());
      all.push(...lines);
    }
    await mend(ledger());
    expect(all.length).toBeGreaterThan(20);
    expect(JSON.stringify(all)).not.toMatch(/secret|select/);
  });
});

describe("the options of createCredits", () => {
  it("a test clock is announced loudly (rule 2)", async () => {
    const { logger, lines } = listening();
    const ledger = await openPgliteLedger();
    const { database } = ledger;
    createCredits({ database, config: {}, logger });
    expect(lines).toEqual([]);
    createCredits({ database, config: {}, logger, clock: () => null });
    expect(lines).toEqual([["warn", {}, expect.stringMatching(/test clock.*NEVER/)]]);
    await ledger.close();
  });

  it("without a logger, nothing is written anywhere", async () => {
    const levels = ["debug", "info", "log", "warn", "error"] as const;
    const spies = levels.map((level) => vi.spyOn(console, level).mockImplementation(() => {}));
    const ledger = await openPgliteLedger();
    await ledger.credits.processExpired();
    await settled(
      createCredits({ database: failing(ledger.database, 9, connectionReset), config: {} }).consume({
        userId: "ada",
        amount: 1,
        service: "chat",
      }),
    );
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
    await ledger.close();
  });

  it("refuses a logger or a telemetry that is none", () => {
    const database = { inTransaction: false, transaction: () => {}, query: () => {} } as unknown as Database;
    for (const logger of [null, {}, { warn: () => {} }, () => {}]) {
      expect(() => createCredits({ database, config: {}, logger: logger as never })).toThrow(
        "Invalid logger",
      );
    }
    for (const telemetry of [null, {}, () => {}]) {
      expect(() => createCredits({ database, config: {}, telemetry: telemetry as never })).toThrow(
        "Invalid telemetry",
      );
    }
  });

  it("takes console, which has the shape of a pino logger", () => {
    type Pino = (fields: object, message?: string, ...values: unknown[]) => void;
    expectTypeOf<Record<keyof Logger, Pino>>().toExtend<Logger>();
    expectTypeOf(console).toExtend<Logger>();
  });
});
