import { readFileSync } from "node:fs";
import pg from "pg";
import { expect, it } from "vitest";
import { fromPool } from "../src/adapters/pg.ts";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import { newUser, openPostgresLedger } from "./ledger.ts";

const guide = readFileSync(new URL("../../../docs/guides/postgresql.md", import.meta.url), "utf8");

it("the privileges in the PostgreSQL guide are enough for everything an application does, and not for changing history", async () => {
  const [, grants = ""] = /```sql\n([\s\S]*?)```/.exec(guide) ?? [];
  const ledger = await openPostgresLedger();
  const role = `app_${newUser().replaceAll("-", "")}`;
  await ledger.sql(`create role ${role} login password 'app'`);
  await ledger.sql(grants.replaceAll("to app;", `to ${role};`));
  const url = new URL(ledger.url);
  url.username = role;
  url.password = "app";
  const pool = new pg.Pool({ connectionString: url.href, max: 1 });
  try {
    const credits = createCredits({ database: fromPool(pool), config: defaultCreditsConfig });
    const userId = newUser();
    expect(await credits.migrate()).toEqual({ applied: [] });
    await credits.grantRegistrationBonus(userId);
    await credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId: userId });
    await credits.consumeForService({ userId, service: "google:chat" });
    await credits.freeze({ userId });
    await credits.upsertSubscription({
      userId,
      subscriptionId: "sub",
      planId: "pro",
      status: "active",
      anchor: new Date(),
      interval: "month",
      currentPeriodEnd: new Date(Date.now() + 1e9),
    });
    expect(await credits.processDailyGrant()).toMatchObject({ failed: 0 });
    await credits.processExpired();
    await credits.unfreeze({ userId });
    const { holdId } = await credits.hold({ userId, amount: 1, service: "chat" });
    const { endpointId } = await credits.createWebhookEndpoint({ url: "https://example.com" });
    const { transactionId } = await credits.settle({ userId, holdId, amount: 1 });
    await credits.reverse({ userId, transactionId });
    await credits.deliverWebhooks(async () => ({ error: "none" }));
    await credits.deleteWebhookEndpoint({ endpointId });
    const { key, keyId } = await credits.createApiKey({ name: "shop", scopes: ["read"] });
    expect(await credits.verifyApiKey(key)).toMatchObject({ keyId });
    await credits.revokeApiKey({ keyId });
    const payment = { provider: "stripe", userId, currency: "usd", occurredAt: new Date() };
    expect(
      await credits.applyPaymentEvent({
        ...payment,
        type: "purchase.paid",
        eventId: "evt_1",
        paymentIds: ["pi_1", "ch_1"],
        priceId: "price_credits_lite",
        amountPaid: 999,
      }),
    ).toMatchObject({ outcome: "applied" });
    expect(
      await credits.applyPaymentEvent({
        ...payment,
        type: "payment.refunded",
        eventId: "evt_2",
        paymentIds: ["pi_1"],
        refund: { id: "re_1", amount: 100 },
      }),
    ).toMatchObject({ outcome: "applied" });
    expect(
      await credits.applyPaymentEvent({
        ...payment,
        type: "dispute.changed",
        eventId: "evt_3",
        disputeId: "dp_1",
        paymentIds: ["pi_1"],
        amount: 100,
        status: "open",
      }),
    ).toMatchObject({ outcome: "applied" });
    expect(await credits.getJobRuns()).toHaveLength(2);
    expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: expect.any(Number) });
    expect(await credits.audit()).toEqual({ ok: true, violations: [] });
    await expect(pool.query("update credits.transaction set amount = 1")).rejects.toMatchObject({
      code: "42501",
    });
    await expect(pool.query("alter table credits.transaction disable trigger all")).rejects.toMatchObject({
      code: "42501",
    });
  } finally {
    await pool.end();
    await ledger.sql(`drop owned by ${role}`);
    await ledger.sql(`drop role ${role}`);
    await ledger.close();
  }
});
