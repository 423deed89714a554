import { describe, expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import type { Logger } from "../src/core/logger.ts";
import { connectionReset, describeLedger, newUser, refusal } from "./ledger.ts";

describeLedger("meter", (ledger) => {
  const credits = () => ledger().credits;
  const funded = async (amount: number) => {
    const userId = newUser();
    await credits().grant({ userId, amount, type: "purchase" });
    return userId;
  };
  const info = async (userId: string) => {
    const { availableCredits, heldCredits } = await credits().getInfo({ userId });
    return { availableCredits, heldCredits };
  };

  it("holds the estimate while the work runs, and settles the sum of what it charged", async () => {
    const userId = await funded(100);
    const { value, settlement } = await credits().meter(
      { userId, service: "video", estimate: 50, description: "a film" },
      async (meter) => {
        expect(meter).toMatchObject({ held: 50, charged: 0, holdId: expect.stringMatching(/-/) });
        expect(await info(userId)).toEqual({ availableCredits: 50, heldCredits: 50 });
        meter.charge(12);
        meter.charge(8);
        expect(meter.charged).toBe(20);
        return "done";
      },
    );
    expect(value).toBe("done");
    expect(settlement).toMatchObject({ consumedAmount: 20, newBalance: 80, settledFrom: "hold" });
    const { items } = await credits().getTransactions({ userId });
    expect(items[0]).toMatchObject({ type: "consumption", amount: -20, description: "a film" });
  });

  it("costs the estimate, or the service's price, where the work never charges", async () => {
    const userId = await funded(100);
    const run = (params: object) =>
      credits().meter({ userId, service: "google:image", ...params }, async () => 1);
    expect((await run({})).settlement).toMatchObject({ consumedAmount: 5 });
    expect((await run({ estimate: 7 })).settlement).toMatchObject({ consumedAmount: 7 });
    expect(await info(userId)).toEqual({ availableCredits: 88, heldCredits: 0 });
  });

  it("is free when the work charges 0, and leaves no row", async () => {
    const userId = await funded(100);
    const { settlement } = await credits().meter({ userId, service: "chat", estimate: 9 }, async (meter) =>
      meter.charge(0),
    );
    expect(settlement).toMatchObject({ transactionId: "", consumedAmount: 0, newBalance: 100 });
    expect((await credits().getTransactions({ userId })).total).toBe(1);
  });

  it("refuses who is short, frozen or unknown before any work", async () => {
    const [short, frozen] = [await funded(5), await funded(50)];
    await credits().freeze({ userId: frozen });
    let runs = 0;
    const code = async (userId: string) =>
      (await refusal(credits().meter({ userId, service: "chat", estimate: 6 }, async () => (runs += 1))))
        .code;
    expect(await code(short)).toBe("INSUFFICIENT_CREDITS");
    expect(await code(frozen)).toBe("WALLET_FROZEN");
    expect(await code(newUser())).toBe("USER_BALANCE_NOT_FOUND");
    const strict = ledger().with({ ...defaultCreditsConfig, strictServices: true });
    const unknown = strict.meter({ userId: short, service: "unheard of" }, async () => (runs += 1));
    expect(await refusal(unknown)).toMatchObject({ code: "UNKNOWN_SERVICE" });
    expect(runs).toBe(0);
  });

  it("releases work that throws before it charged, and settles what it charged before it threw", async () => {
    const userId = await funded(100);
    const fail = (charge?: number) =>
      credits().meter({ userId, service: "chat", estimate: 30 }, async (meter) => {
        if (charge !== undefined) meter.charge(charge);
        throw new Error("the work broke");
      });
    await expect(fail()).rejects.toThrow("the work broke");
    expect(await info(userId)).toEqual({ availableCredits: 100, heldCredits: 0 });
    await expect(fail(12)).rejects.toThrow("the work broke");
    expect(await info(userId)).toEqual({ availableCredits: 88, heldCredits: 0 });
  });

  it("runs the work of a key once: again, and at once, it is refused", async () => {
    const userId = await funded(100);
    let runs = 0;
    const run = () =>
      credits().meter(
        { userId, service: "chat", estimate: 10, idempotencyKey: "message" },
        async () => (runs += 1),
      );
    const outcomes = await Promise.allSettled([run(), run(), run()]);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await refusal(run())).toMatchObject({ code: "IDEMPOTENCY_CONFLICT", field: "idempotencyKey" });
    expect(runs).toBe(1);
    expect(await info(userId)).toEqual({ availableCredits: 90, heldCredits: 0 });
  });

  it("settles from the balance what took longer than its hold", async () => {
    const userId = await funded(100);
    const { settlement } = await credits().meter(
      { userId, service: "chat", estimate: 30, ttlSeconds: 60 },
      async (meter) => {
        ledger().clock.set(new Date(ledger().clock.now().getTime() + 3_600_000));
        meter.charge(20);
      },
    );
    expect(settlement).toMatchObject({ consumedAmount: 20, newBalance: 80, settledFrom: "balance" });
  });

  it("charges what was held where it costs more under `reject`", async () => {
    const userId = await funded(100);
    const { settlement } = await credits().meter(
      { userId, service: "chat", estimate: 30, overage: "reject" },
      async (meter) => meter.charge(50),
    );
    expect(settlement).toMatchObject({ consumedAmount: 30, newBalance: 70 });
  });

  it("holds nothing for a service that is free, and spends what it charges all the same", async () => {
    const userId = await funded(100);
    const free = ledger().with({ ...defaultCreditsConfig, consumption: { ping: 0 } });
    const run = (charge: number) =>
      free.meter({ userId, service: "ping" }, async (meter) => {
        expect(meter).toMatchObject({ held: 0, holdId: "" });
        meter.charge(charge);
      });
    expect((await run(0)).settlement).toMatchObject({
      transactionId: "",
      consumedAmount: 0,
      newBalance: 100,
    });
    expect((await run(3)).settlement).toMatchObject({ consumedAmount: 3, newBalance: 97 });
  });

  it("keeps what work of a free service returned, and its own error, though its charge cannot be spent", async () => {
    const userId = await funded(5);
    const free = ledger().with({ ...defaultCreditsConfig, consumption: { ping: 0 } });
    const run = (charge: number, error?: Error) =>
      free.meter({ userId, service: "ping" }, async (meter) => {
        meter.charge(charge);
        if (error !== undefined) throw error;
        return "the answer";
      });
    expect(await run(6)).toEqual({ value: "the answer", settlement: null });
    expect(await info(userId)).toEqual({ availableCredits: 5, heldCredits: 0 });
    await expect(run(6, new Error("the work broke"))).rejects.toThrow("the work broke");
    await expect(run(2, new Error("the work broke"))).rejects.toThrow("the work broke");
    expect(await info(userId)).toEqual({ availableCredits: 3, heldCredits: 0 });
  });

  it.each([
    ["description", { description: 5 }],
    ["metadata", { metadata: [] }],
    ["idempotencyKey", { idempotencyKey: "" }],
    ["ttlSeconds", { ttlSeconds: 0 }],
    ["overage", { overage: "all" }],
  ])("refuses a bad %s before any work, of a service that is free too", async (field, change) => {
    const userId = await funded(100);
    const free = ledger().with({ ...defaultCreditsConfig, consumption: { ping: 0 } });
    let runs = 0;
    for (const service of ["chat", "ping"]) {
      const run = free.meter({ userId, service, ...change } as never, async () => (runs += 1));
      expect(await refusal(run)).toMatchObject({ code: "INVALID_ARGUMENT", field });
    }
    expect(runs).toBe(0);
    expect(await info(userId)).toEqual({ availableCredits: 100, heldCredits: 0 });
  });

  it("refuses the charge that passes what one call may move, and settles what was charged before it", async () => {
    const userId = await funded(100);
    const small = ledger().with({ limitations: { amountMax: 60 } });
    const run = small.meter({ userId, service: "chat", estimate: 50 }, async (meter) => {
      meter.charge(40);
      meter.charge(40);
    });
    expect(await refusal(run)).toMatchObject({ code: "INVALID_AMOUNT" });
    expect(await info(userId)).toEqual({ availableCredits: 60, heldCredits: 0 });
  });

  it("refuses a charge that is no amount, and charges what was charged before it", async () => {
    const userId = await funded(100);
    const run = credits().meter({ userId, service: "chat", estimate: 30 }, async (meter) => {
      meter.charge(5);
      meter.charge(-1);
    });
    expect(await refusal(run)).toMatchObject({ code: "INVALID_AMOUNT" });
    expect(await info(userId)).toEqual({ availableCredits: 95, heldCredits: 0 });
  });

  describe("where the ledger cannot be reached after the work", () => {
    const unreachable = () => {
      const state = { isAway: true, lines: [] as string[] };
      const write = (_fields: object, message: string) => void state.lines.push(message);
      const logger: Logger = { debug: write, info: write, warn: write, error: write };
      const away = createCredits({
        database: {
          ...ledger().database,
          query: async (text, parameters) => {
            if (state.isAway && text.includes("credits.settle")) throw connectionReset();
            return ledger().database.query(text, parameters);
          },
        },
        config: credits().config,
        clock: ledger().clock.now,
        logger,
      });
      return { away, state };
    };

    it("keeps what the work returned, logs it, and settles once it can be reached", async () => {
      const userId = await funded(100);
      const { away, state } = unreachable();
      const result = await away.meter({ userId, service: "chat", estimate: 30 }, async (meter) => {
        meter.charge(20);
        return "the answer";
      });
      expect(result).toEqual({ value: "the answer", settlement: null });
      expect(state.lines).toContain("Metered work could not be settled");
      expect(await info(userId)).toEqual({ availableCredits: 70, heldCredits: 30 });
      state.isAway = false;
      await expect
        .poll(() => info(userId), { timeout: 10_000 })
        .toEqual({ availableCredits: 80, heldCredits: 0 });
      await expect.poll(() => state.lines).toContain("Metered work was settled late");
    });

    it("throws the work's own error, and lets the hold time out", async () => {
      const userId = await funded(100);
      const { away, state } = unreachable();
      const work = away.meter({ userId, service: "chat", estimate: 30, ttlSeconds: 60 }, () =>
        Promise.reject(new Error("the work broke")),
      );
      await expect(work).rejects.toThrow("the work broke");
      expect(state.lines).toContain("A hold could not be released");
      ledger().clock.set(new Date(ledger().clock.now().getTime() + 60_000));
      expect(await info(userId)).toEqual({ availableCredits: 100, heldCredits: 0 });
    });
  });

  it("leaves books that the audit finds clean", async () => {
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  });
});
