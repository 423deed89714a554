import { describe, expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { describeLedger, newUser, refusal, snapshot } from "./ledger.ts";

describeLedger("consume", (ledger) => {
  const grant = (
    userId: string,
    amount: number,
    options: { validityDays?: number; priority?: number } = {},
  ) => ledger().credits.grant({ userId, amount, type: "purchase", ...options });
  const spend = (userId: string, amount: number) =>
    ledger().credits.consume({ userId, amount, service: "chat" });

  describe("refusals, in the order of rule 9", () => {
    it("says that credits are disabled before it looks at the arguments", async () => {
      const off = ledger().with({ ...defaultCreditsConfig, enabled: false });
      const bad = { userId: "", amount: -1, service: "" };
      expect(await refusal(off.consume(bad))).toMatchObject({ code: "CREDITS_DISABLED" });
      expect(await refusal(off.consumeForService(bad))).toMatchObject({ code: "CREDITS_DISABLED" });
    });

    it("says that the arguments are wrong before it looks for the wallet", async () => {
      expect(await refusal(spend(newUser(), 0))).toMatchObject({ code: "INVALID_AMOUNT", field: "amount" });
    });

    it("answers a replay even when the wallet has been frozen since", async () => {
      const userId = newUser();
      await grant(userId, 10);
      const request = { userId, amount: 3, service: "chat", idempotencyKey: "k" };
      const first = await ledger().credits.consume(request);
      await ledger().credits.freeze({ userId });
      expect(await ledger().credits.consume(request)).toEqual({ ...first, replayed: true });
    });

    it("says `User balance not found` for a user who never had a grant, and creates no wallet (rule 8)", async () => {
      const before = await snapshot(ledger());
      const error = await refusal(spend(newUser(), 1));
      expect(error).toMatchObject({ code: "USER_BALANCE_NOT_FOUND" });
      expect(error.message).toContain("User balance not found");
      expect(await snapshot(ledger())).toBe(before);
    });

    it("says that the wallet is frozen before it counts the funds", async () => {
      const userId = newUser();
      await grant(userId, 10);
      await ledger().credits.freeze({ userId });
      expect(await refusal(spend(userId, 999))).toMatchObject({ code: "WALLET_FROZEN" });
      await grant(userId, 1);
      await ledger().credits.unfreeze({ userId });
      expect(await spend(userId, 11)).toMatchObject({ newBalance: 0 });
    });

    it("says `Insufficient credits: required X, available Y` and changes nothing (rules 8, 20)", async () => {
      const userId = newUser();
      await grant(userId, 10);
      const before = await snapshot(ledger());
      const error = await refusal(spend(userId, 11));
      expect(error).toMatchObject({ code: "INSUFFICIENT_CREDITS" });
      expect(error.message).toBe("Insufficient credits: required 11, available 10");
      await expect(spend(userId, 11)).rejects.toMatchObject({ required: 11, available: 10 });
      expect(await snapshot(ledger())).toBe(before);
    });
  });

  it("drains the batch that expires first, whatever was granted first (rule 4)", async () => {
    const userId = newUser();
    const never = await grant(userId, 10);
    const late = await grant(userId, 10, { validityDays: 60 });
    const soon = await grant(userId, 10, { validityDays: 30 });
    expect(await spend(userId, 25)).toMatchObject({
      newBalance: 5,
      consumptionLog: [
        { batchId: soon.batchId, consumed: 10, batchRemaining: 0 },
        { batchId: late.batchId, consumed: 10, batchRemaining: 0 },
        { batchId: never.batchId, consumed: 5, batchRemaining: 5 },
      ],
    });
  });

  it("drains by priority before expiry, and by grant order when all else is equal (rule 4)", async () => {
    const userId = newUser();
    const first = await grant(userId, 1, { validityDays: 30 });
    const second = await grant(userId, 1, { validityDays: 30 });
    const preferred = await grant(userId, 1, { priority: -1 });
    const { consumptionLog } = await spend(userId, 3);
    expect(consumptionLog.map((entry) => entry.batchId)).toEqual([
      preferred.batchId,
      first.batchId,
      second.batchId,
    ]);
  });

  it("spends from any number of batches in one transaction (rule 20)", async () => {
    const userId = newUser();
    for (let index = 0; index < 60; index++) await grant(userId, 2, { validityDays: 1 + (index % 7) });
    const { consumptionLog, newBalance } = await spend(userId, 119);
    expect(consumptionLog).toHaveLength(60);
    expect(newBalance).toBe(1);
    expect((await ledger().credits.getTransactions({ userId })).items[0]).toMatchObject({
      amount: -119,
      status: "completed",
    });
  });

  it("does not see a batch from the instant it expires, though no job has run (rules 3, 6)", async () => {
    const userId = newUser();
    const { expirationDate } = await grant(userId, 10, { validityDays: 1 });
    const end = expirationDate?.getTime() ?? Number.NaN;
    ledger().clock.set(new Date(end - 1));
    expect(await spend(userId, 4)).toMatchObject({ newBalance: 6 });
    ledger().clock.set(new Date(end));
    expect((await refusal(spend(userId, 1))).message).toBe("Insufficient credits: required 1, available 0");
  });

  describe("with an idempotency key (rules 13, 14, 21)", () => {
    it("acts once and answers the first result again, also after later spends", async () => {
      const userId = newUser();
      await grant(userId, 10);
      const request = { userId, amount: 3, service: "chat", idempotencyKey: "k", description: "one" };
      const first = await ledger().credits.consume(request);
      await spend(userId, 2);
      expect(
        await ledger().credits.consume({ ...request, description: "two", metadata: { other: true } }),
      ).toEqual({
        ...first,
        replayed: true,
      });
      expect(await ledger().credits.getInfo({ userId })).toMatchObject({ availableCredits: 5 });
    });

    it.each([
      ["amount", { amount: 4 }],
      ["service", { service: "image" }],
    ])("refuses another %s under the same key, and changes nothing", async (field, change) => {
      const userId = newUser();
      await grant(userId, 10);
      const request = { userId, amount: 3, service: "chat", idempotencyKey: "k" };
      await ledger().credits.consume(request);
      const before = await snapshot(ledger());
      expect(await refusal(ledger().credits.consume({ ...request, ...change }))).toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
        field,
      });
      expect(await snapshot(ledger())).toBe(before);
    });

    it("refuses a key that named a grant", async () => {
      const userId = newUser();
      await ledger().credits.grant({ userId, amount: 10, type: "adjustment", idempotencyKey: "k" });
      const spent = ledger().credits.consume({ userId, amount: 1, service: "chat", idempotencyKey: "k" });
      expect(await refusal(spent)).toMatchObject({ code: "IDEMPOTENCY_CONFLICT", field: "type" });
    });

    it("stores nothing for a refused spend: the same key may succeed later", async () => {
      const userId = newUser();
      await grant(userId, 1);
      const request = { userId, amount: 3, service: "chat", idempotencyKey: "k" };
      expect(await refusal(ledger().credits.consume(request))).toMatchObject({
        code: "INSUFFICIENT_CREDITS",
      });
      await grant(userId, 5);
      expect(await ledger().credits.consume(request)).toMatchObject({ newBalance: 3 });
    });

    it("keeps the keys of two users apart", async () => {
      const [ada, bob] = [newUser(), newUser()];
      await grant(ada, 5);
      await grant(bob, 5);
      const request = { amount: 1, service: "chat", idempotencyKey: "same" };
      await ledger().credits.consume({ userId: ada, ...request });
      expect(await ledger().credits.consume({ userId: bob, ...request })).not.toHaveProperty("replayed");
    });
  });

  describe("for a service", () => {
    it("charges the configured price, 1 for a service without one, and an explicit amount instead", async () => {
      const userId = newUser();
      await grant(userId, 100);
      const charge = (service: string, amount?: number) =>
        ledger().credits.consumeForService({ userId, service, ...(amount === undefined ? {} : { amount }) });
      expect(await charge("google:image")).toMatchObject({ consumedAmount: 5, newBalance: 95 });
      expect(await charge("unheard of")).toMatchObject({ consumedAmount: 1, newBalance: 94 });
      expect(await charge("__proto__")).toMatchObject({ consumedAmount: 1, newBalance: 93 });
      expect(await charge("constructor")).toMatchObject({ consumedAmount: 1, newBalance: 92 });
      expect(await charge("google:image", 7)).toMatchObject({ consumedAmount: 7, newBalance: 85 });
    });

    it("refuses a service without a price when the configuration is strict (rule 11)", async () => {
      const strict = ledger().with({ ...defaultCreditsConfig, strictServices: true });
      const userId = newUser();
      await grant(userId, 5);
      expect(await refusal(strict.consumeForService({ userId, service: "unheard of" }))).toMatchObject({
        code: "UNKNOWN_SERVICE",
      });
      expect(await strict.consumeForService({ userId, service: "google:fast" })).toMatchObject({
        consumedAmount: 1,
      });
    });

    it("succeeds without a row when the configured price is 0, and refuses an explicit 0 (rule 11)", async () => {
      const free = ledger().with({ consumption: { ping: 0 } });
      const userId = newUser();
      await grant(userId, 5);
      const before = await snapshot(ledger());
      expect(await free.consumeForService({ userId, service: "ping" })).toMatchObject({
        consumedAmount: 0,
        newBalance: 5,
        consumptionLog: [],
      });
      expect(await snapshot(ledger())).toBe(before);
      expect(await refusal(free.consumeForService({ userId, service: "ping", amount: 0 }))).toMatchObject({
        code: "INVALID_AMOUNT",
      });
    });

    it("replays a keyed charge although the service is free by now, and keeps the key's meaning (rules 9, 14)", async () => {
      const userId = newUser();
      await grant(userId, 50);
      const request = { userId, service: "google:chat", idempotencyKey: "k" };
      const first = await ledger().credits.consumeForService(request);
      const before = await snapshot(ledger());
      const free = ledger().with({ consumption: { "google:chat": 0, ping: 0 } });
      expect(await free.consumeForService(request)).toEqual({ ...first, replayed: true });
      expect(await refusal(free.consumeForService({ ...request, service: "ping" }))).toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
        field: "service",
      });
      const unpaid = { transactionId: "", consumedAmount: 0, consumptionLog: [] };
      expect(await free.consumeForService({ ...request, idempotencyKey: "l" })).toEqual({
        ...unpaid,
        newBalance: 48,
      });
      expect(await free.consumeForService({ ...request, userId: newUser() })).toEqual({
        ...unpaid,
        newBalance: 0,
      });
      expect(await snapshot(ledger())).toBe(before);
    });

    it("replays a keyed charge although the price was changed in between", async () => {
      const userId = newUser();
      await grant(userId, 50);
      const request = { userId, service: "google:chat", idempotencyKey: "k" };
      const first = await ledger().credits.consumeForService(request);
      const dearer = ledger().with({ consumption: { "google:chat": 9 } });
      expect(await dearer.consumeForService(request)).toEqual({ ...first, replayed: true });
    });
  });

  it("leaves books that the audit finds clean", async () => {
    expect(await ledger().credits.audit()).toEqual({ ok: true, violations: [] });
  });
});
