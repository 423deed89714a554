import { expect, it } from "vitest";
import { describeLedger, newUser } from "./ledger.ts";

describeLedger("queries", (ledger) => {
  const credits = () => ledger().credits;

  it("answer zeros and an empty page about an unknown user, and create nothing (rule 8)", async () => {
    const userId = newUser();
    expect(await credits().getInfo({ userId })).toEqual({
      availableCredits: 0,
      heldCredits: 0,
      debt: 0,
      nextExpiringBatch: null,
      nextGrantInfo: null,
    });
    expect(await credits().getTransactions({ userId })).toEqual({
      items: [],
      total: 0,
      pageIndex: 0,
      pageSize: 10,
      pageCount: 0,
    });
    expect(await credits().getWallet({ userId })).toBeNull();
  });

  it("name the first batch in drain order that expires and has something left (rule 7)", async () => {
    const userId = newUser();
    await credits().grant({ userId, amount: 1, type: "purchase" });
    await credits().grant({ userId, amount: 2, type: "purchase", validityDays: 20 });
    const soon = await credits().grant({ userId, amount: 3, type: "purchase", validityDays: 10 });
    expect((await credits().getInfo({ userId })).nextExpiringBatch).toEqual({
      amount: 3,
      expiresAt: soon.expirationDate,
    });
    await credits().consume({ userId, amount: 3, service: "x" });
    expect((await credits().getInfo({ userId })).nextExpiringBatch?.amount).toBe(2);
    await credits().consume({ userId, amount: 2, service: "x" });
    expect((await credits().getInfo({ userId })).nextExpiringBatch).toBeNull();
  });

  it("name the next month of the free plan, or of the plan the user pays for by its anchor (rules 7, 16)", async () => {
    const userId = newUser();
    ledger().clock.set("2026-01-20T00:00:00.000Z");
    await credits().grant({ userId, amount: 1, type: "purchase" });
    expect((await credits().getInfo({ userId })).nextGrantInfo).toEqual({
      amount: 10,
      grantDate: new Date("2026-02-01T00:00:00.000Z"),
      planName: "free",
    });
    const pro = {
      userId,
      subscriptionId: "sub",
      planId: "pro",
      anchor: new Date("2025-12-31T08:00:00.000Z"),
      interval: "month",
      currentPeriodEnd: new Date("2026-01-31T08:00:00.000Z"),
    } as const;
    await credits().upsertSubscription({ ...pro, status: "active" });
    expect((await credits().getInfo({ userId })).nextGrantInfo).toEqual({
      amount: 200,
      grantDate: new Date("2026-01-31T08:00:00.000Z"),
      planName: "pro",
    });
    await credits().upsertSubscription({ ...pro, status: "canceled" });
    expect((await credits().getInfo({ userId })).nextGrantInfo).toBeNull();
    await credits().upsertSubscription({ ...pro, status: "past_due" });
    expect((await credits().getInfo({ userId })).nextGrantInfo).toBeNull();
  });

  it("page history newest first by the wallet's sequence, with signed amounts and an exact total (rule 5)", async () => {
    const userId = newUser();
    await credits().grant({ userId, amount: 100, type: "purchase", description: "first" });
    for (let amount = 1; amount <= 11; amount++) await credits().consume({ userId, amount, service: "x" });
    const pages = [0, 1, 2, 3].map((pageIndex) =>
      credits().getTransactions({ userId, pageIndex, pageSize: 5 }),
    );
    const amounts = (await Promise.all(pages)).map((page) => page.items.map((item) => item.amount));
    expect(amounts).toEqual([[-11, -10, -9, -8, -7], [-6, -5, -4, -3, -2], [-1, 100], []]);
    const last = await credits().getTransactions({ userId, pageIndex: 2, pageSize: 5 });
    expect(last).toMatchObject({ total: 12, pageIndex: 2, pageSize: 5, pageCount: 3 });
    expect(last.items[1]).toMatchObject({
      type: "purchase",
      description: "first",
      status: "completed",
      sourcePlan: null,
    });
    expect(last.items[1]?.createdAt).toBeInstanceOf(Date);
    const beyond = await credits().getTransactions({
      userId,
      pageIndex: Number.MAX_SAFE_INTEGER,
      pageSize: 100,
    });
    expect(beyond.items).toEqual([]);
  });

  it("order history by sequence when many operations share one millisecond (rule 5)", async () => {
    const userId = newUser();
    await credits().grant({ userId, amount: 100, type: "purchase" });
    await Promise.all(
      Array.from({ length: 20 }, () => credits().consume({ userId, amount: 1, service: "x" })),
    );
    const rows = await ledger().sql<{ sequence: string; available_after: string }>(
      "select sequence::text, available_after::text from credits.transaction as line where user_id = $1 order by line.sequence",
      [userId],
    );
    expect(rows.map((row) => Number(row.sequence))).toEqual(
      Array.from({ length: 21 }, (_, index) => index + 1),
    );
    expect(rows.map((row) => Number(row.available_after))).toEqual(
      Array.from({ length: 21 }, (_, index) => 100 - index),
    );
  });

  it("show an operator the wallet, its batches and what has expired but is not booked yet", async () => {
    const userId = newUser();
    await credits().grant({ userId, amount: 1, type: "purchase", validityDays: 1 });
    await credits().grant({ userId, amount: 2, type: "purchase" });
    ledger().clock.advanceDays(2);
    expect(await credits().getWallet({ userId })).toMatchObject({
      status: "active",
      transactionCount: 2,
      batches: [
        { remaining: 1, expired: true },
        { remaining: 2, expired: false, expiresAt: null },
      ],
    });
  });

  it("never go back in time, though the clock does (rule 2)", async () => {
    const userId = newUser();
    const { expirationDate } = await credits().grant({
      userId,
      amount: 5,
      type: "purchase",
      validityDays: 1,
    });
    ledger().clock.advanceDays(1);
    await credits().grant({ userId, amount: 1, type: "purchase" });
    ledger().clock.set(new Date((expirationDate?.getTime() ?? 0) - 1000));
    expect(await credits().getInfo({ userId })).toMatchObject({ availableCredits: 1 });
    expect(await credits().consume({ userId, amount: 1, service: "x" })).toMatchObject({ newBalance: 0 });
    const { items } = await credits().getTransactions({ userId });
    const times = items.map((item) => item.createdAt.getTime());
    expect(times).toEqual([...times].sort((a, b) => b - a));
  });
});
