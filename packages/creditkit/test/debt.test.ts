import { describe, expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import type { HoldParams } from "../src/core/hold.ts";
import { describeLedger, newUser, refusal, snapshot } from "./ledger.ts";
import { dayMs } from "./model.ts";

const minuteMs = 60_000;

describeLedger("debt", (ledger) => {
  const credits = () => ledger().credits;
  const funded = async (amount: number, validityDays?: number) => {
    const userId = newUser();
    await credits().grant({
      userId,
      amount,
      type: "purchase",
      ...(validityDays === undefined ? {} : { validityDays }),
    });
    return userId;
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
  /** Owes this much, whatever it still holds. */
  const owe = async (userId: string, free: number, debt: number) => {
    const { holdId } = await hold(userId, free, { overage: "debt" });
    await credits().settle({ userId, holdId, amount: free + debt });
  };

  it("is what a settlement under `debt` charges beyond what is there, and the next credits repay it (rule 24)", async () => {
    const userId = await funded(30);
    const { holdId } = await hold(userId, 20, { overage: "debt" });
    expect(await credits().settle({ userId, holdId, amount: 75 })).toMatchObject({
      consumedAmount: 75,
      shortfall: 0,
      newBalance: 0,
    });
    expect(await info(userId)).toEqual({ availableCredits: 0, heldCredits: 0, debt: 45 });
    const granted = await credits().grant({ userId, amount: 40, type: "purchase" });
    expect(granted).toMatchObject({ amount: 40 });
    expect(await info(userId)).toEqual({ availableCredits: 0, heldCredits: 0, debt: 5 });
    await credits().grant({ userId, amount: 40, type: "adjustment" });
    expect(await info(userId)).toEqual({ availableCredits: 35, heldCredits: 0, debt: 0 });
    expect(await history(userId)).toEqual([
      { type: "debt_repayment", amount: -5 },
      { type: "adjustment", amount: 40 },
      { type: "debt_repayment", amount: -40 },
      { type: "purchase", amount: 40 },
      { type: "consumption", amount: -75 },
      { type: "debt", amount: 45 },
      { type: "purchase", amount: 30 },
    ]);
    expect(await credits().consume({ userId, amount: 35, service: "chat" })).toMatchObject({
      newBalance: 0,
    });
  });

  it("is not made while something is free, also on a frozen wallet (rule 24)", async () => {
    const userId = await funded(100);
    const { holdId } = await hold(userId, 20, { overage: "debt" });
    await credits().freeze({ userId });
    expect(await credits().settle({ userId, holdId, amount: 50 })).toMatchObject({
      consumedAmount: 50,
      shortfall: 0,
      newBalance: 50,
    });
    expect(await info(userId)).toEqual({ availableCredits: 50, heldCredits: 0, debt: 0 });
  });

  it("is never more than a number holds exactly (rule 10)", async () => {
    const userId = await funded(2);
    const most = 5e15;
    const big = ledger().with({ ...defaultCreditsConfig, limitations: { amountMax: most } });
    const { holdId: first } = await hold(userId, 1, { overage: "debt" });
    const { holdId: second } = await hold(userId, 1, { overage: "debt" });
    await big.settle({ userId, holdId: first, amount: most });
    const before = await snapshot(ledger());
    expect(await refusal(big.settle({ userId, holdId: second, amount: most }))).toMatchObject({
      code: "BALANCE_OVERFLOW",
    });
    expect(await snapshot(ledger())).toBe(before);
    expect(await big.settle({ userId, holdId: second, amount: 1 })).toMatchObject({ consumedAmount: 1 });
  });

  describe("beside a hold that times out", () => {
    /** What can book the timeout; most are refused, since nothing is available to them. */
    const bookings: Record<string, (userId: string) => Promise<unknown>> = {
      "the sweep": () => credits().processExpired(),
      "a spend": (userId) => refusal(credits().consume({ userId, amount: 21, service: "chat" })),
      "a hold": (userId) => refusal(hold(userId, 21)),
      "news of a subscription": (userId) =>
        credits().upsertSubscription({
          userId,
          subscriptionId: `s-${userId}`,
          planId: "pro",
          status: "incomplete",
          anchor: ledger().clock.now(),
          interval: "month",
          currentPeriodEnd: ledger().clock.now(),
        }),
      "a settlement of nothing": (userId) =>
        refusal(credits().settle({ userId, holdId: "0190a000-0000-7000-8000-000000000000", amount: 1 })),
      "a reversal of nothing": (userId) =>
        refusal(
          credits().reverse({ userId, transactionId: "0190a000-0000-7000-8000-000000000000", amount: 1 }),
        ),
    };

    it.each([
      ["nothing at all", []],
      ...Object.keys(bookings).map((name) => [name, [name]] as [string, string[]]),
      ["the sweep, twice", ["the sweep", "the sweep"]],
    ])("is repaid as of the timeout, with %s in between", async (_sentence, names) => {
      const userId = await funded(100, 1);
      await hold(userId, 40, { ttlSeconds: 60 });
      await owe(userId, 10, 70);
      expect(await info(userId)).toEqual({ availableCredits: 0, heldCredits: 40, debt: 20 });
      after(minuteMs);
      const timeout = ledger().clock.now();
      expect(await info(userId)).toEqual({ availableCredits: 20, heldCredits: 0, debt: 0 });
      for (const name of names) {
        after(minuteMs);
        await bookings[name]?.(userId);
        expect(await info(userId)).toEqual({ availableCredits: 20, heldCredits: 0, debt: 0 });
      }
      // The freed batch expires; whoever comes only now books the same.
      after(dayMs);
      expect(await info(userId)).toEqual({ availableCredits: 0, heldCredits: 0, debt: 0 });
      await credits().processExpired();
      const { items } = await credits().getTransactions({ userId });
      expect(items.map(({ type, amount }) => [type, amount])).toEqual([
        ["expiration", -20],
        ["debt_repayment", -20],
        ["consumption", -80],
        ["debt", 20],
        ["purchase", 100],
      ]);
      expect(items[1]?.createdAt).toEqual(timeout);
      expect(await credits().audit()).toEqual({ ok: true, violations: [] });
    });

    it.each([false, true])(
      "is repaid by each hold as of its own timeout (swept in between: %s)",
      async (isSwept) => {
        const userId = await funded(50, 1);
        await credits().grant({ userId, amount: 60, type: "purchase", validityDays: 9 });
        // The first holds of the batch that expires first, the second of the other one.
        await hold(userId, 50, { ttlSeconds: 60 });
        await hold(userId, 40, { ttlSeconds: 24 * 60 * 60 });
        await owe(userId, 20, 30);
        after(minuteMs);
        if (isSwept) await credits().processExpired();
        expect(await info(userId)).toEqual({ availableCredits: 20, heldCredits: 40, debt: 0 });
        after(dayMs);
        // What the first one freed has repaid, and the rest of it is gone: the second one owes nothing.
        expect(await info(userId)).toEqual({ availableCredits: 40, heldCredits: 0, debt: 0 });
        expect((await credits().getInfo({ userId })).nextExpiringBatch?.amount).toBe(40);
        expect(await credits().consume({ userId, amount: 40, service: "chat" })).toMatchObject({
          newBalance: 0,
        });
        await credits().processExpired();
        expect(await credits().audit()).toEqual({ ok: true, violations: [] });
      },
    );

    it("is repaid by what the hold freed, before a grant of the same instant", async () => {
      const userId = await funded(100, 1);
      await hold(userId, 40, { ttlSeconds: 60 });
      await owe(userId, 60, 20);
      after(2 * minuteMs);
      expect(await credits().grant({ userId, amount: 5, type: "purchase" })).toMatchObject({ amount: 5 });
      expect(await history(userId)).toMatchObject([
        { type: "purchase", amount: 5 },
        { type: "debt_repayment", amount: -20 },
        { type: "consumption", amount: -80 },
        { type: "debt", amount: 20 },
        { type: "purchase", amount: 100 },
      ]);
      expect(await info(userId)).toEqual({ availableCredits: 25, heldCredits: 0, debt: 0 });
    });

    it("leaves the debt of others of the same statement alone", async () => {
      const [indebted, other] = [await funded(50), await funded(50)];
      for (const userId of [indebted, other]) {
        await hold(userId, 10, { ttlSeconds: 60 });
        await owe(userId, 40, 15);
      }
      after(minuteMs);
      await credits().processExpired();
      for (const userId of [indebted, other])
        expect(await info(userId)).toEqual({ availableCredits: 0, heldCredits: 0, debt: 5 });
      await Promise.all([
        credits().grant({ userId: indebted, amount: 7, type: "purchase" }),
        refusal(credits().grant({ userId: other, amount: 7, type: "adjustment", grantPeriod: "2026-13" })),
      ]);
      expect(await info(indebted)).toEqual({ availableCredits: 2, heldCredits: 0, debt: 0 });
      expect(await info(other)).toEqual({ availableCredits: 0, heldCredits: 0, debt: 5 });
    });
  });
});
