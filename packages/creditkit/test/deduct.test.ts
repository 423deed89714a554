import { describe, expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import type { CreditsEvent } from "../src/core/event.ts";
import { createCredits } from "../src/index.ts";
import { describeLedger, losingAnswers, newUser, refusal, snapshot } from "./ledger.ts";
import { dayMs } from "./model.ts";

describeLedger("deduct", (ledger) => {
  const credits = () => ledger().credits;
  const grant = (userId: string, amount: number, validityDays?: number) =>
    credits().grant({ userId, amount, type: "adjustment", ...(validityDays && { validityDays }) });

  describe("is refused and changes nothing", () => {
    it("beyond what is available, which it tells", async () => {
      const userId = newUser();
      await grant(userId, 30);
      await credits().hold({ userId, amount: 10, service: "chat" });
      const before = await snapshot(ledger());
      await expect(credits().deduct({ userId, amount: 21 })).rejects.toMatchObject({
        code: "INSUFFICIENT_CREDITS",
        required: 21,
        available: 20,
      });
      expect(await snapshot(ledger())).toBe(before);
    });

    it("for a user who never had a wallet (rule 8)", async () => {
      const error = await refusal(credits().deduct({ userId: newUser(), amount: 1 }));
      expect(error).toMatchObject({ code: "USER_BALANCE_NOT_FOUND" });
    });

    it.each([
      ["amount", { amount: 5 }, "amount"],
      ["operation", { amount: 4, isSpend: true }, "type"],
    ])("under a key that was used for another %s (rule 14)", async (_what, { amount, ...other }, field) => {
      const userId = newUser();
      await grant(userId, 30);
      if ("isSpend" in other)
        await credits().consume({ userId, amount, service: "chat", idempotencyKey: "k" });
      else await credits().deduct({ userId, amount: 4, idempotencyKey: "k" });
      const before = await snapshot(ledger());
      const error = await refusal(credits().deduct({ userId, amount, idempotencyKey: "k" }));
      expect(error).toMatchObject({ code: "IDEMPOTENCY_CONFLICT", field });
      expect(await snapshot(ledger())).toBe(before);
    });
  });

  it("takes in drain order, from a frozen wallet too, and leaves clean books (rules 4, 12, 25)", async () => {
    const userId = newUser();
    await grant(userId, 10);
    await grant(userId, 10, 5);
    await credits().freeze({ userId });
    const result = await credits().deduct({ userId, amount: 14, description: "Charged twice by mistake" });
    expect(result).toMatchObject({ deductedAmount: 14, newBalance: 6 });
    expect(result.consumptionLog.map(({ consumed, batchRemaining }) => [consumed, batchRemaining])).toEqual([
      [10, 0],
      [4, 6],
    ]);
    const { items } = await credits().getTransactions({ userId });
    expect(items[0]).toMatchObject({
      type: "deduction",
      amount: -14,
      description: "Charged twice by mistake",
    });
    const { entries } = await credits().getStatement({ userId, types: ["deduction"] });
    expect(entries[0]).toMatchObject({
      debitAccount: `WALLET:${userId}`,
      creditAccount: "SYSTEM:adjustment",
    });
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  });

  it("acts once under its key, also 20 times at once (rules 13, 30)", async () => {
    const userId = newUser();
    await grant(userId, 100);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => credits().deduct({ userId, amount: 7, idempotencyKey: "k" })),
    );
    expect(new Set(answers.map(({ transactionId }) => transactionId)).size).toBe(1);
    expect(answers.filter(({ replayed }) => replayed)).toHaveLength(19);
    expect(await credits().getInfo({ userId })).toMatchObject({ availableCredits: 93 });
  });

  it("never takes what others take at the same time (rule 30)", async () => {
    const userId = newUser();
    await grant(userId, 100);
    const attempts = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        index % 2 === 0
          ? credits().deduct({ userId, amount: 15 })
          : credits().consume({ userId, amount: 15, service: "chat" }),
      ),
    );
    expect(attempts.filter(({ status }) => status === "fulfilled")).toHaveLength(6);
    expect(await credits().getInfo({ userId })).toMatchObject({ availableCredits: 10 });
  });

  it("acts once without a key when its answer gets lost (rule 29)", async () => {
    const userId = newUser();
    await grant(userId, 100);
    const losing = createCredits({
      database: losingAnswers(ledger().database, 1),
      config: defaultCreditsConfig,
      clock: ledger().clock.now,
    });
    const result = await losing.deduct({ userId, amount: 7 });
    expect(result).toMatchObject({ newBalance: 93 });
    expect(result).not.toHaveProperty("replayed");
    expect(await credits().getInfo({ userId })).toMatchObject({ availableCredits: 93 });
  });

  it("cannot be given back as a spend can, and nothing expires of it later (rules 23, 25)", async () => {
    const userId = newUser();
    await grant(userId, 20, 1);
    const { transactionId } = await credits().deduct({ userId, amount: 15 });
    expect(await refusal(credits().reverse({ userId, transactionId }))).toMatchObject({
      code: "NOT_REVERSIBLE",
    });
    ledger().clock.advance(2 * dayMs);
    expect(await credits().processExpired()).toMatchObject({ totalExpiredAmount: 5 });
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  });

  it("is told to the host, and so is the low balance that it leaves", async () => {
    const events: CreditsEvent[] = [];
    const observed = createCredits({
      database: ledger().database,
      config: { ...defaultCreditsConfig, limitations: { lowBalance: 10 } },
      clock: ledger().clock.now,
      onEvent: (event) => void events.push(event),
    });
    const userId = newUser();
    await grant(userId, 20);
    await observed.deduct({ userId, amount: 15, idempotencyKey: "k" });
    await observed.deduct({ userId, amount: 15, idempotencyKey: "k" });
    expect(events.map(({ type }) => type)).toEqual(["credits.deducted", "credits.low"]);
  });
});
