import { beforeEach, describe, expect, it } from "vitest";
import type { CreditsConfig } from "../src/core/config.ts";
import type { Credits } from "../src/core/operations.ts";
import type { SubscriptionParams, SubscriptionStatus } from "../src/core/subscription.ts";
import {
  describeLedger,
  emptyBooks,
  failOn,
  type Ledger,
  mend,
  newUser,
  refusal,
  snapshot,
} from "./ledger.ts";
import { dayMs } from "./model.ts";

const plan = (id: string, monthlyGrant: number, validityDays: number, enabled = true) => ({
  id,
  monthlyGrant,
  validityDays,
  enabled,
});

/** No limit of the balance: the tests that are about it set one. */
const config = {
  subscription: {
    free: plan("free", 10, 30),
    basic: plan("basic", 100, 30),
    pro: plan("pro", 200, 30),
    long: plan("long", 200, 100),
    off: plan("off", 70, 30, false),
    zero: plan("zero", 0, 30),
  },
} satisfies CreditsConfig;

const nothing = { successful: 0, failed: 0, results: [] };

describeLedger("the monthly grant", (ledger) => {
  let credits: Credits;
  beforeEach(async () => {
    await emptyBooks(ledger());
    credits = ledger().with(config);
    ledger().clock.set("2026-01-10T00:00:00.000Z");
  });

  const at = (instant: string) => ledger().clock.set(instant);
  const run = () => credits.processDailyGrant();
  const runAt = (instant: string) => {
    at(instant);
    return run();
  };

  /** A monthly subscription to `pro`, active since January 10th, unless said otherwise. */
  const subscribe = (userId: string, change: Partial<SubscriptionParams> = {}) =>
    credits.upsertSubscription({
      userId,
      subscriptionId: "s",
      planId: "pro",
      status: "active",
      anchor: new Date("2026-01-10T00:00:00.000Z"),
      interval: "month",
      currentPeriodEnd: new Date("2026-02-10T00:00:00.000Z"),
      ...change,
    });

  async function subscriber(change: Partial<SubscriptionParams> = {}): Promise<string> {
    const userId = newUser();
    await subscribe(userId, change);
    return userId;
  }

  /** A user on the free plan: a wallet and no subscription. */
  async function customer(amount = 1): Promise<string> {
    const userId = newUser();
    await credits.grant({ userId, amount, type: "purchase" });
    return userId;
  }

  /** `2026-01 pro 200`, oldest first. */
  async function grantsOf(userId: string): Promise<string[]> {
    const rows = await ledger().sql<{ line: string }>(
      `select concat_ws(' ', period, source_plan, amount) as line
       from credits.transaction
       where user_id = $1 and type = 'monthly_grant'
       order by sequence`,
      [userId],
    );
    return rows.map(({ line }) => line);
  }

  const availableOf = async (userId: string) => (await credits.getInfo({ userId })).availableCredits;

  describe("entitles by status and time (rule 17)", () => {
    // T is February 15th: the period that began on the 10th is due, January's credits would have expired.
    const T = "2026-02-15T00:00:00.000Z";
    const later = "2026-03-10T00:00:00.000Z";
    const earlier = "2026-01-20T00:00:00.000Z";
    const periodStart = "2026-02-10T00:00:00.000Z";
    const after = (instant: string) => new Date(Date.parse(instant) + 1).toISOString();

    it.each<[SubscriptionStatus, "month" | "year", string, string[]]>([
      ["active", "month", later, ["2026-02 pro 200"]],
      ["active", "month", earlier, ["2026-02 pro 200"]],
      ["active", "year", later, ["2026-02 pro 200"]],
      ["active", "year", after(periodStart), ["2026-02 pro 200"]],
      ["active", "year", periodStart, []],
      ["active", "year", earlier, []],
      ["trialing", "month", later, ["2026-02 pro 200"]],
      ["trialing", "month", earlier, ["2026-02 pro 200"]],
      ["trialing", "year", periodStart, []],
      ["canceled", "month", later, ["2026-02 pro 200"]],
      ["canceled", "month", after(T), ["2026-02 pro 200"]],
      ["canceled", "month", T, ["2026-02 free 10"]],
      ["canceled", "month", earlier, ["2026-02 free 10"]],
      ["canceled", "year", after(T), ["2026-02 pro 200"]],
      ["canceled", "year", T, ["2026-02 free 10"]],
      ["past_due", "month", later, []],
      ["past_due", "year", later, []],
      ["unpaid", "month", later, []],
      ["incomplete", "month", later, []],
      ["paused", "month", later, []],
      ["incomplete_expired", "month", later, ["2026-02 free 10"]],
    ])("%s by the %s, paid until %s: %j", async (status, interval, paidUntil, expected) => {
      const userId = await customer();
      await subscribe(userId, { status, interval, currentPeriodEnd: new Date(paidUntil) });
      expect(await runAt(T)).toMatchObject({
        processed: 1,
        successful: expected.length,
        skipped: 1 - expected.length,
        failed: 0,
      });
      expect(await grantsOf(userId)).toEqual(expected);
    });

    it("grants from the anchor on, and not one millisecond before", async () => {
      const userId = await subscriber({ anchor: new Date("2026-02-10T00:00:00.000Z") });
      expect(await runAt("2026-02-09T23:59:59.999Z")).toMatchObject(nothing);
      expect(await credits.getWallet({ userId })).toBeNull();
      expect(await runAt("2026-02-10T00:00:00.000Z")).toMatchObject({ processed: 1, successful: 1 });
    });

    it("grants a canceled plan up to the last millisecond paid for, and the free plan from the next", async () => {
      const userId = await customer();
      const end = "2026-03-01T00:00:00.000Z";
      await subscribe(userId, {
        status: "canceled",
        anchor: new Date("2026-01-29T00:00:00.000Z"),
        currentPeriodEnd: new Date(end),
      });
      await runAt("2026-02-28T23:59:59.999Z");
      expect(await grantsOf(userId)).toEqual(["2026-02 pro 200"]);
      await runAt(end);
      expect(await grantsOf(userId)).toEqual(["2026-02 pro 200", "2026-03 free 10"]);
    });

    it("does not take a subscription that ended for a wallet: the free plan is for who has one (rule 16)", async () => {
      const userId = await subscriber({ status: "incomplete_expired" });
      expect(await run()).toMatchObject({ processed: 1, skipped: 1, ...nothing });
      expect(await credits.getWallet({ userId })).toBeNull();
    });

    it("judges by T, which does not go back when the clock does (rule 2)", async () => {
      const userId = await subscriber({
        status: "canceled",
        currentPeriodEnd: new Date("2026-02-20T00:00:00.000Z"),
      });
      at("2026-02-20T00:00:00.000Z");
      await credits.grant({ userId, amount: 1, type: "purchase" });
      await runAt("2026-02-19T23:59:59.999Z");
      expect(await grantsOf(userId)).toEqual(["2026-02 free 10"]);
    });

    it("grants to a frozen wallet too (rule 12)", async () => {
      const userId = await customer();
      await credits.freeze({ userId });
      await run();
      expect(await grantsOf(userId)).toEqual(["2026-01 free 10"]);
    });
  });

  describe("catches up what was missed (rule 17)", () => {
    it("grants each missed period whose credits are still valid, expiring as if granted when it began", async () => {
      const userId = await subscriber({ planId: "long", anchor: new Date("2025-10-31T12:00:00.000Z") });
      // One hundred days after October 31st is February 8th.
      await runAt("2026-02-08T11:59:59.999Z");
      expect(await grantsOf(userId)).toEqual([
        "2025-10 long 200",
        "2025-11 long 200",
        "2025-12 long 200",
        "2026-01 long 200",
      ]);
      const wallet = await credits.getWallet({ userId });
      expect(wallet?.batches.map((batch) => batch.expiresAt)).toEqual(
        ["2025-10-31", "2025-11-30", "2025-12-31", "2026-01-31"].map(
          (start) => new Date(Date.parse(`${start}T12:00:00.000Z`) + 100 * dayMs),
        ),
      );
    });

    it("does not grant what would have expired by T", async () => {
      const userId = await subscriber({ planId: "long", anchor: new Date("2025-10-31T12:00:00.000Z") });
      await runAt("2026-02-08T12:00:00.000Z");
      expect(await grantsOf(userId)).toEqual(["2025-11 long 200", "2025-12 long 200", "2026-01 long 200"]);
    });

    it("grants the newest period only when credits last 30 days and the scheduler slept for 75", async () => {
      const userId = await subscriber();
      await run();
      expect(await runAt("2026-03-26T00:00:00.000Z")).toMatchObject({ successful: 1 });
      await credits.processExpired();
      expect(await grantsOf(userId)).toEqual(["2026-01 pro 200", "2026-03 pro 200"]);
      expect(await credits.getInfo({ userId })).toMatchObject({
        availableCredits: 200,
        nextExpiringBatch: { amount: 200, expiresAt: new Date("2026-04-09T00:00:00.000Z") },
      });
    });

    it("grants everything that was missed in 75 days when credits last longer", async () => {
      const userId = await subscriber({ planId: "long" });
      await run();
      expect(await runAt("2026-03-26T00:00:00.000Z")).toMatchObject({ processed: 1, successful: 1 });
      expect(await grantsOf(userId)).toEqual(["2026-01 long 200", "2026-02 long 200", "2026-03 long 200"]);
      expect(await availableOf(userId)).toBe(600);
    });

    it("grants nothing for months that ended before a free user had a wallet", async () => {
      credits = ledger().with({ subscription: { free: plan("free", 10, 365) } });
      at("2026-02-01T00:00:00.000Z");
      const userId = await customer();
      await runAt("2026-04-15T00:00:00.000Z");
      expect(await grantsOf(userId)).toEqual(["2026-02 free 10", "2026-03 free 10", "2026-04 free 10"]);
    });

    it.each(["unpaid", "incomplete", "paused"] as const)(
      "not the time a subscription was %s",
      async (status) => {
        const userId = await subscriber({ planId: "long", status });
        await subscribe(userId, { planId: "long", status });
        at("2026-03-15T00:00:00.000Z");
        await run();
        await subscribe(userId, { planId: "long", status: "active" });
        await run();
        expect(await grantsOf(userId)).toEqual(["2026-03 long 200"]);
      },
    );

    it("not the time after a canceled subscription had ended, when it comes back", async () => {
      const userId = await subscriber({ planId: "long", status: "canceled" });
      await run();
      at("2026-04-15T00:00:00.000Z");
      await subscribe(userId, {
        planId: "long",
        status: "active",
        currentPeriodEnd: new Date("2026-05-10T00:00:00.000Z"),
      });
      await run();
      expect(await grantsOf(userId)).toEqual(["2026-01 long 200", "2026-04 long 200"]);
    });

    it("does catch up what a past-due invoice had stopped, once it is paid", async () => {
      const userId = await subscriber({ planId: "long" });
      await run();
      await subscribe(userId, { planId: "long", status: "past_due" });
      expect(await runAt("2026-03-15T00:00:00.000Z")).toMatchObject(nothing);
      await subscribe(userId, { planId: "long", status: "active" });
      await run();
      expect(await grantsOf(userId)).toEqual(["2026-01 long 200", "2026-02 long 200", "2026-03 long 200"]);
    });

    it("grants a period that ends with the millisecond of coming back no more, one that ends after it yes", async () => {
      const [before, after] = [newUser(), newUser()];
      for (const userId of [before, after]) await subscribe(userId, { planId: "long", status: "paused" });
      at("2026-02-09T23:59:59.999Z");
      await subscribe(after, { planId: "long" });
      at("2026-02-10T00:00:00.000Z");
      await subscribe(before, { planId: "long" });
      await run();
      expect(await grantsOf(after)).toEqual(["2026-01 long 200", "2026-02 long 200"]);
      expect(await grantsOf(before)).toEqual(["2026-02 long 200"]);
    });
  });

  describe("has the same books whenever, how often and in whatever order the jobs run", () => {
    const days = 100;
    const grant = () => credits.processDailyGrant();
    const expire = () => credits.processExpired();
    const schedules: [string, (day: number) => Promise<unknown>][] = [
      ["grant, then expire, at midnight", async () => [await grant(), await expire()]],
      ["expire, then grant", async () => [await expire(), await grant()]],
      [
        "each three times",
        async () => [
          await grant(),
          await expire(),
          await expire(),
          await grant(),
          await grant(),
          await expire(),
        ],
      ],
      ["both at once", async () => Promise.all([grant(), expire(), grant(), expire()])],
      [
        "at another hour each day",
        async (day) => {
          ledger().clock.advance(((day * 7) % 24) * 3_600_000);
          await grant();
          ledger().clock.advance(1);
          await expire();
        },
      ],
      ["every ninth day only", async (day) => (day % 9 === 8 ? [await grant(), await expire()] : [])],
    ];

    it.each(schedules)("%s", async (_name, work) => {
      const start = Date.parse("2026-01-10T00:00:00.000Z");
      const unpaid = await customer(7);
      const monthly = await subscriber({ anchor: new Date("2026-01-10T06:30:00.000Z") });
      const lasting = await subscriber({ planId: "long", anchor: new Date("2025-12-31T23:00:00.000Z") });
      const yearly = await subscriber({
        interval: "year",
        currentPeriodEnd: new Date("2026-03-10T00:00:00.000Z"),
      });
      for (let day = 0; day < days; day++) {
        ledger().clock.set(new Date(start + day * dayMs));
        await work(day);
      }
      ledger().clock.set(new Date(start + days * dayMs));
      await grant();
      await expire();
      const users = { unpaid, monthly, lasting, yearly };
      const books = Object.fromEntries(
        await Promise.all(
          Object.entries(users).map(async ([name, userId]) => [name, await batchesOf(ledger(), userId)]),
        ),
      );
      expect(books).toEqual({
        unpaid: [
          "2026-01 free 10 until 2026-01-31T00:00, left 0",
          "2026-02 free 10 until 2026-03-03T00:00, left 0",
          "2026-03 free 10 until 2026-03-31T00:00, left 0",
          "2026-04 free 10 until 2026-05-01T00:00, left 10",
          "7 until never, left 7",
        ],
        monthly: [
          "2026-01 pro 200 until 2026-02-09T06:30, left 0",
          "2026-02 pro 200 until 2026-03-12T06:30, left 0",
          "2026-03 pro 200 until 2026-04-09T06:30, left 0",
          "2026-04 pro 200 until 2026-05-10T06:30, left 200",
        ],
        lasting: [
          "2025-12 long 200 until 2026-04-10T23:00, left 0",
          "2026-01 long 200 until 2026-05-11T23:00, left 200",
          "2026-02 long 200 until 2026-06-08T23:00, left 200",
          "2026-03 long 200 until 2026-07-09T23:00, left 200",
        ],
        yearly: [
          "2026-01 pro 200 until 2026-02-09T00:00, left 0",
          "2026-02 pro 200 until 2026-03-12T00:00, left 0",
        ],
      });
      expect(await credits.audit()).toEqual({ ok: true, violations: [] });
    });
  });

  describe("of a yearly plan (rule 16)", () => {
    it.each([
      ["2026-01-31T15:00:00.000Z", "2027-01-31T15:00:00.000Z", "2028-01-31T15:00:00.000Z"],
      ["2028-02-29T00:00:00.000Z", "2029-02-28T00:00:00.000Z", "2030-02-28T00:00:00.000Z"],
    ])(
      "grants twelve times per paid year from %s, then not until it is renewed",
      async (anchor, paid, renewed) => {
        const year = { interval: "year" as const, anchor: new Date(anchor) };
        at(anchor);
        const userId = await subscriber({ ...year, currentPeriodEnd: new Date(paid) });
        /** Runs every third day. */
        const until = async (instant: number) => {
          for (let now = ledger().clock.now().getTime(); now < instant; now += 3 * dayMs) {
            ledger().clock.set(new Date(now));
            await run();
          }
          ledger().clock.set(new Date(instant));
          await run();
        };
        await until(Date.parse(paid) - 1);
        expect(await grantsOf(userId)).toHaveLength(12);
        await until(Date.parse(paid) + 20 * dayMs);
        expect(await grantsOf(userId)).toHaveLength(12);
        await subscribe(userId, { ...year, currentPeriodEnd: new Date(renewed) });
        await until(Date.parse(renewed) + 70 * dayMs);
        const grants = await grantsOf(userId);
        expect(grants).toHaveLength(24);
        expect(new Set(grants).size).toBe(24);
      },
    );

    it.each([
      ["a second", 1_000, 12],
      ["a day", dayMs, 12],
      ["more than a day", dayMs + 1, 13],
    ])("grants no thirteenth time for a year that is paid until %s past its end", async (_, past, grants) => {
      const end = Date.parse("2027-01-10T00:00:00.000Z");
      const userId = await subscriber({ interval: "year", currentPeriodEnd: new Date(end + past) });
      for (let month = 0; month < 12; month++) await runAt(`2026-${String(month + 1).padStart(2, "0")}-10`);
      await runAt("2027-01-10T00:00:00.500Z");
      expect(await grantsOf(userId)).toHaveLength(grants);
    });

    it("says when the next period begins", async () => {
      const userId = await subscriber({
        interval: "year",
        anchor: new Date("2026-01-31T15:00:00.000Z"),
        currentPeriodEnd: new Date("2027-01-31T15:00:00.000Z"),
      });
      const dates = [];
      for (const instant of [
        "2026-01-31T14:59:59.999Z",
        "2026-01-31T15:00:00.000Z",
        "2026-02-28T15:00:00.000Z",
      ]) {
        at(instant);
        dates.push((await credits.getInfo({ userId })).nextGrantInfo?.grantDate.toISOString());
      }
      expect(dates).toEqual([
        "2026-01-31T15:00:00.000Z",
        "2026-02-28T15:00:00.000Z",
        "2026-03-31T15:00:00.000Z",
      ]);
    });
  });

  describe("counts periods from the original anchor (rule 16)", () => {
    /** The starts of the periods granted after January 31st: a batch lasts 30 days from there. */
    const startsAfterRenewal = async (anchor: string, change: Partial<SubscriptionParams> = {}) => {
      at("2026-01-31T12:00:00.000Z");
      const userId = await subscriber({ anchor: new Date("2026-01-31T12:00:00.000Z") });
      await run();
      await subscribe(userId, { anchor: new Date(anchor), ...change });
      for (let day = 0; day < 70; day++) {
        ledger().clock.advanceDays(1);
        await run();
      }
      const rows = await ledger().sql<{ start: string }>(
        `select to_char(expires_at at time zone 'UTC' - interval '30 days', 'MM-DD HH24:MI') as start
         from credits.batch where user_id = $1 order by sequence`,
        [userId],
      );
      return rows.map(({ start }) => start);
    };

    it.each(["2026-02-28T12:00:00.000Z", "2026-02-27T12:00:00.000Z", "2026-03-01T12:00:00.000Z"])(
      "also when a renewal names %s, the new period's start give or take a day",
      async (anchor) => {
        expect(await startsAfterRenewal(anchor)).toEqual(["01-31 12:00", "02-28 12:00", "03-31 12:00"]);
      },
    );

    /** What is granted when the job runs on every day of some years. */
    const grantsOfDays = async (userId: string, until: string) => {
      for (; ledger().clock.now() < new Date(until); ledger().clock.advanceDays(1)) await run();
      return grantsOf(userId);
    };

    it("twelve times a year also when the provider renews hours early", async () => {
      at("2026-01-01T02:00:00.000Z");
      const year = (anchor: string, paid: string) =>
        ({ interval: "year", anchor: new Date(anchor), currentPeriodEnd: new Date(paid) }) as const;
      const userId = await subscriber(year("2026-01-01T02:00:00.000Z", "2026-12-31T22:00:00.000Z"));
      expect(await grantsOfDays(userId, "2026-12-31T22:00:00.000Z")).toHaveLength(12);
      await subscribe(userId, year("2026-12-31T22:00:00.000Z", "2027-12-31T22:00:00.000Z"));
      expect(await grantsOfDays(userId, "2028-02-10T00:00:00.000Z")).toHaveLength(24);
    });

    it("twelve times a year from a yearly plan's reset on the day of a month's period", async () => {
      at("2026-01-15T00:00:00.000Z");
      const year = (anchor: string, paid: string) =>
        ({ interval: "year", anchor: new Date(anchor), currentPeriodEnd: new Date(paid) }) as const;
      const userId = await subscriber(year("2026-01-15T00:00:00.000Z", "2027-01-15T00:00:00.000Z"));
      expect(await grantsOfDays(userId, "2026-06-15T00:00:00.000Z")).toHaveLength(5);
      await subscribe(userId, year("2026-06-15T00:00:00.000Z", "2027-06-15T03:00:00.000Z"));
      expect(await grantsOfDays(userId, "2027-08-01T00:00:00.000Z")).toHaveLength(5 + 12);
    });

    it.each([
      [
        "the provider reset it",
        "2026-02-15T12:00:00.000Z",
        {},
        ["01-31 12:00", "02-15 12:00", "03-15 12:00"],
      ],
      [
        "the provider reset it by more than a day",
        "2026-03-01T12:00:00.001Z",
        {},
        ["01-31 12:00", "03-01 12:00", "04-01 12:00"],
      ],
      [
        "the subscription became a yearly one",
        "2026-02-28T12:00:00.000Z",
        { interval: "year", currentPeriodEnd: new Date("2027-02-28T12:00:00.000Z") },
        ["01-31 12:00", "02-28 12:00", "03-28 12:00"],
      ],
    ] as const)("from a new one when %s", async (_, anchor, change, starts) => {
      expect(await startsAfterRenewal(anchor, change)).toEqual(starts);
    });
  });

  describe("after a change of plan (rule 18)", () => {
    it("adds only the difference when the plan got larger", async () => {
      const userId = await subscriber({ planId: "basic" });
      await run();
      at("2026-01-20T00:00:00.000Z");
      await subscribe(userId, { planId: "pro" });
      await run();
      expect(await grantsOf(userId)).toEqual(["2026-01 basic 100", "2026-01 pro 100"]);
      expect(await availableOf(userId)).toBe(200);
      // The difference lasts as long as the period's first grant.
      expect((await credits.getWallet({ userId }))?.batches.map((batch) => batch.expiresAt)).toEqual([
        new Date("2026-02-09T00:00:00.000Z"),
        new Date("2026-02-09T00:00:00.000Z"),
      ]);
    });

    it("takes nothing back when it got smaller, and grants the smaller one from the next period on", async () => {
      const userId = await subscriber({ planId: "pro" });
      await run();
      await subscribe(userId, { planId: "basic" });
      expect(await run()).toMatchObject(nothing);
      await runAt("2026-02-10T00:00:00.000Z");
      expect(await grantsOf(userId)).toEqual(["2026-01 pro 200", "2026-02 basic 100"]);
    });

    it.each([
      [
        ["basic", "pro", "basic", "pro"],
        ["2026-01 basic 100", "2026-01 pro 100"],
      ],
      [["pro", "basic", "pro", "basic"], ["2026-01 pro 200"]],
      [
        ["basic", "off", "pro", "zero", "basic"],
        ["2026-01 basic 100", "2026-01 pro 100"],
      ],
    ])("grants at most the largest of the plans per period: %j", async (plans, expected) => {
      const userId = newUser();
      for (const planId of plans) {
        ledger().clock.advance(dayMs);
        await subscribe(userId, { planId });
        await run();
        await run();
        // The invoices of the changes say so too.
        const { monthlyGrant, validityDays } =
          config.subscription[planId as keyof typeof config.subscription];
        if (planId === "basic" || planId === "pro") {
          await credits.grantSubscription({ userId, planId, validityDays, amount: monthlyGrant });
        }
      }
      expect(await grantsOf(userId)).toEqual(expected);
      await runAt("2026-02-15T00:00:00.000Z");
      expect(await grantsOf(userId)).toEqual([...expected, expect.stringMatching(/^2026-02/)]);
    });

    it("does not top up a period whose plan's amount the configuration changed since (rule 14)", async () => {
      const userId = await subscriber();
      await run();
      credits = ledger().with({ subscription: { pro: plan("pro", 300, 30) } });
      expect(await run()).toMatchObject(nothing);
      await runAt("2026-02-10T00:00:00.000Z");
      expect(await grantsOf(userId)).toEqual(["2026-01 pro 200", "2026-02 pro 300"]);
    });

    it("counts monthly grants only, not what else was given for the month", async () => {
      const userId = await subscriber();
      const gift = { userId, amount: 150, sourcePlan: "basic", grantPeriod: "2026-01" };
      await credits.grant({ ...gift, type: "adjustment" });
      await run();
      expect(await grantsOf(userId)).toEqual(["2026-01 pro 200"]);
    });

    it("counts a monthly grant by hand like any other", async () => {
      const userId = await subscriber();
      const gift = { userId, amount: 150, sourcePlan: "gift", grantPeriod: "2026-01" };
      await credits.grant({ ...gift, type: "monthly_grant" });
      await run();
      expect(await grantsOf(userId)).toEqual(["2026-01 gift 150", "2026-01 pro 50"]);
    });

    it("from free to paid and back counts what the month's label already received", async () => {
      const userId = await customer();
      await run();
      at("2026-01-20T00:00:00.000Z");
      const paid = { anchor: new Date("2026-01-20T00:00:00.000Z") };
      await subscribe(userId, paid);
      await run();
      await runAt("2026-02-01T00:00:00.000Z");
      await runAt("2026-02-20T00:00:00.000Z");
      await subscribe(userId, {
        ...paid,
        status: "canceled",
        currentPeriodEnd: new Date("2026-03-20T00:00:00.000Z"),
      });
      await runAt("2026-03-01T00:00:00.000Z");
      await runAt("2026-03-19T23:59:59.999Z");
      const untilTheEnd = ["2026-01 free 10", "2026-01 pro 190", "2026-02 pro 200"];
      expect(await grantsOf(userId)).toEqual(untilTheEnd);
      await runAt("2026-03-20T00:00:00.000Z");
      await runAt("2026-04-01T00:00:00.000Z");
      expect(await grantsOf(userId)).toEqual([...untilTheEnd, "2026-03 free 10", "2026-04 free 10"]);
    });

    it("never touches purchased credits, also when the plan is canceled and ends", async () => {
      const userId = newUser();
      await credits.grant({ userId, amount: 500, type: "purchase", purchaseId: `${userId} p` });
      await subscribe(userId);
      await run();
      await credits.consume({ userId, amount: 50, service: "chat" });
      await subscribe(userId, { status: "canceled" });
      await runAt("2026-02-10T00:00:00.000Z");
      await credits.processExpired();
      expect((await credits.getWallet({ userId }))?.batches).toMatchObject([
        { amount: 10, remaining: 10 },
        { amount: 500, remaining: 500, expiresAt: null },
      ]);
      expect(await availableOf(userId)).toBe(510);
    });
  });

  describe("of two live subscriptions", () => {
    const second = { subscriptionId: "t" };

    it("grants the larger plan of a period, not both (rule 18)", async () => {
      const userId = await subscriber({ planId: "basic" });
      await subscribe(userId, { ...second, planId: "pro" });
      expect(await run()).toMatchObject({ processed: 1, successful: 1 });
      expect(await grantsOf(userId)).toEqual(["2026-01 pro 200"]);
    });

    it("adds the difference when the larger plan's period begins later in the month", async () => {
      const userId = await subscriber({ planId: "basic" });
      await subscribe(userId, { ...second, planId: "pro", anchor: new Date("2026-01-25T00:00:00.000Z") });
      await run();
      await runAt("2026-01-25T00:00:00.000Z");
      expect(await grantsOf(userId)).toEqual(["2026-01 basic 100", "2026-01 pro 100"]);
    });

    it("grants one plan once though two subscriptions name it", async () => {
      const userId = await subscriber();
      await subscribe(userId, { ...second, anchor: new Date("2026-01-25T00:00:00.000Z") });
      await run();
      expect(await runAt("2026-01-25T00:00:00.000Z")).toMatchObject(nothing);
      expect(await grantsOf(userId)).toEqual(["2026-01 pro 200"]);
    });

    it("grants the one that entitles while the other does not, and no free plan beside it", async () => {
      const userId = await subscriber({ planId: "pro", status: "past_due" });
      await subscribe(userId, { ...second, planId: "basic" });
      await run();
      await subscribe(userId, {
        planId: "pro",
        status: "canceled",
        currentPeriodEnd: new Date("2026-01-11T00:00:00.000Z"),
      });
      await runAt("2026-02-12T00:00:00.000Z");
      expect(await grantsOf(userId)).toEqual(["2026-01 basic 100", "2026-02 basic 100"]);
    });
  });

  describe("within `maxUserBalance` (rule 19)", () => {
    const limited = (maxUserBalance: number) => {
      credits = ledger().with({ ...config, limitations: { maxUserBalance } });
    };

    it("grants only what there is room for, and no second time in the period", async () => {
      limited(250);
      const userId = await subscriber();
      await credits.grant({ userId, amount: 120, type: "purchase" });
      expect(await run()).toMatchObject({ successful: 1, results: [{ amount: 130 }] });
      await credits.consume({ userId, amount: 250, service: "chat" });
      expect(await run()).toMatchObject(nothing);
      expect(await grantsOf(userId)).toEqual(["2026-01 pro 130"]);
    });

    it("counts a user without room as skipped, and grants later in the period when there is some", async () => {
      limited(120);
      const userId = await subscriber();
      await credits.grant({ userId, amount: 120, type: "purchase" });
      const before = await snapshot(ledger());
      expect(await run()).toEqual({ processed: 1, successful: 0, skipped: 1, failed: 0, results: [] });
      expect(await snapshot(ledger())).toBe(before);
      await credits.consume({ userId, amount: 100, service: "chat" });
      await runAt("2026-01-20T00:00:00.000Z");
      expect(await grantsOf(userId)).toEqual(["2026-01 pro 100"]);
    });

    it("fills the room with the oldest missed period first", async () => {
      limited(450);
      const userId = await subscriber({ planId: "long", anchor: new Date("2025-11-10T00:00:00.000Z") });
      await run();
      expect(await grantsOf(userId)).toEqual(["2025-11 long 200", "2025-12 long 200", "2026-01 long 50"]);
    });

    it("opens no wallet when nothing may be granted", async () => {
      limited(0);
      const userId = await subscriber();
      expect(await run()).toMatchObject({ processed: 1, skipped: 1, ...nothing });
      expect(await credits.getWallet({ userId })).toBeNull();
    });
  });

  describe("of a plan that grants nothing", () => {
    it.each(["off", "zero"])("skips the plan `%s`, and grants no free plan instead", async (planId) => {
      const userId = await customer();
      await subscribe(userId, { planId });
      expect(await run()).toEqual({ processed: 1, successful: 0, skipped: 1, failed: 0, results: [] });
      expect((await credits.getInfo({ userId })).nextGrantInfo).toBeNull();
    });

    it("skips free users when no free plan is configured, or it is disabled", async () => {
      await customer();
      for (const free of [undefined, plan("free", 10, 30, false), plan("free", 0, 30)]) {
        credits = ledger().with({ subscription: free === undefined ? {} : { free } });
        expect(await run()).toEqual({ processed: 1, successful: 0, skipped: 1, failed: 0, results: [] });
      }
    });
  });

  describe("isolates a user who fails (rule 28)", () => {
    it("names the plan that the configuration no longer has, and grants the others theirs", async () => {
      const others = [await subscriber({ planId: "basic" }), await customer()];
      const userId = await subscriber({ planId: "pro" });
      const { pro: _, ...remaining } = config.subscription;
      credits = ledger().with({ subscription: remaining });
      expect(await refusal(subscribe(newUser()))).toMatchObject({ code: "UNKNOWN_PLAN", field: "planId" });
      const { results, ...counts } = await run();
      expect(counts).toEqual({ processed: 3, successful: 2, skipped: 0, failed: 1 });
      expect(results[0]).toEqual({ userId, success: false, error: "Unknown plan: pro" });
      expect(results.slice(1).map((row) => row.userId)).toEqual(others.sort());
      expect(await credits.getWallet({ userId })).toBeNull();
      expect(await credits.getInfo({ userId })).toMatchObject({ nextGrantInfo: null });
      // The configuration has it again: the period is still due.
      credits = ledger().with(config);
      expect(await run()).toMatchObject({ processed: 3, successful: 1, skipped: 2, failed: 0 });
    });

    it("reports the user whose books the database refuses, and grants the others of the page theirs", async () => {
      const users = await Promise.all(Array.from({ length: 5 }, () => subscriber()));
      const [failing = ""] = users;
      await failOn(ledger(), failing);
      try {
        const { results, ...counts } = await run();
        expect(counts).toEqual({ processed: 5, successful: 4, skipped: 0, failed: 1 });
        expect(results[0]).toEqual({
          userId: failing,
          success: false,
          error: expect.stringContaining("planted"),
        });
        expect(results.slice(1)).toHaveLength(4);
        expect(await grantsOf(failing)).toEqual([]);
      } finally {
        await mend(ledger());
      }
      expect(await run()).toMatchObject({ processed: 5, successful: 1, skipped: 4, failed: 0 });
    });

    it("walks more users than a page, bounds its rows to 1 000, failures first, and counts exactly", async () => {
      const users = Array.from({ length: 1_203 }, () => newUser()).sort();
      // The last ones in the order of the walk.
      const failing = users.slice(-3);
      await ledger().sql(
        `insert into credits.subscription (
           user_id, subscription_id, plan_id, status, anchor, billing_interval, current_period_end, entitled_from,
           created_at, updated_at
         )
         select user_id, 's', case when position > 1200 then 'gone' else 'pro' end, 'active', since, 'month', since,
           since, since, since
         from unnest($1::text[]) with ordinality as given (user_id, position)
         cross join (values ('2026-01-10T00:00:00Z'::timestamptz)) as begin (since)`,
        [users],
      );
      const { results, ...counts } = await run();
      expect(counts).toEqual({ processed: 1_203, successful: 1_200, skipped: 0, failed: 3 });
      expect(results).toHaveLength(1_000);
      expect(results.slice(0, 3)).toEqual(
        failing.map((userId) => ({ userId, success: false, error: "Unknown plan: gone" })),
      );
      expect(results.slice(3).every((row) => row.success)).toBe(true);
      expect(new Set(results.map((row) => row.userId)).size).toBe(1_000);
      expect(await run()).toMatchObject({ processed: 1_203, successful: 0, skipped: 1_200, failed: 3 });
      expect(await ledger().sql("select count(*)::integer as grants from credits.transaction")).toEqual([
        { grants: 1_200 },
      ]);
    });

    it("isolates one failure in a page of 500, and goes on with the next page", async () => {
      const users = Array.from({ length: 502 }, () => newUser()).sort();
      for (const userId of users) await subscribe(userId);
      await failOn(ledger(), users[250] ?? "");
      try {
        expect(await run()).toMatchObject({ processed: 502, successful: 501, skipped: 0, failed: 1 });
      } finally {
        await mend(ledger());
      }
    });
  });

  it("answers zeros when credits are disabled (rule 12)", async () => {
    const userId = await subscriber();
    const off = ledger().with({ ...config, enabled: false });
    const before = await snapshot(ledger());
    expect(await off.processDailyGrant()).toEqual({
      processed: 0,
      successful: 0,
      skipped: 0,
      failed: 0,
      results: [],
    });
    expect(await off.getInfo({ userId })).toEqual({
      availableCredits: 0,
      heldCredits: 0,
      debt: 0,
      nextExpiringBatch: null,
      nextGrantInfo: null,
    });
    expect(await snapshot(ledger())).toBe(before);
  });

  describe("beside an invoice that grants the same period (rule 13)", () => {
    const invoice = (userId: string, change: { grantPeriod?: string; purchaseId?: string } = {}) =>
      credits.grantSubscription({ userId, planId: "pro", amount: 200, validityDays: 30, ...change });

    it.each([
      ["with its label", { grantPeriod: "2026-01" }],
      ["without a label", {}],
    ])("grants once, whichever comes first, %s", async (_how, change) => {
      const [first, second] = [await subscriber(), await subscriber()];
      await invoice(first, { ...change, purchaseId: `${first} i` });
      expect(await run()).toMatchObject({ processed: 2, successful: 1, skipped: 1, failed: 0 });
      expect(await invoice(second, { ...change, purchaseId: `${second} i` })).toMatchObject({
        replayed: true,
      });
      for (const userId of [first, second]) expect(await grantsOf(userId)).toEqual(["2026-01 pro 200"]);
    });

    it("takes the label of the subscription's period, not of the calendar month", async () => {
      const userId = await subscriber();
      at("2026-02-09T23:59:59.999Z");
      expect(await invoice(userId)).toMatchObject({ grantPeriod: "2026-01" });
      at("2026-02-10T00:00:00.000Z");
      expect(await invoice(userId)).toMatchObject({ grantPeriod: "2026-02" });
      await run();
      expect(await grantsOf(userId)).toEqual(["2026-01 pro 200", "2026-02 pro 200"]);
    });

    it("grants once when both come at the same time", async () => {
      const userId = await subscriber();
      await Promise.all([run(), invoice(userId), run(), invoice(userId, { grantPeriod: "2026-01" })]);
      expect(await grantsOf(userId)).toEqual(["2026-01 pro 200"]);
    });

    it("answers an invoice that is sent again in a later period as it did the first time (rules 14, 30)", async () => {
      const userId = await subscriber();
      const purchaseId = `${userId} i`;
      const first = await invoice(userId, { purchaseId });
      at("2026-02-15T00:00:00.000Z");
      expect(await invoice(userId, { purchaseId })).toEqual({ ...first, replayed: true });
      await run();
      expect(await invoice(userId, { purchaseId })).toEqual({ ...first, replayed: true });
      expect(await grantsOf(userId)).toEqual(["2026-01 pro 200", "2026-02 pro 200"]);
    });

    it("does not take January's invoice for February's when the job had granted January before it came", async () => {
      const userId = await subscriber();
      await run();
      const purchaseId = `${userId} i`;
      const first = await invoice(userId, { purchaseId });
      expect(first).toMatchObject({ replayed: true, grantPeriod: "2026-01" });
      at("2026-02-15T00:00:00.000Z");
      expect(await invoice(userId, { purchaseId })).toEqual(first);
      expect(await grantsOf(userId)).toEqual(["2026-01 pro 200"]);
    });

    it("answers the invoice of a smaller plan the same each time it is sent (rules 14, 18)", async () => {
      const userId = await subscriber();
      await run();
      const smaller = { userId, planId: "basic", amount: 100, validityDays: 30, purchaseId: `${userId} i` };
      const first = await credits.grantSubscription({ ...smaller, grantPeriod: "2026-01" });
      expect(first).toMatchObject({ replayed: true, amount: 200 });
      expect(await credits.grantSubscription({ ...smaller, grantPeriod: "2026-01" })).toEqual(first);
    });

    it("refuses an invoice's id for another period, another plan or another kind of grant (rule 14)", async () => {
      const userId = newUser();
      const purchaseId = `${userId} i`;
      await invoice(userId, { purchaseId, grantPeriod: "2026-01" });
      // What the job has granted does not make another invoice of it.
      await invoice(userId, { grantPeriod: "2026-03" });
      const other = newUser();
      await invoice(other, { grantPeriod: "2026-01" });
      const before = await snapshot(ledger());
      const monthly = { userId, purchaseId, amount: 200, type: "monthly_grant" } as const;
      const refused: [string, () => Promise<unknown>][] = [
        ["grantPeriod", () => invoice(userId, { purchaseId, grantPeriod: "2026-02" })],
        ["grantPeriod", () => invoice(userId, { purchaseId, grantPeriod: "2026-03" })],
        ["sourcePlan", () => credits.grant({ ...monthly, sourcePlan: "long", grantPeriod: "2026-01" })],
        ["grantPeriod", () => credits.grant(monthly)],
        ["type", () => credits.grant({ ...monthly, type: "purchase" })],
        ["userId", () => invoice(newUser(), { purchaseId, grantPeriod: "2026-01" })],
        ["userId", () => invoice(other, { purchaseId, grantPeriod: "2026-01" })],
      ];
      for (const [field, work] of refused) {
        expect(await refusal(work()), field).toMatchObject({ code: "IDEMPOTENCY_CONFLICT", field });
      }
      expect(await snapshot(ledger())).toBe(before);
    });
  });

  describe("is announced by `nextGrantInfo` (rule 7)", () => {
    const next = "2026-02-10T00:00:00.000Z";
    it.each<[SubscriptionStatus, string, string | null]>([
      ["active", "2026-01-11T00:00:00.000Z", next],
      ["trialing", "2026-01-11T00:00:00.000Z", next],
      ["canceled", "2026-02-10T00:00:00.001Z", next],
      ["canceled", next, null],
      ["past_due", next, null],
      ["unpaid", next, null],
      ["incomplete", next, null],
      ["paused", next, null],
    ])("%s, paid until %s: %s", async (status, paidUntil, expected) => {
      const userId = await subscriber({ status, currentPeriodEnd: new Date(paidUntil) });
      expect((await credits.getInfo({ userId })).nextGrantInfo).toEqual(
        expected && { amount: 200, planName: "pro", grantDate: new Date(expected) },
      );
    });

    it("is the next calendar month's first millisecond for a free user, and null for an unknown one", async () => {
      const userId = await customer();
      expect((await credits.getInfo({ userId })).nextGrantInfo).toEqual({
        amount: 10,
        planName: "free",
        grantDate: new Date("2026-02-01T00:00:00.000Z"),
      });
      expect((await credits.getInfo({ userId: newUser() })).nextGrantInfo).toBeNull();
    });
  });
});

/** `2026-01 pro 200 until 2026-02-09T00:00, left 0`: what a user was granted and what is left of it, by expiry. */
async function batchesOf(ledger: Ledger, userId: string): Promise<string[]> {
  const rows = await ledger.sql<{ line: string }>(
    `select concat_ws(' ', transaction.period, transaction.source_plan, batch.amount, 'until',
       coalesce(to_char(batch.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI'), 'never'))
       || ', left ' || batch.remaining as line
     from credits.batch
     join credits.transaction
       on transaction.user_id = batch.user_id and transaction.sequence = batch.sequence
     where batch.user_id = $1
     order by batch.expires_at nulls last, batch.sequence`,
    [userId],
  );
  return rows.map(({ line }) => line);
}
