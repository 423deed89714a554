import { describe, expect, it } from "vitest";
import { type CreditsConfig, defaultCreditsConfig } from "../src/core/config.ts";
import type { PaymentEvent } from "../src/core/payment-event.ts";
import { describeLedger, newUser, refusal, snapshot } from "./ledger.ts";
import { dayMs } from "./model.ts";

/** A package of 100 credits for 90 days, so that shares are easy to see. */
const config: CreditsConfig = {
  ...defaultCreditsConfig,
  packages: {
    hundred: {
      id: "hundred",
      credits: 100,
      bonus: 0,
      priceId: "price_hundred",
      amount: 10,
      currency: "USD",
      validityDays: 90,
    },
  },
  planPrices: [
    { priceId: "price_pro", planId: "pro", interval: "month", amount: 19, currency: "USD" },
    { priceId: "price_pro_year", planId: "pro", interval: "year", amount: 190, currency: "USD" },
  ],
};

let nextEvent = 0;
/** An event with an id of its own, `minutes` after the start of the test. */
type Said<Event> = Event extends PaymentEvent ? Omit<Event, "provider" | "eventId" | "occurredAt"> : never;
const said = (event: Said<PaymentEvent>, minutes = 0): PaymentEvent =>
  ({
    provider: "stripe",
    eventId: `evt_${++nextEvent}`,
    occurredAt: new Date(Date.UTC(2026, 0, 15, 10, minutes)),
    ...event,
  }) as PaymentEvent;

describeLedger("payments", (ledger) => {
  const credits = () => ledger().with(config);
  const apply = (event: PaymentEvent) => credits().applyPaymentEvent(event);
  const balance = async (userId: string) => {
    const { availableCredits, debt } = await credits().getInfo({ userId });
    return { availableCredits, debt };
  };
  const history = async (userId: string) =>
    (await credits().getTransactions({ userId, pageSize: 100 })).items.map(({ type, amount }) => [
      type,
      amount,
    ]);
  const clean = async () => expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  const after = (milliseconds: number) =>
    ledger().clock.set(new Date(ledger().clock.now().getTime() + milliseconds));
  const spend = (userId: string, amount: number) => credits().consume({ userId, amount, service: "chat" });

  const purchase = (userId: string) => {
    const id = `pi_${userId}`;
    const paid = said({
      type: "purchase.paid",
      userId,
      paymentIds: [id, `ch_${userId}`],
      priceId: "price_hundred",
      amountPaid: 1000,
      currency: "usd",
    });
    return { id, paid };
  };
  const bought = async (userId = newUser()) => {
    const { id, paid } = purchase(userId);
    await apply(paid);
    return { userId, id, paid };
  };
  const refunded = (id: string, amountRefunded: number) =>
    said({ type: "payment.refunded", paymentIds: [id], amountRefunded });
  const dispute = (id: string, status: "open" | "won" | "lost", amount = 1000, minutes = 1) =>
    said({ type: "dispute.changed", paymentIds: [id], disputeId: `dp_${id}`, amount, status }, minutes);

  describe("of a package", () => {
    it("grant what the configuration has for the price, once per message and once per payment (rules 13, 15)", async () => {
      const { userId, id, paid } = await bought();
      expect(await apply(paid)).toMatchObject({ outcome: "replayed" });
      // Another message about the same payment.
      const again = { ...paid, eventId: `${paid.eventId}-async` };
      expect(await apply(again)).toMatchObject({ outcome: "applied" });
      expect(await balance(userId)).toEqual({ availableCredits: 100, debt: 0 });
      expect(await history(userId)).toEqual([["purchase", 100]]);
      expect(await credits().getPayments({ userId })).toMatchObject([
        {
          paymentId: id,
          kind: "package",
          amountPaid: 1000,
          credits: 100,
          amountRefunded: 0,
          disputed: false,
        },
      ]);
      // The library's own call uses the same names.
      expect(
        await credits().grantPurchased({ userId, priceId: "price_hundred", purchaseId: id }),
      ).toMatchObject({ replayed: true });
      await clean();
    });

    it("are refused and kept for a price nobody configured, and replayed once somebody has", async () => {
      const userId = newUser();
      const { paid } = purchase(userId);
      const before = ledger();
      const unsold = { ...paid, priceId: "price_new" } as PaymentEvent;
      expect(await refusal(before.with(config).applyPaymentEvent(unsold))).toMatchObject({
        code: "UNKNOWN_PRICE",
      });
      expect(await credits().getPaymentEvents({ status: "failed" })).toContainEqual(
        expect.objectContaining({ eventId: paid.eventId, error: "UNKNOWN_PRICE", type: "purchase.paid" }),
      );
      expect(await credits().getWallet({ userId })).toBeNull();
      const hundred = config.packages?.hundred;
      const sold = ledger().with({
        ...config,
        packages: { ...(hundred && { new: { ...hundred, id: "new", priceId: "price_new" } }) },
      });
      expect(await sold.replayPaymentEvent({ eventId: paid.eventId })).toMatchObject({ outcome: "applied" });
      expect(await balance(userId)).toEqual({ availableCredits: 100, debt: 0 });
      expect(await refusal(sold.replayPaymentEvent({ eventId: "evt_unknown" }))).toMatchObject({
        code: "UNKNOWN_EVENT",
      });
    });

    it("belong to one user, whatever another message says (rule 15)", async () => {
      const { paid } = await bought();
      const thief = newUser();
      const stolen = { ...paid, eventId: `${paid.eventId}-thief`, userId: thief } as PaymentEvent;
      expect(await refusal(apply(stolen))).toMatchObject({ code: "IDEMPOTENCY_CONFLICT", field: "userId" });
      expect(await credits().getWallet({ userId: thief })).toBeNull();
    });

    it("belong to the user whose customer paid", async () => {
      const userId = newUser();
      expect(await credits().linkCustomer({ userId, provider: "stripe", customerId: `cus_${userId}` })).toBe(
        `cus_${userId}`,
      );
      expect(await credits().getCustomer({ userId, provider: "stripe" })).toBe(`cus_${userId}`);
      expect(await credits().getCustomer({ userId, provider: "creem" })).toBeNull();
      const other = newUser();
      const { paid } = purchase(other);
      const mixed = { ...paid, customerId: `cus_${userId}` } as PaymentEvent;
      expect(await refusal(apply(mixed))).toMatchObject({ code: "IDEMPOTENCY_CONFLICT", field: "userId" });
      expect(
        await refusal(
          credits().linkCustomer({ userId: other, provider: "stripe", customerId: `cus_${userId}` }),
        ),
      ).toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    });

    it("change nothing while credits are disabled, so that the provider tries again (rule 12)", async () => {
      const before = await snapshot(ledger());
      const off = ledger().with({ ...config, enabled: false });
      expect(await refusal(off.applyPaymentEvent(purchase(newUser()).paid))).toMatchObject({
        code: "CREDITS_DISABLED",
      });
      expect(await snapshot(ledger())).toBe(before);
    });
  });

  describe("whose money goes back", () => {
    it("lose their share of the credits, by the largest total seen: twice in part, then all of it", async () => {
      const { userId, id } = await bought();
      await apply(refunded(id, 333));
      expect(await balance(userId)).toEqual({ availableCredits: 67, debt: 0 });
      await apply(refunded(id, 500));
      // An older total comes late.
      await apply(refunded(id, 333));
      expect(await balance(userId)).toEqual({ availableCredits: 50, debt: 0 });
      await apply(refunded(id, 1000));
      expect(await balance(userId)).toEqual({ availableCredits: 0, debt: 0 });
      expect(await history(userId)).toEqual([
        ["refund", -50],
        ["refund", -17],
        ["refund", -33],
        ["purchase", 100],
      ]);
      expect(await credits().getPayments({ userId })).toMatchObject([{ amountRefunded: 1000 }]);
      await clean();
    });

    it("count each refund of its own once", async () => {
      const { userId, id } = await bought();
      const part = (refundId: string, amount: number) =>
        said({
          type: "payment.refunded",
          paymentIds: [`ch_${userId}`],
          refund: { id: `${refundId}-${id}`, amount },
        });
      await apply(part("re_1", 200));
      await apply(part("re_1", 200));
      await apply(part("re_2", 300));
      expect(await balance(userId)).toEqual({ availableCredits: 50, debt: 0 });
      // The provider's total of the same two.
      await apply(refunded(id, 500));
      expect(await balance(userId)).toEqual({ availableCredits: 50, debt: 0 });
      await clean();
    });

    it("absorb what was spent of a refund, and take it when it comes back into the batch", async () => {
      const { userId, id } = await bought();
      await credits().grant({ userId, amount: 30, type: "adjustment" });
      const { transactionId } = await spend(userId, 80);
      await apply(refunded(id, 1000));
      expect(await balance(userId)).toEqual({ availableCredits: 30, debt: 0 });
      await clean();
      await credits().reverse({ userId, transactionId, amount: 60 });
      expect(await balance(userId)).toEqual({ availableCredits: 30, debt: 0 });
      expect(await history(userId)).toEqual([
        ["refund", -60],
        ["reversal", 60],
        ["refund", -20],
        ["consumption", -80],
        ["adjustment", 30],
        ["purchase", 100],
      ]);
      await clean();
    });

    it("owe what was spent of a refund where the configuration says so", async () => {
      const { userId, id } = await bought();
      await spend(userId, 80);
      await ledger()
        .with({ ...config, payments: { onRefund: "debt" } })
        .applyPaymentEvent(refunded(id, 1000));
      expect(await balance(userId)).toEqual({ availableCredits: 0, debt: 80 });
      await clean();
    });

    it("take nothing of what expired before the refund", async () => {
      const { userId, id } = await bought();
      await spend(userId, 40);
      after(91 * dayMs);
      await apply(refunded(id, 1000));
      await credits().processExpired();
      expect(await balance(userId)).toEqual({ availableCredits: 0, debt: 0 });
      expect(await history(userId)).toEqual([
        ["expiration", -60],
        ["consumption", -40],
        ["purchase", 100],
      ]);
      await clean();
    });

    it("leave what is held alone, and take it when its hold ends (rule 22)", async () => {
      const { userId, id } = await bought();
      const { holdId } = await credits().hold({ userId, amount: 60, service: "chat" });
      await credits().hold({ userId, amount: 30, service: "chat", ttlSeconds: 60 });
      await apply(refunded(id, 1000));
      expect(await credits().getInfo({ userId })).toMatchObject({ availableCredits: 0, heldCredits: 90 });
      expect(await credits().settle({ userId, holdId, amount: 45 })).toMatchObject({ consumedAmount: 45 });
      after(60_000);
      // Read before anything has written the timeout down.
      expect(await credits().getInfo({ userId })).toMatchObject({
        availableCredits: 0,
        heldCredits: 0,
        debt: 0,
      });
      await credits().processExpired();
      expect(await balance(userId)).toEqual({ availableCredits: 0, debt: 0 });
      expect(await history(userId)).toEqual([
        ["refund", -30],
        ["refund", -15],
        ["consumption", -45],
        ["refund", -10],
        ["purchase", 100],
      ]);
      await clean();
    });

    it("owe what was spent of a disputed one, which the next credits repay; won, it comes back exactly", async () => {
      const { userId, id } = await bought();
      await spend(userId, 70);
      await apply(dispute(id, "open"));
      expect(await balance(userId)).toEqual({ availableCredits: 0, debt: 70 });
      expect(await history(userId)).toEqual([
        ["chargeback", -70],
        ["debt", 70],
        ["chargeback", -30],
        ["consumption", -70],
        ["purchase", 100],
      ]);
      await credits().grant({ userId, amount: 50, type: "adjustment" });
      expect(await balance(userId)).toEqual({ availableCredits: 0, debt: 20 });
      await clean();
      await apply(dispute(id, "won"));
      expect(await balance(userId)).toEqual({ availableCredits: 80, debt: 0 });
      expect(await credits().getPayments({ userId })).toMatchObject([{ disputed: false }]);
      await clean();
      // Opened again by a message that was late: the end stands.
      await apply(dispute(id, "open", 1000, 0));
      expect(await balance(userId)).toEqual({ availableCredits: 80, debt: 0 });
    });

    it("stay gone when the dispute is lost", async () => {
      const { userId, id } = await bought();
      await apply(dispute(id, "lost"));
      await apply(dispute(id, "open"));
      expect(await balance(userId)).toEqual({ availableCredits: 0, debt: 0 });
      expect(await history(userId)).toEqual([
        ["chargeback", -100],
        ["purchase", 100],
      ]);
      expect(await credits().getPayments({ userId })).toMatchObject([{ disputed: true }]);
    });

    it("repay a dispute's debt from other credits at once: what is owed is never beside what is free", async () => {
      const { userId, id } = await bought();
      await credits().grant({ userId, amount: 40, type: "adjustment" });
      await spend(userId, 100);
      await apply(dispute(id, "open"));
      expect(await balance(userId)).toEqual({ availableCredits: 0, debt: 60 });
      await apply(dispute(id, "won"));
      expect(await balance(userId)).toEqual({ availableCredits: 40, debt: 0 });
      await clean();
    });

    it.each([0, 30, 100])(
      "come to the same with a refund and a dispute in either order (%i spent before)",
      async (spent) => {
        const ends: unknown[] = [];
        for (const order of [
          ["refund", "open"],
          ["open", "refund"],
          ["refund", "open", "won"],
          ["open", "refund", "won"],
          ["open", "won", "refund"],
        ]) {
          const { userId, id } = await bought();
          if (spent > 0) await spend(userId, spent);
          for (const what of order)
            await apply(what === "refund" ? refunded(id, 400) : dispute(id, what as "open" | "won"));
          ends.push(await balance(userId));
          await clean();
        }
        const [refundFirst, disputeFirst, ...won] = ends;
        expect(disputeFirst).toEqual(refundFirst);
        expect(refundFirst).toMatchObject({ availableCredits: 0 });
        expect(new Set(won.map((end) => JSON.stringify(end))).size).toBe(1);
        expect(won[0]).toEqual({ availableCredits: Math.max(0, 60 - spent), debt: 0 });
      },
    );

    it("freeze the wallet where the configuration says so", async () => {
      const { userId, id } = await bought();
      const strict = ledger().with({
        ...config,
        payments: { freezeOnDispute: true, freezeOnFraudWarning: true },
      });
      expect(await apply(said({ type: "fraud.warned", paymentIds: [id] }))).toMatchObject({
        outcome: "ignored",
      });
      await strict.applyPaymentEvent(said({ type: "fraud.warned", paymentIds: [id] }));
      expect(await credits().getWallet({ userId })).toMatchObject({ status: "frozen" });
      await credits().unfreeze({ userId });
      await strict.applyPaymentEvent(dispute(id, "open"));
      expect(await credits().getWallet({ userId })).toMatchObject({ status: "frozen" });
    });
  });

  describe("that arrive before what they refer to", () => {
    it("wait for it: a refund and a dispute before their purchase", async () => {
      const userId = newUser();
      const { id, paid } = purchase(userId);
      const early = refunded(`ch_${userId}`, 250);
      expect(await apply(early)).toEqual({ outcome: "ignored", waitsFor: [`payment:ch_${userId}`] });
      await apply(dispute(id, "open", 250));
      expect(await credits().getPaymentEvents({ status: "parked" })).toContainEqual(
        expect.objectContaining({ eventId: early.eventId, waitsFor: [`payment:ch_${userId}`] }),
      );
      await apply(paid);
      expect(await balance(userId)).toEqual({ availableCredits: 50, debt: 0 });
      expect(await apply(early)).toMatchObject({ outcome: "replayed" });
      expect(
        (await credits().getPaymentEvents({ status: "parked" })).filter(
          ({ eventId }) => eventId === early.eventId,
        ),
      ).toEqual([]);
      await clean();
    });

    it("wait for a link from another name of the payment", async () => {
      const { userId, id } = await bought();
      await apply(refunded(`in_${userId}`, 1000));
      expect(await balance(userId)).toEqual({ availableCredits: 100, debt: 0 });
      await apply(said({ type: "payment.linked", paymentIds: [`in_${userId}`, id] }));
      expect(await balance(userId)).toEqual({ availableCredits: 0, debt: 0 });
    });
  });
});
