import { describe, expect, it } from "vitest";
import { describeLedger, newUser, refusal } from "./ledger.ts";
import { dayMs } from "./model.ts";

describeLedger("a statement", (ledger) => {
  const credits = () => ledger().credits;

  /** A bonus, a purchase, two days of spends, one of them given back in part, and what expired. */
  async function story() {
    const userId = newUser();
    const start = ledger().clock.now();
    await credits().grant({ userId, amount: 20, type: "registration_bonus", validityDays: 30 });
    await credits().grant({
      userId,
      amount: 100,
      type: "purchase",
      purchaseId: `pi_${userId}`,
      packageId: "lite",
    });
    await credits().consume({ userId, amount: 15, service: "chat", metadata: { model: "fast" } });
    ledger().clock.advance(dayMs);
    const image = await credits().consume({ userId, amount: 25, service: "image", description: "A harbour" });
    await credits().reverse({ userId, transactionId: image.transactionId, amount: 10 });
    return { userId, start, imageId: image.transactionId };
  }

  it("tells accounts, allocations, what paid for it and what was given back of it", async () => {
    const { userId, imageId } = await story();
    const { entries, total } = await credits().getStatement({ userId, withRunningTotal: true });
    expect(total).toBe(5);
    expect(entries.map(({ type, amount, runningTotal }) => [type, amount, runningTotal])).toEqual([
      ["reversal", 10, 90],
      ["consumption", -25, 80],
      ["consumption", -15, 105],
      ["purchase", 100, 120],
      ["registration_bonus", 20, 20],
    ]);
    const [reversal, image, chat, purchase] = entries;
    expect(image).toMatchObject({
      id: imageId,
      sequence: 4,
      service: "image",
      debitAccount: `WALLET:${userId}`,
      creditAccount: "SERVICE:image",
      description: "A harbour",
      reversedAmount: 10,
      availableAfter: 80,
      allocations: [
        { amount: 5, batchRemaining: 0, grantedBy: "registration_bonus", batchExpiresAt: expect.any(Date) },
        { amount: 20, batchRemaining: 80, grantedBy: "purchase", batchExpiresAt: null },
      ],
    });
    expect(reversal).toMatchObject({ service: "image", reverses: imageId, reversedAmount: null });
    expect(chat).toMatchObject({ metadata: { model: "fast" }, reversedAmount: 0 });
    expect(purchase).toMatchObject({
      purchaseId: `pi_${userId}`,
      packageId: "lite",
      debitAccount: `PAYMENT:pi_${userId}`,
      service: null,
    });
  });

  it("filters by type, service and time, and pages what it found", async () => {
    const { userId, start } = await story();
    const found = async (filter: object) => {
      const { entries, total } = await credits().getStatement({ userId, ...filter });
      return [total, ...entries.map(({ sequence }) => sequence)];
    };
    expect(await found({ types: ["consumption", "reversal"] })).toEqual([3, 5, 4, 3]);
    expect(await found({ service: "image" })).toEqual([2, 5, 4]);
    expect(await found({ service: "image", types: ["consumption"] })).toEqual([1, 4]);
    const nextDay = new Date(start.getTime() + dayMs);
    expect(await found({ from: nextDay })).toEqual([2, 5, 4]);
    expect(await found({ to: nextDay })).toEqual([3, 3, 2, 1]);
    expect(await found({ from: start, to: nextDay, types: ["consumption"] })).toEqual([1, 3]);
    expect(await found({ from: new Date(start.getTime() + 5 * dayMs) })).toEqual([0]);
    expect(await found({ pageSize: 2, pageIndex: 1 })).toEqual([5, 3, 2]);
    expect(await found({ pageSize: 2, pageIndex: 2, oldestFirst: true })).toEqual([5, 5]);
    expect(await found({ types: ["consumption"], pageSize: 1, pageIndex: 1 })).toEqual([2, 3]);
    expect(await found({ pageIndex: 9 })).toEqual([5]);
  });

  it("can be walked through from either end, and shows nothing twice when rows arrive meanwhile", async () => {
    const { userId } = await story();
    for (const [oldestFirst, expected] of [
      [true, [1, 2, 3, 4, 5, 6]],
      [false, [6, 5, 4, 3, 2, 1]],
    ] as const) {
      if (oldestFirst) await credits().consume({ userId, amount: 1, service: "chat" });
      const seen: number[] = [];
      let afterSequence = oldestFirst ? 0 : Number.MAX_SAFE_INTEGER;
      for (;;) {
        const page = await credits().getStatement({ userId, oldestFirst, afterSequence, pageSize: 2 });
        expect(page.total).toBeNull();
        seen.push(...page.entries.map(({ sequence }) => sequence));
        const last = page.entries.at(-1);
        if (last === undefined) break;
        afterSequence = last.sequence;
      }
      expect(seen).toEqual(expected);
    }
  });

  it("finds the rows of a day among thousands by some twenty look-ups", async () => {
    const userId = newUser();
    const start = ledger().clock.now();
    await credits().grant({ userId, amount: 5_000, type: "adjustment" });
    for (let day = 0; day < 20; day++) {
      await Promise.all(
        Array.from({ length: 10 }, () => credits().consume({ userId, amount: 1, service: "chat" })),
      );
      ledger().clock.advance(dayMs);
    }
    const from = new Date(start.getTime() + 7 * dayMs);
    const to = new Date(from.getTime() + dayMs);
    const { entries, total } = await credits().getStatement({ userId, from, to });
    expect(total).toBe(10);
    expect(entries.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 10 }, (_, n) => 81 - n));
  });

  it("is empty for an unknown user", async () => {
    expect(await credits().getStatement({ userId: newUser() })).toEqual({ entries: [], total: 0 });
    const range = { from: new Date("2026-01-01"), to: new Date("2026-02-01") };
    expect(await credits().getUsage({ userId: newUser(), ...range })).toEqual([]);
  });

  describe("of usage", () => {
    it("adds up spends by day and service, less what was given back, on the day of the spend", async () => {
      const { userId, start } = await story();
      const rows = await credits().getUsage({
        userId,
        from: start,
        to: new Date(start.getTime() + 30 * dayMs),
      });
      const day = (offset: number) => new Date(start.getTime() + offset * dayMs).toISOString().slice(0, 10);
      expect(rows).toEqual([
        { day: day(0), service: "chat", amount: 15, spends: 1 },
        { day: day(1), service: "image", amount: 15, spends: 1 },
      ]);
    });

    it("leaves out what was given back whole, and what lies outside", async () => {
      const userId = newUser();
      const start = ledger().clock.now();
      await credits().grant({ userId, amount: 100, type: "adjustment" });
      const { transactionId } = await credits().consume({ userId, amount: 5, service: "chat" });
      await credits().reverse({ userId, transactionId });
      ledger().clock.advance(dayMs);
      await credits().consume({ userId, amount: 7, service: "chat" });
      expect(await credits().getUsage({ userId, from: start, to: ledger().clock.now() })).toEqual([]);
    });
  });

  it.each([
    ["userId", { userId: "" }],
    ["types", { types: [] }],
    ["types", { types: ["theft"] }],
    ["types", { types: "consumption" }],
    ["service", { service: "" }],
    ["from", { from: "2026-01-01" }],
    ["to", { to: new Date(Number.NaN) }],
    ["oldestFirst", { oldestFirst: 1 }],
    ["withRunningTotal", { withRunningTotal: "yes" }],
    ["pageIndex", { pageIndex: -1 }],
    ["pageIndex", { pageIndex: 0, afterSequence: 3 }],
    ["pageSize", { pageSize: 1_001 }],
    ["pageSize", { pageSize: 0 }],
    ["afterSequence", { afterSequence: 1.5 }],
    ["afterSequence", { afterSequence: -1 }],
  ])("refuses a wrong %s: %j", async (field, change) => {
    const params = { userId: newUser(), ...change } as never;
    expect(await refusal(credits().getStatement(params))).toMatchObject({ code: "INVALID_ARGUMENT", field });
  });

  it.each([
    ["from", { from: 3 }],
    ["to", { to: undefined }],
    ["to", { to: new Date("2025-01-01") }],
  ])("of usage refuses a wrong %s: %j", async (field, change) => {
    const range = { from: new Date("2026-01-01"), to: new Date("2026-02-01") };
    const params = { userId: newUser(), ...range, ...change } as never;
    expect(await refusal(credits().getUsage(params))).toMatchObject({ code: "INVALID_ARGUMENT", field });
  });
});
