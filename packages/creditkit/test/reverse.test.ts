import { describe, expect, it } from "vitest";
import { describeLedger, newUser, refusal, snapshot } from "./ledger.ts";
import { dayMs } from "./model.ts";

describeLedger("reverse", (ledger) => {
  const credits = () => ledger().credits;
  const grant = async (userId: string, amount: number, validityDays?: number) => {
    const { batchId = "" } = await credits().grant({
      userId,
      amount,
      type: "purchase",
      ...(validityDays === undefined ? {} : { validityDays }),
    });
    return batchId;
  };
  const consume = async (userId: string, amount: number) =>
    (await credits().consume({ userId, amount, service: "chat" })).transactionId;
  const batches = async (userId: string) =>
    Object.fromEntries(
      (await credits().getWallet({ userId }))?.batches.map(({ id, remaining }) => [id, remaining]) ?? [],
    );
  const history = async (userId: string) =>
    (await credits().getTransactions({ userId, pageSize: 100 })).items.map(({ type, amount }) => ({
      type,
      amount,
    }));

  describe("is refused", () => {
    it("for a transaction that is not there, is somebody else's or is no id at all", async () => {
      const [one, other] = [newUser(), newUser()];
      await grant(one, 10);
      await grant(other, 10);
      const transactionId = await consume(one, 5);
      const code = async (userId: string, id: string) =>
        (await refusal(credits().reverse({ userId, transactionId: id }))).code;
      expect(await code(other, transactionId)).toBe("TRANSACTION_NOT_FOUND");
      expect(await code(one, "019ac000-0000-7000-8000-000000000000")).toBe("TRANSACTION_NOT_FOUND");
      expect(await code(one, "' or true")).toBe("TRANSACTION_NOT_FOUND");
      expect(await code(newUser(), transactionId)).toBe("USER_BALANCE_NOT_FOUND");
    });

    it("for what is no spend: a grant, an expiration, a reversal", async () => {
      const userId = newUser();
      const { transactionId } = await credits().grant({ userId, amount: 10, type: "purchase" });
      const reversal = await credits().reverse({ userId, transactionId: await consume(userId, 5) });
      for (const id of [transactionId, reversal.transactionId]) {
        const error = await refusal(credits().reverse({ userId, transactionId: id }));
        expect(error).toMatchObject({ code: "NOT_REVERSIBLE" });
      }
    });

    it("beyond what was spent, in one or in parts, and changes nothing", async () => {
      const userId = newUser();
      await grant(userId, 100);
      const transactionId = await consume(userId, 60);
      const reverse = (amount: number) => credits().reverse({ userId, transactionId, amount });
      expect(await refusal(reverse(61))).toMatchObject({ code: "NOT_REVERSIBLE" });
      await reverse(40);
      const before = await snapshot(ledger());
      await expect(reverse(21)).rejects.toMatchObject({ code: "NOT_REVERSIBLE", available: 20 });
      expect(await snapshot(ledger())).toBe(before);
      expect(await reverse(20)).toMatchObject({ newBalance: 100 });
      expect(await refusal(reverse(1))).toMatchObject({ code: "NOT_REVERSIBLE" });
    });
  });

  it("gives back into the very batches, the last one drained first, in parts (rule 23)", async () => {
    const userId = newUser();
    const never = await grant(userId, 50);
    const late = await grant(userId, 30, 20);
    const soon = await grant(userId, 20, 10);
    const transactionId = await consume(userId, 70);
    expect(await batches(userId)).toEqual({ [never]: 30 });
    const reverse = async (amount: number) => {
      const { reversedAmount, newBalance } = await credits().reverse({ userId, transactionId, amount });
      return { reversedAmount, newBalance, ...(await batches(userId)) };
    };
    expect(await reverse(25)).toEqual({ reversedAmount: 25, newBalance: 55, [never]: 50, [late]: 5 });
    expect(await reverse(30)).toEqual({
      reversedAmount: 30,
      newBalance: 85,
      [never]: 50,
      [late]: 30,
      [soon]: 5,
    });
    expect(await reverse(15)).toEqual({
      reversedAmount: 15,
      newBalance: 100,
      [never]: 50,
      [late]: 30,
      [soon]: 20,
    });
    expect(await history(userId)).toEqual([
      ...[15, 30, 25].map((amount) => ({ type: "reversal", amount })),
      { type: "consumption", amount: -70 },
      ...[20, 30, 50].map((amount) => ({ type: "purchase", amount })),
    ]);
  });

  it("moves from the service's account back to the wallet", async () => {
    const userId = newUser();
    await grant(userId, 50);
    const transactionId = await consume(userId, 20);
    const reversal = await credits().reverse({ userId, transactionId, description: "image failed" });
    const [row] = await ledger().sql(
      `select debit_account, credit_account, description, reverses, key
       from credits.transaction where user_id = $1 and id = $2`,
      [userId, reversal.transactionId],
    );
    expect(row).toEqual({
      debit_account: "SERVICE:chat",
      credit_account: `WALLET:${userId}`,
      description: "image failed",
      reverses: transactionId,
      key: `reversal:${transactionId}:`,
    });
  });

  it("sends what belongs to an expired batch straight to breakage, with a row of its own", async () => {
    const userId = newUser();
    const never = await grant(userId, 50);
    const first = await grant(userId, 20, 1);
    await grant(userId, 10, 2);
    const transactionId = await consume(userId, 45);
    ledger().clock.set(new Date(ledger().clock.now().getTime() + 2 * dayMs));
    expect(await credits().reverse({ userId, transactionId })).toMatchObject({
      reversedAmount: 45,
      newBalance: 50,
    });
    expect(await batches(userId)).toEqual({ [never]: 50 });
    expect((await history(userId)).slice(0, 3)).toEqual([
      { type: "expiration", amount: -20 },
      { type: "expiration", amount: -10 },
      { type: "reversal", amount: 45 },
    ]);
    const [batch] = await ledger().sql(
      "select consumed::integer, expired::integer from credits.batch where user_id = $1 and id = $2",
      [userId, first],
    );
    expect(batch).toEqual({ consumed: 0, expired: 20 });
  });

  it("of a part that a job has yet to expire leaves the rest of that batch to the job", async () => {
    const userId = newUser();
    await grant(userId, 20, 1);
    const transactionId = await consume(userId, 5);
    ledger().clock.set(new Date(ledger().clock.now().getTime() + dayMs));
    expect(await credits().reverse({ userId, transactionId })).toMatchObject({
      reversedAmount: 5,
      newBalance: 0,
    });
    await credits().processExpired();
    expect(await history(userId)).toEqual([
      { type: "expiration", amount: -15 },
      { type: "expiration", amount: -5 },
      { type: "reversal", amount: 5 },
      { type: "consumption", amount: -5 },
      { type: "purchase", amount: 20 },
    ]);
  });

  it("gives back the settlement of a hold like any other spend", async () => {
    const userId = newUser();
    await grant(userId, 50);
    const { holdId } = await credits().hold({ userId, amount: 30, service: "chat" });
    const { transactionId } = await credits().settle({ userId, holdId, amount: 20 });
    expect(await credits().reverse({ userId, transactionId, amount: 5 })).toMatchObject({ newBalance: 35 });
    expect(await credits().reverse({ userId, transactionId })).toMatchObject({
      reversedAmount: 15,
      newBalance: 50,
    });
  });

  it("of what was lent ends the debt instead of giving credits (rule 24)", async () => {
    const userId = newUser();
    await grant(userId, 30);
    const { holdId } = await credits().hold({ userId, amount: 30, service: "chat", overage: "debt" });
    const { transactionId } = await credits().settle({ userId, holdId, amount: 100 });
    expect(await credits().getInfo({ userId })).toMatchObject({ availableCredits: 0, debt: 70 });
    expect(await credits().reverse({ userId, transactionId, amount: 50 })).toMatchObject({ newBalance: 0 });
    expect(await credits().getInfo({ userId })).toMatchObject({ availableCredits: 0, debt: 20 });
    expect(await credits().reverse({ userId, transactionId })).toMatchObject({ newBalance: 30 });
    expect(await credits().getInfo({ userId })).toMatchObject({ availableCredits: 30, debt: 0 });
  });

  it("works on a frozen wallet, which spends none of it (rule 12)", async () => {
    const userId = newUser();
    await grant(userId, 50);
    const transactionId = await consume(userId, 20);
    await credits().freeze({ userId });
    expect(await credits().reverse({ userId, transactionId })).toMatchObject({ newBalance: 50 });
  });

  describe("acts once (rules 13, 14)", () => {
    it("for the whole, whoever asks again", async () => {
      const userId = newUser();
      await grant(userId, 50);
      const transactionId = await consume(userId, 20);
      const first = await credits().reverse({ userId, transactionId });
      const before = await snapshot(ledger());
      expect(await credits().reverse({ userId, transactionId })).toEqual({ ...first, replayed: true });
      expect(await snapshot(ledger())).toBe(before);
    });

    it("for each key; another amount under it conflicts, another key is another part", async () => {
      const userId = newUser();
      await grant(userId, 50);
      const transactionId = await consume(userId, 20);
      const reverse = (amount: number, idempotencyKey: string) =>
        credits().reverse({ userId, transactionId, amount, idempotencyKey });
      const first = await reverse(5, "a");
      expect(await reverse(5, "a")).toEqual({ ...first, replayed: true });
      expect(await refusal(reverse(6, "a"))).toMatchObject({ code: "IDEMPOTENCY_CONFLICT", field: "amount" });
      expect(await reverse(5, "b")).toMatchObject({ reversedAmount: 5, newBalance: 40 });
    });

    it("whatever else has the same key: a spend, a grant, another transaction's reversal", async () => {
      const userId = newUser();
      await credits().grant({ userId, amount: 50, type: "adjustment", idempotencyKey: "k" });
      const spend = () => credits().consume({ userId, amount: 5, service: "chat", idempotencyKey: "s" });
      const { transactionId } = await spend();
      const other = await consume(userId, 5);
      for (const id of [transactionId, other])
        expect(
          await credits().reverse({ userId, transactionId: id, amount: 2, idempotencyKey: "k" }),
        ).not.toHaveProperty("replayed");
    });
  });

  it("leaves books that the audit finds clean", async () => {
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  });
});
