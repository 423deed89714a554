import { describe, expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import type { GrantParams } from "../src/core/grant.ts";
import { describeLedger, newUser, refusal, snapshot } from "./ledger.ts";

const lite = "price_credits_lite";
const standard = "price_credits_standard";

describeLedger("grant", (ledger) => {
  const credits = () => ledger().credits;
  const available = async (userId: string) => (await credits().getInfo({ userId })).availableCredits;

  it("makes a wallet and one batch that expires D × 24 h later, to the millisecond (rules 1, 3)", async () => {
    const userId = newUser();
    ledger().clock.set("2026-03-08T06:59:59.123Z");
    const granted = await credits().grant({ userId, amount: 10, type: "purchase", validityDays: 1 });
    expect(granted.expirationDate?.toISOString()).toBe("2026-03-09T06:59:59.123Z");
    const [stored] = await ledger().sql<{ same: boolean }>(
      "select expires_at = $2::text::timestamptz as same from credits.batch where user_id = $1",
      [userId, granted.expirationDate?.toISOString()],
    );
    expect(stored?.same).toBe(true);
  });

  it("ends at an exact instant, and repeats under its key even when that is over", async () => {
    const userId = newUser();
    const expiresAt = new Date(ledger().clock.now().getTime() + 1234);
    const request = { userId, amount: 10, type: "adjustment", expiresAt, idempotencyKey: "k" } as const;
    const first = await credits().grant(request);
    expect(first.expirationDate).toEqual(expiresAt);
    for (const [field, change] of [
      ["expiresAt", { expiresAt: new Date(expiresAt.getTime() + 1) }],
      ["validityDays", { expiresAt: undefined }],
      ["validityDays", { expiresAt: undefined, validityDays: 1 }],
    ] as const) {
      const changed = { ...request, ...change } as GrantParams;
      expect(await refusal(credits().grant(changed))).toMatchObject({ code: "IDEMPOTENCY_CONFLICT", field });
    }
    ledger().clock.set(new Date(expiresAt.getTime() - 1));
    expect(await available(userId)).toBe(10);
    ledger().clock.set(expiresAt);
    expect(await available(userId)).toBe(0);
    expect(await credits().grant(request)).toEqual({ ...first, replayed: true });
  });

  it("refuses an end that is not after now: nothing expired comes alive", async () => {
    const now = ledger().clock.now().getTime();
    const before = await snapshot(ledger());
    for (const end of [now, now - 1, 0]) {
      const grant = { userId: newUser(), amount: 10, type: "adjustment", expiresAt: new Date(end) } as const;
      expect(await refusal(credits().grant(grant))).toMatchObject({
        code: "INVALID_ARGUMENT",
        field: "expiresAt",
      });
    }
    expect(await snapshot(ledger())).toBe(before);
  });

  it("never expires without validityDays", async () => {
    const userId = newUser();
    const granted = await credits().grant({ userId, amount: 10, type: "adjustment" });
    expect(granted).not.toHaveProperty("expirationDate");
    expect(await credits().getInfo({ userId })).toMatchObject({
      availableCredits: 10,
      nextExpiringBatch: null,
    });
  });

  it.each([
    ["purchase", { purchaseId: "pi" }, "PAYMENT:pi"],
    ["monthly_grant", {}, "SYSTEM:subscription-grant"],
    ["registration_bonus", {}, "SYSTEM:registration-bonus"],
    ["adjustment", {}, "SYSTEM:adjustment"],
  ] as const)("moves a %s from its account to the wallet (rule 25)", async (type, ids, debit) => {
    const userId = newUser();
    const unique = "purchaseId" in ids ? { purchaseId: `pi-${userId}` } : {};
    await credits().grant({ userId, amount: 3, type, ...unique });
    const rows = await ledger().sql(
      "select debit_account, credit_account from credits.transaction where user_id = $1",
      [userId],
    );
    const expected = debit === "PAYMENT:pi" ? `PAYMENT:pi-${userId}` : debit;
    expect(rows).toEqual([{ debit_account: expected, credit_account: `WALLET:${userId}` }]);
  });

  it("repeats under an idempotency key, and refuses another meaning (rules 13, 14)", async () => {
    const userId = newUser();
    const request = {
      userId,
      amount: 10,
      type: "adjustment",
      validityDays: 30,
      idempotencyKey: "k",
    } as const;
    const first = await credits().grant(request);
    ledger().clock.advanceDays(1);
    expect(await credits().grant({ ...request, description: "again", metadata: { n: 2 } })).toEqual({
      ...first,
      replayed: true,
    });
    const before = await snapshot(ledger());
    for (const [field, change] of [
      ["type", { type: "purchase" }],
      ["amount", { amount: 11 }],
      ["validityDays", { validityDays: 31 }],
      ["validityDays", { validityDays: undefined }],
      ["sourcePlan", { sourcePlan: "pro" }],
      ["packageId", { packageId: "lite" }],
      ["priority", { priority: 1 }],
    ] as const) {
      const changed = { ...request, ...change } as Parameters<ReturnType<typeof credits>["grant"]>[0];
      expect(await refusal(credits().grant(changed))).toMatchObject({ code: "IDEMPOTENCY_CONFLICT", field });
    }
    expect(await snapshot(ledger())).toBe(before);
    expect(await available(userId)).toBe(10);
  });

  it("arrives in a frozen wallet (rule 12)", async () => {
    const userId = newUser();
    await credits().grant({ userId, amount: 1, type: "purchase" });
    await credits().freeze({ userId });
    await credits().grant({ userId, amount: 1, type: "purchase" });
    expect(await available(userId)).toBe(2);
  });

  it("refuses everything while credits are disabled (rule 12)", async () => {
    const off = ledger().with({ ...defaultCreditsConfig, enabled: false });
    const userId = newUser();
    const purchase = { userId, priceId: lite, purchaseId: userId };
    const monthly = { userId, amount: 1, planId: "pro", validityDays: 30 };
    for (const call of [
      () => off.grant({ userId, amount: 1, type: "purchase" }),
      () => off.grantRegistrationBonus(userId),
      () => off.grantPurchased(purchase),
      () => off.grantSubscription(monthly),
    ]) {
      expect(await refusal(call())).toMatchObject({ code: "CREDITS_DISABLED" });
    }
    expect(await off.getInfo({ userId })).toEqual({
      availableCredits: 0,
      heldCredits: 0,
      debt: 0,
      nextExpiringBatch: null,
      nextGrantInfo: null,
    });
  });

  describe("of the registration bonus", () => {
    it("gives the configured amount once, whatever asks for it and whatever the amount is later (rules 13, 14)", async () => {
      const userId = newUser();
      const first = await credits().grantRegistrationBonus(userId);
      expect(first.amount).toBe(20);
      const dearer = ledger().with({ ...defaultCreditsConfig, registration: { enabled: true, amount: 50 } });
      expect(await dearer.grantRegistrationBonus(userId)).toEqual({ ...first, replayed: true });
      expect(await credits().grant({ userId, amount: 99, type: "registration_bonus" })).toEqual({
        ...first,
        replayed: true,
      });
      expect(await available(userId)).toBe(20);
    });

    it("refuses while the bonus is off", async () => {
      const off = ledger().with({ registration: { enabled: false, amount: 20 } });
      expect(await refusal(off.grantRegistrationBonus(newUser()))).toMatchObject({
        code: "REGISTRATION_CREDITS_DISABLED",
      });
    });
  });

  describe("of a purchase (rule 15)", () => {
    it("gives credits and bonus of the package that the configuration has for the price, once", async () => {
      const userId = newUser();
      const sale = { userId, priceId: standard, purchaseId: `pi-${userId}` };
      const first = await credits().grantPurchased(sale);
      expect(first.amount).toBe(550);
      expect(await credits().grantPurchased(sale)).toEqual({ ...first, replayed: true });
      expect((await credits().getTransactions({ userId })).items).toMatchObject([
        { type: "purchase", amount: 550 },
      ]);
    });

    it("replays although the package was changed between two deliveries", async () => {
      const userId = newUser();
      const sale = { userId, priceId: lite, purchaseId: `pi-${userId}` };
      const first = await credits().grantPurchased(sale);
      const { lite: package_ } = defaultCreditsConfig.packages;
      const changed = ledger().with({ packages: { lite: { ...package_, credits: 999 } } });
      expect(await changed.grantPurchased(sale)).toEqual({ ...first, replayed: true });
    });

    it("refuses another price for the purchase, and changes nothing", async () => {
      const userId = newUser();
      const sale = { userId, priceId: lite, purchaseId: `pi-${userId}` };
      await credits().grantPurchased(sale);
      const before = await snapshot(ledger());
      expect(await refusal(credits().grantPurchased({ ...sale, priceId: standard }))).toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
        field: "priceId",
      });
      expect(await snapshot(ledger())).toBe(before);
    });

    it("refuses another user for the purchase, and leaves that user without a wallet", async () => {
      const [buyer, thief] = [newUser(), newUser()];
      await credits().grantPurchased({ userId: buyer, priceId: lite, purchaseId: `pi-${buyer}` });
      const before = await snapshot(ledger());
      for (const call of [
        () => credits().grantPurchased({ userId: thief, priceId: lite, purchaseId: `pi-${buyer}` }),
        () => credits().grant({ userId: thief, amount: 110, type: "purchase", purchaseId: `pi-${buyer}` }),
      ]) {
        expect(await refusal(call())).toMatchObject({ code: "IDEMPOTENCY_CONFLICT", field: "userId" });
      }
      expect(await snapshot(ledger())).toBe(before);
      expect(await refusal(credits().consume({ userId: thief, amount: 1, service: "x" }))).toMatchObject({
        code: "USER_BALANCE_NOT_FOUND",
      });
    });

    it("cannot be granted twice by mixing functions (rule 13)", async () => {
      const userId = newUser();
      const purchaseId = `pi-${userId}`;
      const first = await credits().grantPurchased({ userId, priceId: lite, purchaseId });
      const byHand = { userId, amount: 110, type: "purchase", purchaseId } as const;
      expect(await credits().grant(byHand)).toEqual({ ...first, replayed: true });
      expect(await refusal(credits().grant({ ...byHand, amount: 5 }))).toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
        field: "amount",
      });
      const monthly = {
        userId,
        amount: 5,
        planId: "pro",
        validityDays: 30,
        grantPeriod: "2026-01",
        purchaseId,
      };
      expect(await refusal(credits().grantSubscription(monthly))).toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
        field: "type",
      });
      expect(await available(userId)).toBe(110);
    });

    it("is granted in full beyond maxUserBalance, where free credits are cut to the room left (rule 19)", async () => {
      const userId = newUser();
      await credits().grantPurchased({ userId, priceId: "price_credits_max", purchaseId: `a-${userId}` });
      const gift = { userId, amount: 3990, type: "adjustment", idempotencyKey: "k" } as const;
      expect(await credits().grant(gift)).toMatchObject({ amount: 3990 });
      expect(await credits().grantRegistrationBonus(userId)).toMatchObject({ amount: 10 });
      expect(await credits().grantRegistrationBonus(userId)).toMatchObject({ amount: 10, replayed: true });
      const before = await snapshot(ledger());
      expect(await refusal(credits().grant({ ...gift, idempotencyKey: "l" }))).toMatchObject({
        code: "BALANCE_LIMIT",
      });
      expect(await snapshot(ledger())).toBe(before);
      expect(await credits().grant({ ...gift, idempotencyKey: "l", force: true })).toMatchObject({
        amount: 3990,
      });
      await credits().grantPurchased({ userId, priceId: "price_credits_max", purchaseId: `b-${userId}` });
      expect(await available(userId)).toBe(10_000 + 3990 + 6000);
    });

    it("remembers what was asked for where the limit cut it: more under the same key is another grant", async () => {
      const userId = newUser();
      await credits().grant({ userId, amount: 9_995, type: "purchase" });
      const gift = { userId, amount: 20, type: "adjustment", idempotencyKey: "k" } as const;
      expect(await credits().grant(gift)).toMatchObject({ amount: 5 });
      expect(await credits().grant(gift)).toMatchObject({ amount: 5, replayed: true });
      expect(await refusal(credits().grant({ ...gift, amount: 5 }))).toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
        field: "amount",
      });
      expect(await refusal(credits().grant({ ...gift, amount: 21 }))).toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
        field: "amount",
      });
    });
  });

  describe("of a plan's month", () => {
    it("is given once per plan and period, the first amount wins (rules 13, 14)", async () => {
      const userId = newUser();
      const month = { userId, amount: 200, planId: "pro", validityDays: 30, grantPeriod: "2026-01" };
      const first = await credits().grantSubscription(month);
      expect(
        await credits().grantSubscription({ ...month, amount: 300, purchaseId: `in-${userId}` }),
      ).toEqual({ ...first, replayed: true });
      const byHand = {
        userId,
        amount: 1,
        type: "monthly_grant",
        sourcePlan: "pro",
        grantPeriod: "2026-01",
      } as const;
      expect(await credits().grant(byHand)).toEqual({ ...first, replayed: true });
      expect(await credits().grantSubscription({ ...month, grantPeriod: "2026-02" })).not.toHaveProperty(
        "replayed",
      );
      expect(await available(userId)).toBe(400);
    });

    it("remembers the invoice of a period that the job had granted before it came", async () => {
      const userId = newUser();
      const month = { userId, amount: 200, planId: "pro", validityDays: 365 };
      const first = await credits().grantSubscription(month);
      const invoice = { ...month, purchaseId: `in-${userId}` };
      expect(await credits().grantSubscription(invoice)).toEqual({ ...first, replayed: true });
      ledger().clock.advanceDays(40);
      expect(await credits().grantSubscription(invoice)).toEqual({ ...first, replayed: true });
      expect(await available(userId)).toBe(200);
    });

    it("belongs to the one user and the one period of its invoice (rules 13, 15)", async () => {
      const [userId, other] = [newUser(), newUser()];
      const month = { userId, amount: 200, planId: "pro", validityDays: 30, purchaseId: `in-${userId}` };
      const first = await credits().grantSubscription(month);
      ledger().clock.advanceDays(40);
      expect(await credits().grantSubscription(month)).toEqual({ ...first, replayed: true });
      expect(await refusal(credits().grantSubscription({ ...month, grantPeriod: "2030-01" }))).toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
        field: "grantPeriod",
      });
      const stolen = { ...month, userId: other };
      expect(await refusal(credits().grantSubscription(stolen))).toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
        field: "userId",
      });
      expect(await credits().getTransactions({ userId })).toMatchObject({ total: 1 });
    });
  });

  describe("in an installation with decimals (rule 10)", () => {
    it("refuses a configuration that counts in other units than the books", async () => {
      const cents = ledger().with({ decimals: 2 });
      expect(await refusal(cents.grant({ userId: newUser(), amount: 0.01, type: "purchase" }))).toMatchObject(
        { code: "INVALID_CONFIG" },
      );
    });
  });

  it("refuses what would pass 2^53 − 1 units, counting only what has not expired (rules 6, 10)", async () => {
    const huge = ledger().with({ limitations: { amountMax: Number.MAX_SAFE_INTEGER } });
    const userId = newUser();
    await huge.grant({ userId, amount: Number.MAX_SAFE_INTEGER - 1, type: "purchase", validityDays: 1 });
    await huge.grant({ userId, amount: 1, type: "purchase", validityDays: 1 });
    const before = await snapshot(ledger());
    expect(await refusal(huge.grant({ userId, amount: 1, type: "purchase" }))).toMatchObject({
      code: "BALANCE_OVERFLOW",
    });
    expect(await snapshot(ledger())).toBe(before);
    ledger().clock.advanceDays(1);
    await huge.grant({ userId, amount: Number.MAX_SAFE_INTEGER, type: "purchase" });
    expect(await available(userId)).toBe(Number.MAX_SAFE_INTEGER);
    expect(await huge.consume({ userId, amount: Number.MAX_SAFE_INTEGER, service: "x" })).toMatchObject({
      newBalance: 0,
    });
  });

  it("leaves books that the audit finds clean", async () => {
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  });
});
