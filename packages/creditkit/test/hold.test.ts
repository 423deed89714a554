import { describe, expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import type { HoldParams } from "../src/core/hold.ts";
import { describeLedger, newUser, refusal, snapshot } from "./ledger.ts";
import { dayMs } from "./model.ts";

const minuteMs = 60_000;

describeLedger("holds", (ledger) => {
  const credits = () => ledger().credits;
  const funded = async (...amounts: (number | [amount: number, validityDays: number])[]) => {
    const userId = newUser();
    const batches: string[] = [];
    for (const each of amounts) {
      const [amount, validityDays] = typeof each === "number" ? [each] : each;
      const { batchId = "" } = await credits().grant({
        userId,
        amount,
        type: "purchase",
        ...(validityDays === undefined ? {} : { validityDays }),
      });
      batches.push(batchId);
    }
    return { userId, batches };
  };
  const hold = (userId: string, amount: number, options: Partial<HoldParams> = {}) =>
    credits().hold({ userId, amount, service: "chat", ...options });
  const info = async (userId: string) => {
    const { availableCredits, heldCredits, debt } = await credits().getInfo({ userId });
    return { availableCredits, heldCredits, debt };
  };
  const history = async (userId: string) =>
    (await credits().getTransactions({ userId, pageSize: 100 })).items.map(({ type, amount }) => ({
      type,
      amount,
    }));
  const after = (milliseconds: number) =>
    ledger().clock.set(new Date(ledger().clock.now().getTime() + milliseconds));

  describe("are refused, in the order of rule 9,", () => {
    it("while credits are disabled, whatever the arguments", async () => {
      const off = ledger().with({ ...defaultCreditsConfig, enabled: false });
      const bad = { userId: "", amount: -1, service: "", holdId: "", transactionId: "" };
      for (const work of [off.hold(bad), off.settle(bad), off.release(bad), off.reverse(bad)])
        expect(await refusal(work)).toMatchObject({ code: "CREDITS_DISABLED" });
    });

    it("for a user who never had a grant, and create no wallet (rule 8)", async () => {
      const before = await snapshot(ledger());
      const error = await refusal(hold(newUser(), 1));
      expect(error).toMatchObject({ code: "USER_BALANCE_NOT_FOUND" });
      expect(error.message).toContain("User balance not found");
      expect(await snapshot(ledger())).toBe(before);
    });

    it("on a frozen wallet before the funds are counted (rule 12)", async () => {
      const { userId } = await funded(10);
      await credits().freeze({ userId });
      expect(await refusal(hold(userId, 99))).toMatchObject({ code: "WALLET_FROZEN" });
    });

    it("when the wallet is short, and change nothing", async () => {
      const { userId } = await funded(10);
      await hold(userId, 6);
      const before = await snapshot(ledger());
      const error = await refusal(hold(userId, 5));
      expect(error.message).toBe("Insufficient credits: required 5, available 4");
      expect(await snapshot(ledger())).toBe(before);
    });
  });

  it("set credits aside at once: they can be neither spent nor held again, and are no history (rule 22)", async () => {
    const { userId } = await funded(100);
    const { holdId, ...held } = await hold(userId, 75);
    const expiresAt = new Date(ledger().clock.now().getTime() + 15 * minuteMs);
    expect(held).toEqual({ amount: 75, expiresAt, newBalance: 25 });
    expect(holdId).toMatch(/^[0-9a-f-]{36}$/);
    expect(await info(userId)).toEqual({ availableCredits: 25, heldCredits: 75, debt: 0 });
    expect(await refusal(credits().consume({ userId, amount: 26, service: "chat" }))).toMatchObject({
      code: "INSUFFICIENT_CREDITS",
    });
    expect(await history(userId)).toEqual([{ type: "purchase", amount: 100 }]);
    expect(await credits().getHolds({ userId })).toEqual([
      {
        holdId,
        amount: 75,
        service: "chat",
        overage: "take_available",
        metadata: null,
        createdAt: ledger().clock.now(),
        expiresAt,
      },
    ]);
  });

  it("take from the batches in drain order, and a spend meanwhile from what is left (rule 4)", async () => {
    const { userId, batches } = await funded(50, [30, 9], [20, 3]);
    const { holdId } = await hold(userId, 40);
    const spend = await credits().consume({ userId, amount: 15, service: "chat" });
    expect(spend.consumptionLog).toEqual([
      { batchId: batches[1], consumed: 10, batchRemaining: 0 },
      { batchId: batches[0], consumed: 5, batchRemaining: 45 },
    ]);
    const settled = await credits().settle({ userId, holdId, amount: 25 });
    expect(settled).toEqual({
      transactionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      consumedAmount: 25,
      shortfall: 0,
      newBalance: 60,
      consumptionLog: [
        { batchId: batches[2], consumed: 20, batchRemaining: 0 },
        { batchId: batches[1], consumed: 5, batchRemaining: 15 },
      ],
      settledFrom: "hold",
    });
    expect(await info(userId)).toEqual({ availableCredits: 60, heldCredits: 0, debt: 0 });
    expect(await history(userId)).toEqual([
      { type: "consumption", amount: -25 },
      { type: "consumption", amount: -15 },
      { type: "purchase", amount: 20 },
      { type: "purchase", amount: 30 },
      { type: "purchase", amount: 50 },
    ]);
  });

  it("give everything back when released, or settled for 0, without a row of history", async () => {
    const { userId } = await funded(100);
    const one = await hold(userId, 30);
    const other = await hold(userId, 40);
    expect(await credits().release({ userId, holdId: one.holdId })).toEqual({
      released: true,
      releasedAmount: 30,
      newBalance: 60,
    });
    expect(await credits().settle({ userId, holdId: other.holdId, amount: 0 })).toEqual({
      transactionId: "",
      consumedAmount: 0,
      shortfall: 0,
      newBalance: 100,
      consumptionLog: [],
      settledFrom: "hold",
    });
    expect(await history(userId)).toHaveLength(1);
    expect(await credits().getHolds({ userId })).toEqual([]);
  });

  it("carry their metadata to the settlement, unless it brings its own", async () => {
    const { userId } = await funded(100);
    const metadata = async (given?: object) => {
      const { holdId } = await hold(userId, 5, { metadata: { model: "small" } });
      const { transactionId } = await credits().settle({
        userId,
        holdId,
        amount: 5,
        ...(given === undefined ? {} : { metadata: given }),
      });
      const [row] = await ledger().sql(
        "select metadata from credits.transaction where user_id = $1 and id = $2",
        [userId, transactionId],
      );
      return row?.metadata;
    };
    expect(await metadata()).toEqual({ model: "small" });
    expect(await metadata({ tokens: 7 })).toEqual({ tokens: 7 });
  });

  describe("end exactly once (rule 22):", () => {
    it("the same way again replays, also after the wallet has changed", async () => {
      const { userId } = await funded(100);
      const [spent, freed] = [await hold(userId, 30), await hold(userId, 20)];
      const settled = await credits().settle({ userId, holdId: spent.holdId, amount: 10 });
      const released = await credits().release({ userId, holdId: freed.holdId });
      await credits().consume({ userId, amount: 50, service: "chat" });
      const before = await snapshot(ledger());
      expect(await credits().settle({ userId, holdId: spent.holdId, amount: 10 })).toEqual({
        ...settled,
        replayed: true,
      });
      expect(await credits().release({ userId, holdId: freed.holdId })).toEqual({
        ...released,
        replayed: true,
      });
      expect(await snapshot(ledger())).toBe(before);
    });

    it("another way is refused by what happened first", async () => {
      const { userId } = await funded(100);
      const [spent, freed, late] = [
        await hold(userId, 30),
        await hold(userId, 20),
        await hold(userId, 10, { ttlSeconds: 60 }),
      ];
      await credits().settle({ userId, holdId: spent.holdId, amount: 10 });
      await credits().release({ userId, holdId: freed.holdId });
      after(minuteMs);
      const codes = async (holdId: string) => [
        (await refusal(credits().settle({ userId, holdId, amount: 11 }))).code,
        (await refusal(credits().release({ userId, holdId })).catch(() => ({ code: "replayed" }))).code,
      ];
      expect(await codes(spent.holdId)).toEqual(["HOLD_SETTLED", "HOLD_SETTLED"]);
      expect(await codes(freed.holdId)).toEqual(["HOLD_RELEASED", "replayed"]);
      expect(await codes(late.holdId)).toEqual(["HOLD_EXPIRED", "HOLD_EXPIRED"]);
    });

    it("one that is not there, or is somebody else's, is not found", async () => {
      const [one, other] = [await funded(100), await funded(100)];
      const { holdId } = await hold(one.userId, 30);
      const code = async (userId: string, id: string) =>
        (await refusal(credits().settle({ userId, holdId: id, amount: 1 }))).code;
      expect(await code(other.userId, holdId)).toBe("HOLD_NOT_FOUND");
      expect(await code(one.userId, "019ac000-0000-7000-8000-000000000000")).toBe("HOLD_NOT_FOUND");
      expect(await code(one.userId, "no uuid; drop table")).toBe("HOLD_NOT_FOUND");
      expect(await code(newUser(), holdId)).toBe("USER_BALANCE_NOT_FOUND");
      expect(await info(one.userId)).toMatchObject({ heldCredits: 30 });
    });
  });

  describe("with a key (rules 13, 14)", () => {
    it("hold once, and answer the first result again", async () => {
      const { userId } = await funded(100);
      const first = await hold(userId, 30, { idempotencyKey: "k" });
      await credits().consume({ userId, amount: 5, service: "chat" });
      expect(await hold(userId, 30, { idempotencyKey: "k" })).toEqual({ ...first, replayed: true });
      expect(await info(userId)).toMatchObject({ heldCredits: 30, availableCredits: 65 });
    });

    it.each([
      ["amount", { amount: 31 }],
      ["service", { service: "image" }],
      ["overage", { overage: "debt" }],
      ["ttlSeconds", { ttlSeconds: 60 }],
    ] as const)("conflict over another %s", async (field, change) => {
      const { userId } = await funded(100);
      await hold(userId, 30, { idempotencyKey: "k" });
      const before = await snapshot(ledger());
      expect(await refusal(hold(userId, 30, { idempotencyKey: "k", ...change }))).toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
        field,
      });
      expect(await snapshot(ledger())).toBe(before);
    });

    it("keep nothing of a refusal: the key may succeed later (rule 21)", async () => {
      const { userId } = await funded(10);
      expect(await refusal(hold(userId, 30, { idempotencyKey: "k" }))).toMatchObject({
        code: "INSUFFICIENT_CREDITS",
      });
      await credits().grant({ userId, amount: 90, type: "purchase" });
      expect(await hold(userId, 30, { idempotencyKey: "k" })).toMatchObject({ newBalance: 70 });
    });
  });

  describe("settled for more than they hold", () => {
    it("are refused under `reject`, and stay open", async () => {
      const { userId } = await funded(100);
      const { holdId } = await hold(userId, 30, { overage: "reject" });
      const before = await snapshot(ledger());
      expect(await refusal(credits().settle({ userId, holdId, amount: 31 }))).toMatchObject({
        code: "INSUFFICIENT_CREDITS",
      });
      expect(await snapshot(ledger())).toBe(before);
      expect(await credits().settle({ userId, holdId, amount: 30 })).toMatchObject({ newBalance: 70 });
    });

    it("charge what else is available under `take_available`, and say what is short", async () => {
      const { userId, batches } = await funded(30, 15);
      const { holdId } = await hold(userId, 20);
      expect(await credits().settle({ userId, holdId, amount: 60 })).toMatchObject({
        consumedAmount: 45,
        shortfall: 15,
        newBalance: 0,
        consumptionLog: [
          { batchId: batches[0], consumed: 30, batchRemaining: 0 },
          { batchId: batches[1], consumed: 15, batchRemaining: 0 },
        ],
      });
      expect(await info(userId)).toEqual({ availableCredits: 0, heldCredits: 0, debt: 0 });
      expect(await credits().settle({ userId, holdId, amount: 60 })).toMatchObject({
        shortfall: 15,
        replayed: true,
      });
    });

    it("leave what other holds have alone", async () => {
      const { userId } = await funded(100);
      await hold(userId, 70);
      const { holdId } = await hold(userId, 20);
      expect(await credits().settle({ userId, holdId, amount: 50 })).toMatchObject({
        consumedAmount: 30,
        shortfall: 20,
      });
      expect(await info(userId)).toMatchObject({ availableCredits: 0, heldCredits: 70 });
    });

    it("take nothing beyond the hold from a frozen wallet, which settles what it held (rule 12)", async () => {
      const { userId } = await funded(100);
      const { holdId } = await hold(userId, 20);
      await credits().freeze({ userId });
      expect(await credits().settle({ userId, holdId, amount: 50 })).toMatchObject({
        consumedAmount: 20,
        shortfall: 30,
        newBalance: 80,
      });
    });
  });

  describe("past their timeout", () => {
    it("hold until their last millisecond, and nothing from then on, whether or not a sweep ran", async () => {
      const { userId } = await funded(100);
      await hold(userId, 75, { ttlSeconds: 60 });
      after(minuteMs - 1);
      expect(await info(userId)).toEqual({ availableCredits: 25, heldCredits: 75, debt: 0 });
      expect(await refusal(credits().consume({ userId, amount: 26, service: "chat" }))).toMatchObject({
        code: "INSUFFICIENT_CREDITS",
      });
      after(1);
      expect(await info(userId)).toEqual({ availableCredits: 100, heldCredits: 0, debt: 0 });
      expect(await credits().getHolds({ userId })).toEqual([]);
      expect(await credits().consume({ userId, amount: 26, service: "chat" })).toMatchObject({
        newBalance: 74,
      });
      expect(await info(userId)).toEqual({ availableCredits: 74, heldCredits: 0, debt: 0 });
    });

    it("are free for the next hold, and in the next grant's balance", async () => {
      const { userId } = await funded(100);
      await hold(userId, 75, { ttlSeconds: 1 });
      after(1_000);
      expect(await hold(userId, 100, { ttlSeconds: 1 })).toMatchObject({ newBalance: 0 });
      after(1_000);
      const full = ledger().with({ ...defaultCreditsConfig, limitations: { maxUserBalance: 110 } });
      expect(await full.grant({ userId, amount: 50, type: "adjustment" })).toMatchObject({ amount: 10 });
    });

    it("can be settled from the balance within the grace period, once (default: none)", async () => {
      const { userId } = await funded(100);
      const { holdId } = await hold(userId, 75, { ttlSeconds: 60 });
      const graceful = ledger().with({ ...defaultCreditsConfig, limitations: { holdGraceSeconds: 60 } });
      await credits().consume({ userId, amount: 20, service: "chat" });
      after(minuteMs);
      expect(await refusal(credits().settle({ userId, holdId, amount: 50 }))).toMatchObject({
        code: "HOLD_EXPIRED",
      });
      after(minuteMs - 1);
      const settled = await graceful.settle({ userId, holdId, amount: 90 });
      expect(settled).toMatchObject({
        consumedAmount: 80,
        shortfall: 10,
        newBalance: 0,
        settledFrom: "balance",
      });
      after(minuteMs);
      expect(await graceful.settle({ userId, holdId, amount: 90 })).toEqual({ ...settled, replayed: true });
      expect(await refusal(graceful.settle({ userId, holdId, amount: 50 }))).toMatchObject({
        code: "HOLD_SETTLED",
      });
    });

    it("answer again that they were settled from the balance, also where it had nothing to charge", async () => {
      const { userId } = await funded(100);
      const { holdId } = await hold(userId, 75, { ttlSeconds: 60 });
      const graceful = ledger().with({ ...defaultCreditsConfig, limitations: { holdGraceSeconds: 60 } });
      after(minuteMs);
      await credits().consume({ userId, amount: 100, service: "chat" });
      const settled = await graceful.settle({ userId, holdId, amount: 50 });
      expect(settled).toMatchObject({ consumedAmount: 0, shortfall: 50, settledFrom: "balance" });
      expect(await graceful.settle({ userId, holdId, amount: 50 })).toEqual({ ...settled, replayed: true });
    });

    it("stay timed out once that is booked, though the clock goes back (rule 2)", async () => {
      const { userId } = await funded(100);
      const { holdId, expiresAt } = await hold(userId, 75, { ttlSeconds: 60 });
      const graceful = ledger().with({ ...defaultCreditsConfig, limitations: { holdGraceSeconds: 60 } });
      after(minuteMs);
      // Refused, and yet the end of the hold is written down.
      expect(await refusal(hold(userId, 101))).toMatchObject({ code: "INSUFFICIENT_CREDITS" });
      after(-minuteMs / 2);
      const settled = await graceful.settle({ userId, holdId, amount: 50 });
      expect(settled).toMatchObject({ settledFrom: "balance" });
      expect(await graceful.settle({ userId, holdId, amount: 50 })).toEqual({ ...settled, replayed: true });
      const { items } = await credits().getTransactions({ userId });
      expect(items[0]?.createdAt).toEqual(expiresAt);
      after(minuteMs / 2);
    });

    it("cannot be settled once the grace period is over", async () => {
      const { userId } = await funded(100);
      const { holdId } = await hold(userId, 75, { ttlSeconds: 60 });
      const graceful = ledger().with({ ...defaultCreditsConfig, limitations: { holdGraceSeconds: 60 } });
      after(2 * minuteMs);
      expect(await refusal(graceful.settle({ userId, holdId, amount: 50 }))).toMatchObject({
        code: "HOLD_EXPIRED",
      });
    });

    it("under `reject` are settled late all or nothing; a frozen wallet is not charged late", async () => {
      const { userId } = await funded(100);
      const { holdId } = await hold(userId, 75, { ttlSeconds: 60, overage: "reject" });
      const graceful = ledger().with({ ...defaultCreditsConfig, limitations: { holdGraceSeconds: 600 } });
      after(minuteMs);
      await credits().consume({ userId, amount: 40, service: "chat" });
      const settle = (amount: number) => graceful.settle({ userId, holdId, amount });
      expect((await refusal(settle(76))).message).toBe("Insufficient credits: required 76, available 75");
      expect((await refusal(settle(61))).message).toBe("Insufficient credits: required 61, available 60");
      await credits().freeze({ userId });
      expect(await refusal(settle(60))).toMatchObject({ code: "WALLET_FROZEN" });
      await credits().unfreeze({ userId });
      expect(await settle(60)).toMatchObject({ consumedAmount: 60, newBalance: 0, settledFrom: "balance" });
    });
  });

  describe("and the expiry of batches", () => {
    it("keep what they hold from expiring: it can be settled until the hold's own timeout", async () => {
      const { userId, batches } = await funded([100, 1]);
      ledger().clock.set(new Date(ledger().clock.now().getTime() + dayMs - 5 * minuteMs));
      const { holdId } = await hold(userId, 60);
      after(5 * minuteMs);
      expect(await info(userId)).toEqual({ availableCredits: 0, heldCredits: 60, debt: 0 });
      await credits().processExpired();
      expect(await history(userId)).toEqual([
        { type: "expiration", amount: -40 },
        { type: "purchase", amount: 100 },
      ]);
      expect(await credits().settle({ userId, holdId, amount: 50 })).toMatchObject({
        consumedAmount: 50,
        newBalance: 0,
        consumptionLog: [{ batchId: batches[0], consumed: 50, batchRemaining: 10 }],
      });
      await credits().processExpired();
      expect(await history(userId)).toEqual([
        { type: "expiration", amount: -10 },
        { type: "consumption", amount: -50 },
        { type: "expiration", amount: -40 },
        { type: "purchase", amount: 100 },
      ]);
    });

    it("are swept by the job, which then books what they kept from expiring", async () => {
      const { userId } = await funded([100, 1], 20);
      ledger().clock.set(new Date(ledger().clock.now().getTime() + dayMs - 5 * minuteMs));
      await hold(userId, 110);
      after(20 * minuteMs);
      const result = await credits().processExpired();
      expect(result).toMatchObject({ processedBatches: 1, processedUsers: 1, totalExpiredAmount: 100 });
      expect(result.timedOutHolds).toBeGreaterThanOrEqual(1);
      expect(await info(userId)).toEqual({ availableCredits: 20, heldCredits: 0, debt: 0 });
      expect(await credits().processExpired()).toEqual({
        processedBatches: 0,
        processedUsers: 0,
        totalExpiredAmount: 0,
      });
    });

    it("say what is free of a batch as the next one to expire (rule 7)", async () => {
      const { userId } = await funded([50, 3], [50, 9]);
      await hold(userId, 30, { ttlSeconds: 60 });
      const next = async () => (await credits().getInfo({ userId })).nextExpiringBatch?.amount;
      expect(await next()).toBe(20);
      await hold(userId, 30, { ttlSeconds: 60 });
      expect(await next()).toBe(40);
      after(minuteMs);
      expect(await next()).toBe(50);
    });
  });

  it("count towards `maxUserBalance`, since they come back unless they are spent (rule 19)", async () => {
    const limited = ledger().with({ ...defaultCreditsConfig, limitations: { maxUserBalance: 100 } });
    const { userId } = await funded(70, [10, 1]);
    const { holdId } = await hold(userId, 50);
    expect(await limited.grant({ userId, amount: 90, type: "adjustment" })).toMatchObject({ amount: 20 });
    expect(await refusal(limited.grant({ userId, amount: 1, type: "adjustment" }))).toMatchObject({
      code: "BALANCE_LIMIT",
      message: "Free credits are granted up to a balance of 100, available 50",
    });
    await credits().release({ userId, holdId });
    expect(await info(userId)).toMatchObject({ availableCredits: 100 });
    // What is held of an expired batch does not come back.
    await hold(userId, 10, { ttlSeconds: 24 * 60 * 60 });
    after(dayMs - 1);
    await hold(userId, 10, { ttlSeconds: 60 });
    after(1);
    expect(await info(userId)).toMatchObject({ availableCredits: 80, heldCredits: 10 });
    expect(await limited.grant({ userId, amount: 90, type: "adjustment" })).toMatchObject({ amount: 10 });
    after(minuteMs);
  });

  it("work inside a host's transaction, and are undone with it", async () => {
    const { userId } = await funded(100);
    const rolledBack = new Error("rolled back");
    const first = await hold(userId, 10);
    await ledger()
      .database.transaction(async (connection) => {
        const host = { ...connection, inTransaction: true, transaction: () => Promise.reject(rolledBack) };
        const inside = credits().using(host);
        const { holdId } = await inside.hold({ userId, amount: 50, service: "chat" });
        const { transactionId } = await inside.settle({ userId, holdId, amount: 20 });
        await inside.reverse({ userId, transactionId });
        await inside.release({ userId, holdId: first.holdId });
        expect(await inside.getHolds({ userId })).toEqual([]);
        expect(await inside.getInfo({ userId })).toMatchObject({ availableCredits: 100 });
        throw rolledBack;
      })
      .catch((error: unknown) => expect(error).toBe(rolledBack));
    expect(await info(userId)).toEqual({ availableCredits: 90, heldCredits: 10, debt: 0 });
    expect(await history(userId)).toHaveLength(1);
  });

  it("leave books that the audit finds clean", async () => {
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  });
});
