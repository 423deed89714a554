import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type pg from "pg";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { sendWebhook, startWebhookDelivery } from "../src/adapters/webhooks.ts";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { retrySeconds } from "../src/core/webhook-delivery.ts";
import { describeLedger, newUser, openPostgresLedger, refusal } from "./ledger.ts";
import { dayMs } from "./model.ts";

interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

/** Somebody who is told, and how they answer. */
class Receiver {
  readonly received: Received[] = [];
  status = 204;
  private server: Server | undefined;

  async open(): Promise<void> {
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const part of request.setEncoding("utf8")) body += part;
      this.received.push({ headers: request.headers, body });
      response.writeHead(this.status, this.status === 302 ? { location: "/elsewhere" } : {}).end();
    });
    this.server = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server?.address() as AddressInfo | undefined)?.port}/hook`;
  }

  get events() {
    return this.received.map(
      ({ body }) => JSON.parse(body) as { type: string; data: Record<string, unknown> },
    );
  }

  async close(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve));
  }
}

describeLedger("outgoing webhooks", (ledger) => {
  const credits = () => ledger().credits;
  let receiver: Receiver;

  beforeAll(() => ledger().clock.set(new Date()));

  beforeEach(async () => {
    await ledger().sql("delete from credits.webhook_endpoint");
    await ledger().sql("delete from credits.webhook_message");
    receiver = new Receiver();
    await receiver.open();
    return () => receiver.close();
  });

  const deliver = () => credits().deliverWebhooks(sendWebhook);
  const messages = () =>
    ledger().sql<{ type: string; body: string }>(
      "select type, body from credits.webhook_message order by id",
    );

  it("tell of a grant and a spend, signed so that the specification's own library accepts them", async () => {
    const { secret } = await credits().createWebhookEndpoint({ url: receiver.url });
    const userId = newUser();
    const granted = await credits().grant({
      userId,
      amount: 100,
      type: "purchase",
      validityDays: 30,
      purchaseId: userId,
    });
    const spent = await credits().consume({ userId, amount: 30, service: "chat" });
    expect(await deliver()).toEqual({ attempted: 2, delivered: 2, retrying: 0, failed: 0 });

    const events = receiver.received.map(({ headers, body }) =>
      new Webhook(secret).verify(body, headers as Record<string, string>),
    );
    expect(events).toHaveLength(2);
    expect(events).toContainEqual({
      type: "credits.granted",
      timestamp: ledger().clock.now().toISOString(),
      data: {
        userId,
        transactionId: granted.transactionId,
        sequence: 1,
        transactionType: "purchase",
        amount: 100,
        newBalance: 100,
        batchId: granted.batchId,
        expirationDate: granted.expirationDate?.toISOString(),
        purchaseId: userId,
      },
    });
    expect(events).toContainEqual({
      type: "credits.consumed",
      timestamp: ledger().clock.now().toISOString(),
      data: {
        userId,
        transactionId: spent.transactionId,
        sequence: 2,
        transactionType: "consumption",
        amount: 30,
        newBalance: 70,
        service: "chat",
      },
    });
    // Nothing is left to send.
    expect(await deliver()).toEqual({ attempted: 0, delivered: 0, retrying: 0, failed: 0 });
  });

  it("do not verify with another secret, or with another body", async () => {
    const { secret } = await credits().createWebhookEndpoint({ url: receiver.url });
    const other = await credits().createWebhookEndpoint({ url: receiver.url, eventTypes: ["credits.low"] });
    await credits().grant({ userId: newUser(), amount: 1, type: "adjustment" });
    await deliver();
    const [{ headers, body } = { headers: {}, body: "" }] = receiver.received;
    const signed = headers as Record<string, string>;
    expect(() => new Webhook(secret).verify(body, signed)).not.toThrow();
    expect(() => new Webhook(other.secret).verify(body, signed)).toThrow();
    expect(() => new Webhook(secret).verify(body.replace("1", "2"), signed)).toThrow();
  });

  it("have a name for everything that moves credits", async () => {
    await credits().createWebhookEndpoint({ url: receiver.url });
    const userId = newUser();
    await credits().grant({ userId, amount: 100, type: "adjustment", validityDays: 1 });
    const { transactionId } = await credits().consume({ userId, amount: 40, service: "chat" });
    await credits().reverse({ userId, transactionId, amount: 10 });
    await credits().deduct({ userId, amount: 5 });
    const { holdId } = await credits().hold({ userId, amount: 60, service: "chat", overage: "debt" });
    await credits().settle({ userId, holdId, amount: 70 });
    await credits().grant({ userId, amount: 50, type: "adjustment", validityDays: 1 });
    ledger().clock.advance(2 * dayMs);
    await credits().processExpired();
    const told = (await messages()).map(({ body }) => JSON.parse(body));
    const history = await credits().getStatement({ userId, oldestFirst: true });
    expect(told.map(({ data }) => data.transactionType).sort()).toEqual(
      history.entries.map(({ type }) => type).sort(),
    );
    for (const { type, data } of told) {
      const entry = history.entries.find(({ id }) => id === data.transactionId);
      expect(data).toMatchObject({
        amount: Math.abs(entry?.amount ?? 0),
        newBalance: entry?.availableAfter,
        sequence: entry?.sequence,
      });
      expect([type, data.transactionType]).toEqual([
        {
          adjustment: "credits.granted",
          consumption: "credits.consumed",
          reversal: "credits.reversed",
          deduction: "credits.deducted",
          debt: "credits.lent",
          debt_repayment: "credits.repaid",
          expiration: "credits.expired",
        }[data.transactionType as string],
        data.transactionType,
      ]);
    }
    expect(told.find(({ type }) => type === "credits.reversed").data).toMatchObject({
      reversedTransactionId: transactionId,
      service: "chat",
    });
  });

  it("are written with the transaction or not at all", async () => {
    await credits().createWebhookEndpoint({ url: receiver.url });
    const userId = newUser();
    await credits().grant({ userId, amount: 10, type: "adjustment" });
    await expect(
      ledger().database.transaction(async (connection) => {
        const deduction = JSON.stringify({ id: crypto.randomUUID(), amount: 1 });
        await connection.query("select credits.deduct($1, $2::text::jsonb, null)", [userId, deduction]);
        throw new Error("host");
      }),
    ).rejects.toThrow("host");
    await refusal(credits().consume({ userId, amount: 11, service: "chat" }));
    const key = { userId, amount: 1, service: "chat", idempotencyKey: "once" };
    await Promise.all([credits().consume(key), credits().consume(key), credits().consume(key)]);
    // A grant and one spend: neither a refusal nor a replay is news.
    expect((await messages()).map(({ type }) => type).sort()).toEqual([
      "credits.consumed",
      "credits.granted",
    ]);
  });

  it("go only to whom they concern, and to nobody while nobody wants them", async () => {
    await credits().grant({ userId: newUser(), amount: 10, type: "adjustment" });
    expect(await messages()).toEqual([]);
    const spends = await credits().createWebhookEndpoint({
      url: receiver.url,
      eventTypes: ["credits.consumed"],
    });
    const off = await credits().createWebhookEndpoint({ url: receiver.url });
    await credits().updateWebhookEndpoint({ endpointId: off.endpointId, enabled: false });
    const userId = newUser();
    await credits().grant({ userId, amount: 10, type: "adjustment" });
    await credits().consume({ userId, amount: 1, service: "chat" });
    expect(await credits().getWebhookDeliveries()).toMatchObject([
      { type: "credits.consumed", endpointId: spends.endpointId, status: "pending", attempts: 0, userId },
    ]);
  });

  it("tell of a wallet that falls below each endpoint's own threshold, once per crossing", async () => {
    const low = { url: receiver.url, eventTypes: ["credits.low"] as const };
    await credits().createWebhookEndpoint({ ...low, lowBalance: 50 });
    await credits().createWebhookEndpoint({ ...low, lowBalance: 20 });
    const userId = newUser();
    await credits().grant({ userId, amount: 100, type: "adjustment" });
    for (const amount of [40, 20, 5, 20]) await credits().consume({ userId, amount, service: "chat" });
    await deliver();
    const told = receiver.events.map(
      ({ data }) => `${data.sequence}: ${data.available} below ${data.threshold}`,
    );
    expect(told.sort()).toEqual(["3: 40 below 50", "5: 15 below 20"]);
  });

  it("take the configured threshold where none is given", async () => {
    const config = {
      ...defaultCreditsConfig,
      limitations: { ...defaultCreditsConfig.limitations, lowBalance: 7 },
    };
    const made = await ledger().with(config).createWebhookEndpoint({ url: receiver.url });
    expect(made.lowBalance).toBe(7);
    expect(
      await credits().updateWebhookEndpoint({ endpointId: made.endpointId, lowBalance: null }),
    ).toMatchObject({
      lowBalance: null,
    });
  });

  it("come again after longer and longer waits, with the same id and body, until none is left", async () => {
    await credits().createWebhookEndpoint({ url: receiver.url });
    await credits().grant({ userId: newUser(), amount: 10, type: "adjustment" });
    receiver.status = 500;
    for (const wait of retrySeconds) {
      expect(await deliver()).toEqual({ attempted: 1, delivered: 0, retrying: 1, failed: 0 });
      // Not a second too early.
      ledger().clock.advance(wait * 1000 - 1);
      expect(await deliver()).toMatchObject({ attempted: 0 });
      ledger().clock.advance(wait * 200 + 2);
    }
    expect(await deliver()).toEqual({ attempted: 1, delivered: 0, retrying: 0, failed: 1 });
    expect(receiver.received).toHaveLength(retrySeconds.length + 1);
    expect(
      new Set(receiver.received.map(({ headers, body }) => `${headers["webhook-id"]} ${body}`)).size,
    ).toBe(1);
    expect(await credits().getWebhookDeliveries({ status: "failed" })).toMatchObject([
      { attempts: retrySeconds.length + 1, responseStatus: 500, error: null, nextAttemptAt: null },
    ]);

    // Sent again by hand, it starts from the beginning.
    receiver.status = 200;
    const [failed] = await credits().getWebhookDeliveries();
    await credits().resendWebhook({
      messageId: failed?.messageId ?? "",
      endpointId: failed?.endpointId ?? "",
    });
    expect(await deliver()).toMatchObject({ delivered: 1 });
    expect(await credits().getWebhookDeliveries()).toMatchObject([
      { status: "delivered", attempts: 1, responseStatus: 200 },
    ]);
  });

  it("follow no redirect, and say why nobody answered", async () => {
    await credits().createWebhookEndpoint({ url: receiver.url });
    await credits().grant({ userId: newUser(), amount: 10, type: "adjustment" });
    receiver.status = 302;
    expect(await deliver()).toMatchObject({ retrying: 1 });
    expect(receiver.received).toHaveLength(1);
    await receiver.close();
    ledger().clock.advance(dayMs);
    expect(await deliver()).toMatchObject({ retrying: 1 });
    expect(await credits().getWebhookDeliveries()).toMatchObject([
      { responseStatus: null, error: "ECONNREFUSED" },
    ]);
  });

  it("stop where the receiver is gone, and go on where it is switched on again", async () => {
    const { endpointId } = await credits().createWebhookEndpoint({ url: receiver.url });
    const userId = newUser();
    await credits().grant({ userId, amount: 10, type: "adjustment" });
    receiver.status = 410;
    await deliver();
    expect(await credits().getWebhookEndpoints()).toMatchObject([
      { endpointId, enabled: false, disabledReason: "It answered 410 Gone", pending: 1 },
    ]);
    ledger().clock.advance(30 * dayMs);
    expect(await deliver()).toMatchObject({ attempted: 0 });
    receiver.status = 200;
    await credits().updateWebhookEndpoint({ endpointId, enabled: true });
    expect(await deliver()).toMatchObject({ delivered: 1 });
    expect(await credits().getWebhookEndpoints()).toMatchObject([
      { enabled: true, disabledReason: null, pending: 0 },
    ]);
  });

  it("end well where the receiver that is gone is deleted while it says so", async () => {
    const { endpointId } = await credits().createWebhookEndpoint({ url: receiver.url });
    await credits().grant({ userId: newUser(), amount: 10, type: "adjustment" });
    const result = await credits().deliverWebhooks(async () => {
      await credits().deleteWebhookEndpoint({ endpointId });
      return { responseStatus: 410 };
    });
    expect(result).toMatchObject({ attempted: 1 });
    expect(await credits().getWebhookEndpoints()).toEqual([]);
  });

  it("wait for no other receiver that does not answer, and end before the second claim of that one", async () => {
    const spends = { eventTypes: ["credits.consumed"] as const };
    const hanging = await credits().createWebhookEndpoint({ ...spends, url: "https://hangs.example.com/" });
    await credits().createWebhookEndpoint({ ...spends, url: receiver.url });
    const userId = newUser();
    await credits().grant({ userId, amount: 100, type: "adjustment" });
    await Promise.all(
      Array.from({ length: 45 }, () => credits().consume({ userId, amount: 1, service: "chat" })),
    );
    const now = vi.spyOn(Date, "now");
    let giveUp = () => {};
    const timeout = new Promise<void>((resolve) => {
      giveUp = resolve;
    });
    const run = credits().deliverWebhooks(async (webhook) => {
      if (webhook.url === receiver.url) return sendWebhook(webhook);
      await timeout;
      return { error: "no answer within 15 s" };
    });
    await expect.poll(() => receiver.received.length).toBe(45);
    const later = Date.now() + 15_000;
    now.mockImplementation(() => later);
    giveUp();
    expect(await run).toEqual({ attempted: 65, delivered: 45, retrying: 20, failed: 0 });
    now.mockRestore();
    const { endpointId } = hanging;
    const left = await credits().getWebhookDeliveries({ endpointId, limit: 100 });
    expect(left.filter(({ attempts }) => attempts === 0)).toHaveLength(25);
  });

  it("come once to each receiver where many senders run at once", async () => {
    await credits().createWebhookEndpoint({ url: receiver.url });
    const userId = newUser();
    await credits().grant({ userId, amount: 100, type: "adjustment" });
    await Promise.all(
      Array.from({ length: 60 }, () => credits().consume({ userId, amount: 1, service: "chat" })),
    );
    const results = await Promise.all([deliver(), deliver(), deliver(), deliver()]);
    expect(results.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(61);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(61);
  });

  it("come again where the sender died between sending and noting it: at least once", async () => {
    await credits().createWebhookEndpoint({ url: receiver.url });
    await credits().grant({ userId: newUser(), amount: 10, type: "adjustment" });
    const never = new Promise<never>(() => {});
    let sent = () => {};
    const under = new Promise<void>((resolve) => {
      sent = resolve;
    });
    void credits().deliverWebhooks(async (webhook) => {
      await sendWebhook(webhook);
      sent();
      return never;
    });
    await under;
    expect(await deliver()).toMatchObject({ attempted: 0 });
    ledger().clock.advance(60_000);
    expect(await deliver()).toMatchObject({ delivered: 1 });
    expect(receiver.received).toHaveLength(2);
    expect(receiver.received[0]?.headers["webhook-id"]).toBe(receiver.received[1]?.headers["webhook-id"]);
  });

  it("are forgotten a month after they were delivered, not while one waits", async () => {
    const { endpointId } = await credits().createWebhookEndpoint({ url: receiver.url });
    await credits().grant({ userId: newUser(), amount: 10, type: "adjustment" });
    await deliver();
    await credits().grant({ userId: newUser(), amount: 11, type: "adjustment" });
    await credits().updateWebhookEndpoint({ endpointId, enabled: false });
    ledger().clock.advance(31 * dayMs);
    await deliver();
    const left = await messages();
    expect(left.map(({ body }) => JSON.parse(body).data.amount)).toEqual([11]);
  });

  it("are forgotten faster than they are delivered", async () => {
    await ledger().sql(`insert into credits.webhook_message
      select gen_random_uuid(), 'ada', gen_random_uuid(), 'credits.consumed', '{}', '2020-01-01Z' from generate_series(1, 2500)`);
    await deliver();
    expect(await messages()).toEqual([]);
  });

  it("come under one id to two endpoints of one receiver, whose secret is being replaced", async () => {
    ledger().clock.set(new Date());
    const old = await credits().createWebhookEndpoint({ url: receiver.url });
    const next = await credits().createWebhookEndpoint({ url: receiver.url });
    await credits().grant({ userId: newUser(), amount: 10, type: "adjustment" });
    await deliver();
    await credits().deleteWebhookEndpoint({ endpointId: old.endpointId });
    expect(receiver.received).toHaveLength(2);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    for (const { secret } of [old, next]) {
      const authentic = receiver.received.filter(({ headers, body }) => {
        try {
          return new Webhook(secret).verify(body, headers as Record<string, string>);
        } catch {
          return false;
        }
      });
      expect(authentic).toHaveLength(1);
    }
  });

  it("name nobody who was erased (rule 26)", async () => {
    await credits().createWebhookEndpoint({ url: receiver.url });
    const userId = newUser();
    await credits().grant({ userId, amount: 10, type: "adjustment" });
    const { pseudonym } = await credits().eraseUser({ userId });
    await deliver();
    expect(receiver.events.map(({ type, data }) => `${type} ${data.userId}`).sort()).toEqual([
      `credits.deducted ${pseudonym}`,
      `credits.granted ${pseudonym}`,
    ]);
    expect(JSON.stringify(receiver.received)).not.toContain(userId);
  });

  it("go out by themselves beside a server that lives on, and stop with it", async () => {
    await credits().createWebhookEndpoint({ url: receiver.url });
    await credits().grant({ userId: newUser(), amount: 10, type: "adjustment" });
    const stop = startWebhookDelivery(credits());
    await expect.poll(() => receiver.received.length, { timeout: 10_000 }).toBe(1);
    await stop();
  });

  it.each([
    ["url", { url: "http://example.com/hook" }],
    ["url", { url: "https://user:password@example.com/hook" }],
    ["url", { url: "ftp://example.com/hook" }],
    ["url", { url: "/hook" }],
    ["url", {}],
    ["eventTypes", { url: "https://example.com", eventTypes: [] }],
    ["eventTypes", { url: "https://example.com", eventTypes: ["credits.lost"] }],
    ["description", { url: "https://example.com", description: "" }],
  ])("are not set up with a wrong %s", async (field, params) => {
    expect(await refusal(credits().createWebhookEndpoint(params as never))).toMatchObject({
      code: "INVALID_ARGUMENT",
      field,
    });
    expect(await credits().getWebhookEndpoints()).toEqual([]);
  });

  it("refuse what there is not", async () => {
    const endpointId = "00000000-0000-7000-8000-000000000000";
    const field = "endpointId";
    expect(await refusal(credits().deleteWebhookEndpoint({ endpointId }))).toMatchObject({
      code: "NOT_FOUND",
      field,
    });
    expect(await refusal(credits().updateWebhookEndpoint({ endpointId: "x", enabled: true }))).toMatchObject({
      code: "NOT_FOUND",
      field,
    });
    expect(await refusal(credits().resendWebhook({ endpointId, messageId: endpointId }))).toMatchObject({
      code: "NOT_FOUND",
      field: "messageId",
    });
    expect(await refusal(credits().getWebhookDeliveries({ limit: 0 }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "limit",
    });
    expect(await refusal(credits().getWebhookDeliveries({ status: "lost" as never }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "status",
    });
    expect(
      await refusal(credits().createWebhookEndpoint({ url: "https://example.com", lowBalance: 0 })),
    ).toMatchObject({ code: "INVALID_AMOUNT" });
  });
});

describe("endpoints that change while credits move", () => {
  let ledger: Awaited<ReturnType<typeof openPostgresLedger>>;
  beforeAll(async () => {
    ledger = await openPostgresLedger({ max: 3 });
  });
  afterAll(() => ledger.close());

  const url = "https://example.com/hook";

  it("fail no spend while one is deleted", async () => {
    const { credits } = ledger;
    const { endpointId } = await credits.createWebhookEndpoint({ url });
    const userId = newUser();
    await credits.grant({ userId, amount: 10, type: "adjustment" });
    const admin = await (ledger.driver as pg.Pool).connect();
    await admin.query("begin");
    await admin.query("select credits.delete_webhook_endpoint($1)", [endpointId]);
    const spend = credits.consume({ userId, amount: 1, service: "chat" });
    await expect
      .poll(() =>
        ledger.sql(
          "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
        ),
      )
      .toHaveLength(1);
    await admin.query("commit");
    admin.release();
    expect(await spend).toMatchObject({ newBalance: 9 });
    expect(await credits.getWebhookDeliveries()).toEqual([]);
  });

  it("hold up no spend while one is switched off, and are sent nothing from then on", async () => {
    const { credits } = ledger;
    const { endpointId } = await credits.createWebhookEndpoint({ url });
    const userId = newUser();
    await credits.grant({ userId, amount: 10, type: "adjustment" });
    const admin = await (ledger.driver as pg.Pool).connect();
    await admin.query("begin");
    await admin.query("select credits.update_webhook_endpoint($1, $2, null)", [
      endpointId,
      { is_enabled: false },
    ]);
    await credits.consume({ userId, amount: 1, service: "chat" });
    await admin.query("commit");
    admin.release();
    const send = async () => ({ responseStatus: 200 });
    expect(await credits.deliverWebhooks(send)).toMatchObject({ attempted: 0 });
    // Nothing is lost either.
    await credits.updateWebhookEndpoint({ endpointId, enabled: true });
    expect(await credits.deliverWebhooks(send)).toMatchObject({ delivered: 2 });
  });
});
