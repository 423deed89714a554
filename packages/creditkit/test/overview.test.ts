import { expect, it } from "vitest";
import { describeLedger, emptyBooks, newUser } from "./ledger.ts";
import { dayMs } from "./model.ts";

describeLedger("the overview", (ledger) => {
  const credits = () => ledger().credits;

  it("of empty books is zeros", async () => {
    await emptyBooks(ledger());
    expect(await credits().getOverview()).toEqual({
      wallets: { total: 0, frozen: 0, closed: 0 },
      flows: [],
      services: [],
      outstanding: { total: 0, paid: 0, free: 0, held: 0, calendar: [] },
      expiredUnbooked: 0,
      debt: 0,
    });
  });

  it("adds up what came in and went out, and what is still owed to users by when it expires", async () => {
    await emptyBooks(ledger());
    ledger().clock.set("2026-03-10T10:00:00.000Z");
    const [ada, bob] = [newUser(), newUser()];
    await credits().grant({ userId: ada, amount: 20, type: "registration_bonus", validityDays: 30 });
    await credits().grantPurchased({ userId: ada, priceId: "price_credits_lite", purchaseId: `pi_${ada}` });
    await credits().grant({
      userId: bob,
      amount: 200,
      type: "monthly_grant",
      sourcePlan: "pro",
      grantPeriod: "2026-03",
      validityDays: 30,
    });
    await credits().grant({
      userId: bob,
      amount: 10,
      type: "monthly_grant",
      sourcePlan: "free",
      grantPeriod: "2026-02",
    });
    const spend = await credits().consume({ userId: ada, amount: 25, service: "image" });
    await credits().reverse({ userId: ada, transactionId: spend.transactionId, amount: 5 });
    await credits().consume({ userId: bob, amount: 50, service: "chat" });
    await credits().deduct({ userId: bob, amount: 30 });
    await credits().hold({ userId: bob, amount: 15, service: "chat" });
    const loan = await credits().hold({ userId: ada, amount: 110, service: "chat", overage: "debt" });
    await credits().settle({ userId: ada, holdId: loan.holdId, amount: 112 });
    await credits().freeze({ userId: bob });

    const overview = await credits().getOverview();
    expect(overview).toEqual({
      wallets: { total: 2, frozen: 1, closed: 0 },
      flows: [
        { type: "consumption", amount: -187, transactions: 3 },
        { type: "debt", amount: 2, transactions: 1 },
        { type: "deduction", amount: -30, transactions: 1 },
        { type: "monthly_grant", amount: 210, transactions: 2 },
        { type: "purchase", amount: 110, transactions: 1 },
        { type: "registration_bonus", amount: 20, transactions: 1 },
        { type: "reversal", amount: 5, transactions: 1 },
      ],
      services: [
        { service: "chat", amount: 162 },
        { service: "image", amount: 20 },
      ],
      outstanding: {
        total: 130,
        paid: 120,
        free: 10,
        held: 15,
        calendar: [
          { month: "2026-04", paid: 120, free: 0 },
          { month: null, paid: 0, free: 10 },
        ],
      },
      expiredUnbooked: 0,
      debt: 2,
    });
    // Issued = in wallets + spent + expired + taken back − debt.
    expect(overview.flows.reduce((sum, { amount }) => sum + amount, 0)).toBe(overview.outstanding.total);

    ledger().clock.advance(31 * dayMs);
    const later = await credits().getOverview();
    // The hold has timed out, which is not booked: what it holds counts until then.
    expect(later).toMatchObject({ expiredUnbooked: 105, outstanding: { total: 25, paid: 15, free: 10 } });
    await credits().processExpired();
    expect(await credits().getOverview()).toMatchObject({
      expiredUnbooked: 0,
      outstanding: { total: 10, paid: 0, free: 10, held: 0 },
    });
    expect(await credits().audit()).toEqual({ ok: true, violations: [] });
  });
});
