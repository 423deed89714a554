import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import * as actions from "@/credits/actions";
import { failureMessage, unknownFailure } from "@/credits/failure";
import { appDirectory } from "./web-server.ts";

const { CreditTransactionType } = actions;
const someone = () => `user-${randomUUID()}`;

async function wallet(amount: number): Promise<string> {
  const userId = someone();
  await actions.grantCredits({ userId, amount, type: CreditTransactionType.PURCHASE });
  return userId;
}

describe("the operations, without a server", () => {
  test("are the contract's, and no more", () => {
    expect(Object.keys(actions).sort()).toEqual([
      "CreditTransactionType",
      "consumeCreditsForService",
      "consumeCreditsWithFIFO",
      "getUserCreditsInfo",
      "getUserTransactions",
      "grantCredits",
      "grantPurchasedCredits",
      "grantRegistrationBonus",
      "grantSubscriptionCredits",
      "processDailyGrant",
      "processExpiredCredits",
    ]);
    expect(CreditTransactionType).toMatchObject({
      PURCHASE: "purchase",
      CONSUMPTION: "consumption",
      MONTHLY_GRANT: "monthly_grant",
      REGISTRATION_BONUS: "registration_bonus",
      EXPIRATION: "expiration",
    });
  });

  test("are not server actions: only queries.ts is a module that browsers can call (rule 31)", () => {
    const directive = /^\s*["']use server["']/m;
    const sources = readdirSync(join(appDirectory, "src"), { recursive: true, encoding: "utf8" });
    const open = sources.filter(
      (name) => /\.tsx?$/.test(name) && directive.test(readFileSync(join(appDirectory, "src", name), "utf8")),
    );
    expect(open).toEqual([join("credits", "queries.ts")]);
  });

  test("refuse a spend of a user who never had a wallet (rule 8)", async () => {
    const spend = actions.consumeCreditsForService({ userId: someone(), service: "google:chat" });
    await expect(spend).rejects.toThrow(/User balance not found/);
  });

  test("refuse a spend beyond what is available and change nothing (rules 8, 9)", async () => {
    const userId = await wallet(3);
    const spend = actions.consumeCreditsWithFIFO({ userId, amount: 4, service: "google:chat" });
    await expect(spend).rejects.toThrow(/Insufficient credits/);
    expect((await actions.getUserCreditsInfo({ userId })).data?.availableCredits).toBe(3);
    expect((await actions.getUserTransactions({ userId })).data?.total).toBe(1);
  });

  test("answer zeros and an empty page about an unknown user (rule 8)", async () => {
    const userId = someone();
    expect((await actions.getUserCreditsInfo({ userId })).data).toMatchObject({
      availableCredits: 0,
      nextExpiringBatch: null,
    });
    expect(await actions.getUserTransactions({ userId })).toEqual({
      data: { items: [], total: 0, pageIndex: 0, pageSize: 10, pageCount: 0 },
    });
  });

  test.each([
    ["a page size above 100", { userId: "ada", pageSize: 101 }, /pageSize/],
    ["a negative page", { userId: "ada", pageIndex: -1 }, /pageIndex/],
    ["no user", { userId: "" }, /userId/],
  ])("name the field in serverError for %s", async (_what, params, field) => {
    const answer = await actions.getUserTransactions(params);
    expect(answer.data).toBeUndefined();
    expect(answer.serverError).toMatch(field);
  });

  test("tell nothing about an unknown failure, and log no SQL (rule 33)", () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const failure = Object.assign(new Error("Failed query: select secret"), { code: "42P01" });
    expect(failureMessage(failure, "a query")).toBe(unknownFailure);
    expect(log.mock.calls.flat().join()).toContain("42P01");
    expect(log.mock.calls.flat().join()).not.toContain("select");
    log.mockRestore();
  });

  test("charge a service its configured price, and an unknown one 1 (rule 11)", async () => {
    const userId = await wallet(10);
    const chat = await actions.consumeCreditsForService({ userId, service: "google:chat" });
    const other = await actions.consumeCreditsForService({ userId, service: "__proto__" });
    expect([chat.consumedAmount, other.consumedAmount, other.newBalance]).toEqual([2, 1, 7]);
  });

  test("grant the registration bonus once (rule 13)", async () => {
    const userId = someone();
    const first = await actions.grantRegistrationBonus(userId);
    const second = await actions.grantRegistrationBonus(userId);
    expect(second.transactionId).toBe(first.transactionId);
    expect((await actions.getUserCreditsInfo({ userId })).data?.availableCredits).toBe(20);
  });

  test("grant a purchase by the price the server configured, bonus included (rule 15)", async () => {
    const userId = someone();
    const priceId = process.env.CREDIT_LITE_PRICE_ID || "price_credits_lite";
    expect(
      await actions.grantPurchasedCredits({ userId, priceId, purchaseId: randomUUID() }),
    ).toBeUndefined();
    expect((await actions.getUserCreditsInfo({ userId })).data?.availableCredits).toBe(110);
  });

  test("grant a plan's month once (rule 13)", async () => {
    const userId = someone();
    await actions.grantSubscriptionCredits(userId, 200, "pro", 30, "2026-01");
    await actions.grantSubscriptionCredits(userId, 200, "pro", 30, "2026-01");
    const history = (await actions.getUserTransactions({ userId })).data;
    expect(history?.items.map(({ type, amount, sourcePlan }) => [type, amount, sourcePlan])).toEqual([
      ["monthly_grant", 200, "pro"],
    ]);
  });

  test("sign amounts in history, newest first (rule 5)", async () => {
    const userId = await wallet(5);
    await actions.consumeCreditsWithFIFO({ userId, amount: 2, service: "google:chat" });
    const items = (await actions.getUserTransactions({ userId })).data?.items ?? [];
    expect(items.map(({ amount }) => amount)).toEqual([-2, 5]);
    expect(items[0]?.createdAt).toBeInstanceOf(Date);
  });

  test("run both jobs", async () => {
    const granted = await actions.processDailyGrant();
    expect(granted.processed).toBe(granted.successful + granted.skipped + granted.failed);
    expect(await actions.processExpiredCredits()).toEqual({
      processedBatches: 0,
      processedUsers: 0,
      totalExpiredAmount: 0,
    });
  });
});
