import { describe, expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits, type PaymentEvent } from "../src/index.ts";
import { describeLedger, losingAnswers, newUser, refusal, snapshot } from "./ledger.ts";
import { dayMs } from "./model.ts";

describeLedger("erasing a user", (ledger) => {
  const credits = () => ledger().credits;

  const paid = (userId: string): PaymentEvent => ({
    type: "purchase.paid",
    provider: "stripe",
    eventId: `evt_${userId}`,
    occurredAt: ledger().clock.now(),
    userId,
    paymentIds: [`pi_${userId}`],
    customerId: `cus_${userId.length}_${userId.slice(-12)}`,
    priceId: "price_credits_lite",
    amountPaid: 999,
    currency: "usd",
    receiptUrl: `https://pay.stripe.com/receipts/${userId}`,
  });
  const refunded = (userId: string, amount: number): PaymentEvent => ({
    type: "payment.refunded",
    provider: "stripe",
    eventId: `evt_refund_${userId}`,
    occurredAt: ledger().clock.now(),
    paymentIds: [`pi_${userId}`],
    amountRefunded: amount,
  });

  /** A user with a bit of everything, words included. */
  async function somebody() {
    const userId = newUser();
    await credits().grantRegistrationBonus(userId);
    await credits().applyPaymentEvent(paid(userId));
    await credits().grant({
      userId,
      amount: 5,
      type: "adjustment",
      description: "Sorry, Ada Lovelace",
      metadata: { ticket: "from ada@example.com" },
      idempotencyKey: `gift for ${userId}`,
    });
    const spend = await credits().consume({
      userId,
      amount: 12,
      service: "chat",
      description: "About my illness",
      idempotencyKey: `chat of ${userId}`,
    });
    await credits().reverse({
      userId,
      transactionId: spend.transactionId,
      amount: 2,
      idempotencyKey: `back ${userId}`,
    });
    const { holdId } = await credits().hold({ userId, amount: 9, service: "chat", idempotencyKey: "h" });
    await credits().settle({ userId, holdId, amount: 4, description: "Private words" });
    await credits().hold({ userId, amount: 7, service: "chat", metadata: { mail: "ada@example.com" } });
    return userId;
  }

  /** Every row of every table of the ledger, as text. */
  const everything = async () => {
    const tables = await ledger().sql<{ name: string }>(
      "select relname as name from pg_class where relnamespace = 'credits'::regnamespace and relkind = 'r'",
    );
    const texts = tables.map(async ({ name }) =>
      JSON.stringify(await ledger().sql(`select to_jsonb(t)::text as row from credits.${name} as t`)),
    );
    return (await Promise.all(texts)).join("\n");
  };

  it("leaves the amounts under a pseudonym, and neither the id nor a word anywhere (rule 26)", async () => {
    const userId = await somebody();
    const before = await credits().getStatement({ userId, oldestFirst: true });
    const { availableCredits, heldCredits } = await credits().getInfo({ userId });
    const { pseudonym, forfeitedAmount } = await credits().eraseUser({ userId });
    expect(pseudonym).toMatch(/^erased:[0-9a-f-]{36}$/);
    expect(forfeitedAmount).toBe(availableCredits + heldCredits);

    const text = await everything();
    // The payment's own id is what a refund is matched by: the test made it of the user's.
    const withoutPayment = text.replaceAll(`pi_${userId}`, "").replaceAll(`evt_${userId}`, "");
    expect(withoutPayment).not.toContain(userId);
    for (const word of [
      "Lovelace",
      "illness",
      "Private",
      "ada@example.com",
      "receipts",
      "chat of",
      "gift for",
    ])
      expect(text).not.toContain(word);

    const after = await credits().getStatement({ userId: pseudonym, oldestFirst: true });
    const facts = ({ entries }: typeof after) =>
      entries.map(({ sequence, id, type, amount, createdAt, availableAfter, allocations }) => {
        return { sequence, id, type, amount, createdAt, availableAfter, allocations };
      });
    expect(facts(after).slice(0, -1)).toEqual(facts(before));
    expect(after.entries.at(-1)).toMatchObject({ type: "deduction", amount: -forfeitedAmount });
    expect(await credits().getWallet({ userId: pseudonym })).toMatchObject({ status: "closed", batches: [] });
    expect(await credits().getWallet({ userId })).toBeNull();
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  });

  it("closes the wallet: no month is granted, nothing is spent, and it stays closed (rules 12, 16)", async () => {
    const userId = await somebody();
    const { pseudonym } = await credits().eraseUser({ userId });
    ledger().clock.advance(40 * dayMs);
    await credits().processDailyGrant();
    expect(await credits().getWallet({ userId: pseudonym })).toMatchObject({ batches: [] });
    expect(await credits().getInfo({ userId: pseudonym })).toMatchObject({
      availableCredits: 0,
      nextGrantInfo: null,
    });
    const spend = credits().consume({ userId: pseudonym, amount: 1, service: "chat" });
    expect(await refusal(spend)).toMatchObject({ code: "WALLET_FROZEN" });
    expect(await refusal(credits().unfreeze({ userId: pseudonym }))).toMatchObject({
      code: "USER_BALANCE_NOT_FOUND",
    });
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  });

  it("is refused while a plan renews, and allowed once it is canceled", async () => {
    const userId = newUser();
    const now = ledger().clock.now();
    const subscription = {
      userId,
      subscriptionId: `sub_${userId}`,
      planId: "pro",
      anchor: now,
      interval: "month" as const,
      currentPeriodEnd: new Date(now.getTime() + 20 * dayMs),
    };
    await credits().upsertSubscription({ ...subscription, status: "active" });
    await credits().processDailyGrant();
    const before = await snapshot(ledger());
    expect(await refusal(credits().eraseUser({ userId }))).toMatchObject({ code: "SUBSCRIPTION_ACTIVE" });
    expect(await snapshot(ledger())).toBe(before);
    await credits().upsertSubscription({ ...subscription, status: "canceled" });
    const { pseudonym } = await credits().eraseUser({ userId });
    // Paid for until its end, and granted nothing all the same.
    ledger().clock.advance(dayMs);
    await credits().processDailyGrant();
    expect((await credits().getWallet({ userId: pseudonym }))?.batches).toEqual([]);
  });

  it("of whom the ledger knows nothing is remembered too", async () => {
    const userId = newUser();
    const { pseudonym, forfeitedAmount } = await credits().eraseUser({ userId });
    expect(forfeitedAmount).toBe(0);
    expect(await credits().eraseUser({ userId })).toEqual({ pseudonym, forfeitedAmount: 0, replayed: true });
  });

  it("happens once, also 10 times at once and when its answer gets lost (rules 14, 29)", async () => {
    const userId = await somebody();
    const losing = createCredits({
      database: losingAnswers(ledger().database, 1),
      config: defaultCreditsConfig,
      clock: ledger().clock.now,
    });
    const answers = await Promise.all([
      losing.eraseUser({ userId }),
      ...Array.from({ length: 9 }, () => credits().eraseUser({ userId })),
    ]);
    expect(new Set(answers.map(({ pseudonym }) => pseudonym)).size).toBe(1);
    expect(new Set(answers.map(({ forfeitedAmount }) => forfeitedAmount)).size).toBe(1);
    expect(answers.filter(({ replayed }) => replayed)).toHaveLength(9);
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  });

  it("beside spends, grants and holds of the same instant leaves clean books (rule 30)", async () => {
    const userId = await somebody();
    await Promise.allSettled([
      ...Array.from({ length: 8 }, () => credits().consume({ userId, amount: 1, service: "chat" })),
      credits().eraseUser({ userId }),
      ...Array.from({ length: 4 }, () => credits().grant({ userId, amount: 3, type: "adjustment" })),
      ...Array.from({ length: 4 }, () => credits().hold({ userId, amount: 1, service: "chat" })),
    ]);
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  });

  it("a refund that comes later still finds its purchase, under either name (rules 14, 24)", async () => {
    const userId = await somebody();
    const { pseudonym } = await credits().eraseUser({ userId });
    expect(await credits().applyPaymentEvent(refunded(userId, 999))).toMatchObject({ outcome: "applied" });
    expect(await credits().getPayments({ userId: pseudonym })).toMatchObject([{ amountRefunded: 999 }]);
    expect(await credits().applyPaymentEvent(paid(userId))).toMatchObject({ outcome: "replayed" });
    // Told again in another message: by the old name, of the purchase that is the pseudonym's now.
    await credits().applyPaymentEvent({ ...paid(userId), eventId: `evt_again_${userId}` });
    const { entries } = await credits().getStatement({ userId: pseudonym, types: ["purchase", "refund"] });
    expect(entries.map(({ type, amount }) => [type, amount])).toEqual([["purchase", 110]]);
    expect(await credits().getWallet({ userId })).toBeNull();
    expect(await everything().then((text) => text.includes(`"user_id": "${userId}"`))).toBe(false);
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  });

  describe("is the only change of history there is (rule 26)", () => {
    const changes = [
      ["an amount", "amount = amount + 1"],
      ["a type", "type = 'deduction'"],
      ["an instant", "created_at = now()"],
      ["a purchase", "purchase_id = 'another'"],
      ["words that stay", "description = 'other words'"],
      ["a batch", "batch_ids = array[gen_random_uuid()]"],
    ] as const;

    it.each(changes)("%s cannot change with it", async (_what, change) => {
      const userId = newUser();
      await credits().grant({ userId, amount: 5, type: "adjustment", description: "words" });
      const to = `erased:${userId}`;
      const rename = `user_id = '${to}', debit_account = debit_account, credit_account = 'WALLET:${to}'`;
      const words = change.startsWith("description") ? "" : ", description = null";
      const forged = ledger().database.transaction(async (connection) => {
        await connection.query("select set_config('credits.erasing', $1, true)", [`${userId} as ${to}`]);
        await connection.query(
          `update credits.transaction set ${rename}, metadata = null, key = null, ${change}${words} where user_id = $1`,
          [userId],
        );
      });
      await expect(forged).rejects.toThrow(/append-only/);
    });

    it.each([
      ["another user's name", "somebody else"],
      ["no name at all", ""],
    ])("to %s it does not go", async (_what, to) => {
      const userId = newUser();
      await credits().grant({ userId, amount: 5, type: "adjustment" });
      const forged = ledger().database.transaction(async (connection) => {
        await connection.query("select set_config('credits.erasing', $1, true)", [`${userId} as ${to}`]);
        await connection.query(
          "update credits.transaction set user_id = $2::text, credit_account = 'WALLET:' || $2::text where user_id = $1",
          [userId, to],
        );
      });
      await expect(forged).rejects.toThrow(/append-only/);
    });

    it("a statement without it is refused as ever", async () => {
      const userId = await somebody();
      await expect(
        ledger().sql("update credits.transaction set description = null where user_id = $1", [userId]),
      ).rejects.toThrow(/append-only/);
      await expect(
        ledger().sql("delete from credits.transaction where user_id = $1", [userId]),
      ).rejects.toThrow(/append-only/);
    });
  });

  it("is refused on a cluster, and for a wrong id, before any I/O", async () => {
    const sharded = createCredits({ database: ledger().database, config: {}, sharded: true });
    expect(await refusal(sharded.eraseUser({ userId: newUser() }))).toMatchObject({ code: "NOT_SUPPORTED" });
    expect(await refusal(credits().eraseUser({ userId: "" }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "userId",
    });
  });
});
