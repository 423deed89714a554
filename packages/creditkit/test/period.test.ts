import type { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  describeLedger,
  type Ledger,
  newUser,
  openPgliteLedger,
  openPostgresLedger,
  refusal,
} from "./ledger.ts";
import { dayMs, monthStart, periodIndex, periodLabel, periodStart } from "./model.ts";

/** Anchors at the ends of months, at the edges of the day in UTC, New York and Shanghai; four years hold a leap day. */
const anchors = [
  "2026-10-28T00:00:00.000Z",
  "2026-10-29T23:59:59.999Z",
  "2026-10-30T03:59:59.999Z",
  "2026-10-31T16:00:00.000Z",
  "2027-01-31T00:00:00.000Z",
  "2028-02-29T05:00:00.000Z",
];
const months = 48;
const timeZones = ["UTC", "America/New_York", "Asia/Shanghai"] as const;
/** The sample configuration's plan `pro`. */
const pro = { monthlyGrant: 200, validityDays: 30 };

const iso = (instant: number) => new Date(instant).toISOString();
const startsOf = (anchor: string) =>
  Array.from({ length: months }, (_, index) => periodStart(Date.parse(anchor), index));
/** Every anchor has its four years by then. */
const end = Math.max(...anchors.map((anchor) => startsOf(anchor).at(-1) ?? 0));
function startsUntilEnd(anchor: string): number[] {
  const last = periodIndex(Date.parse(anchor), end);
  return Array.from({ length: last + 1 }, (_, index) => periodStart(Date.parse(anchor), index));
}

describe("the calculation that the tests compare with", () => {
  it("clamps to each month's end and comes back to the anchor's day (rule 16)", () => {
    const anchor = Date.parse("2027-10-31T12:00:00.000Z");
    expect(Array.from({ length: 8 }, (_, index) => iso(periodStart(anchor, index)).slice(0, 10))).toEqual([
      "2027-10-31",
      "2027-11-30",
      "2027-12-31",
      "2028-01-31",
      "2028-02-29",
      "2028-03-31",
      "2028-04-30",
      "2028-05-31",
    ]);
    expect(iso(periodStart(Date.parse("2028-02-29T12:00:00.000Z"), 12))).toBe("2029-02-28T12:00:00.000Z");
    expect(iso(periodStart(Date.parse("2028-02-29T12:00:00.000Z"), 48))).toBe("2032-02-29T12:00:00.000Z");
  });

  it("counts from the anchor, not from the clamped period before", () => {
    const anchor = Date.parse("2026-01-31T23:59:59.999Z");
    expect(periodIndex(anchor, Date.parse("2026-02-28T23:59:59.998Z"))).toBe(0);
    expect(periodIndex(anchor, Date.parse("2026-02-28T23:59:59.999Z"))).toBe(1);
    expect(periodIndex(anchor, Date.parse("2026-03-31T23:59:59.998Z"))).toBe(1);
    expect(periodIndex(anchor, anchor - 1)).toBe(-1);
  });
});

async function openIn(engine: "PGlite" | "PostgreSQL", timeZone: string): Promise<Ledger> {
  if (engine === "PostgreSQL") return openPostgresLedger({ options: `-c TimeZone=${timeZone}` });
  const ledger = await openPgliteLedger();
  await (ledger.driver as PGlite).exec(`set timezone to '${timeZone}'`);
  return ledger;
}

describe.each(
  (["PGlite", "PostgreSQL"] as const).flatMap((engine) => timeZones.map((zone) => ({ engine, zone }))),
)("periods on $engine with session and process in $zone (rule 16)", ({ engine, zone }) => {
  const processZone = process.env.TZ;
  let opened: Ledger | undefined;
  beforeAll(async () => {
    process.env.TZ = zone;
    opened = await openIn(engine, zone);
  });
  afterAll(async () => {
    await opened?.close();
    if (processZone === undefined) delete process.env.TZ;
    else process.env.TZ = processZone;
  });
  const ledger = () => {
    if (opened === undefined) throw new Error("The ledger is not open");
    return opened;
  };

  it("really runs there", async () => {
    expect(await ledger().sql("select current_setting('TimeZone') as zone")).toEqual([{ zone }]);
    expect(Intl.DateTimeFormat().resolvedOptions().timeZone).toBe(zone);
    // January: New York is five hours behind UTC, Shanghai eight ahead.
    const hours = { UTC: 0, "America/New_York": 19, "Asia/Shanghai": 8 }[zone];
    expect(new Date("2026-01-15T00:00:00.000Z").getHours()).toBe(hours);
  });

  it.each(anchors)(
    "starts, numbers and labels every period of the anchor %s for four years",
    async (anchor) => {
      const rows = await ledger().sql(
        `select
         k::integer as index,
         (extract(epoch from start) * 1000)::float8 as start,
         credits.period_label(start) as label,
         credits.period_index($1::text::timestamptz, start) as index_at,
         credits.period_index($1::text::timestamptz, start - interval '1 millisecond') as index_before,
         (extract(epoch from credits.month_start(start)) * 1000)::float8 as month
       from generate_series(0, ${months - 1}) as k
       cross join lateral credits.period_start($1::text::timestamptz, k::integer) as start
       order by k`,
        [anchor],
      );
      expect(rows).toEqual(
        startsOf(anchor).map((start, index) => ({
          index,
          start,
          label: periodLabel(start),
          index_at: index,
          index_before: index - 1,
          month: monthStart(start),
        })),
      );
    },
  );

  it("grants each period at its first millisecond and not before, for four years, in the same books everywhere", async () => {
    const users = anchors.map((anchor) => ({ userId: newUser(), anchor, starts: startsUntilEnd(anchor) }));
    const { credits, clock } = ledger();
    clock.set("2026-10-01T00:00:00.000Z");
    for (const { userId, anchor } of users) {
      await credits.upsertSubscription({
        userId,
        subscriptionId: "s",
        planId: "pro",
        status: "active",
        interval: "month",
        anchor: new Date(anchor),
        currentPeriodEnd: new Date(anchor),
      });
    }
    const starts = [...new Set(users.flatMap((user) => user.starts))].sort((one, other) => one - other);
    for (const start of starts) {
      clock.set(new Date(start - 1));
      expect(await credits.processDailyGrant(), iso(start)).toMatchObject({ successful: 0, failed: 0 });
      clock.set(new Date(start));
      const due = users.filter((user) => user.starts.includes(start)).map(({ userId }) => userId);
      const { results } = await credits.processDailyGrant();
      expect(results, iso(start)).toEqual(
        due.sort().map((userId) => ({
          userId,
          success: true,
          transactionId: expect.any(String),
          amount: pro.monthlyGrant,
          grantPeriod: periodLabel(start),
        })),
      );
    }
    for (const user of users)
      expect(await booksOf(ledger(), user.userId)).toEqual(user.starts.map(expectedGrant));
    expect(await credits.audit()).toEqual({ ok: true, violations: [] });
  });

  it("takes the calendar month of UTC at every other place's midnight, for the free plan and for a grant without a label", async () => {
    const { clock } = ledger();
    // Valid for more than a month: on the 31st there is still something to grant.
    const free = { id: "free", enabled: true, monthlyGrant: 10, validityDays: 40 };
    const credits = ledger().with({ subscription: { free } });
    // [T, label]: the month's edge in UTC, Shanghai (16:00 the day before) and New York (05:00).
    const edges = [
      ["2031-01-31T15:59:59.999Z", "2031-01"],
      ["2031-01-31T16:00:00.000Z", "2031-01"],
      ["2031-01-31T23:59:59.999Z", "2031-01"],
      ["2031-02-01T00:00:00.000Z", "2031-02"],
      ["2031-02-01T04:59:59.999Z", "2031-02"],
      ["2031-02-01T05:00:00.000Z", "2031-02"],
      ["2031-12-31T23:59:59.999Z", "2031-12"],
      ["2032-01-01T00:00:00.000Z", "2032-01"],
    ] as const;
    for (const [instant, label] of edges) {
      const [unpaid, paid] = [newUser(), newUser()];
      clock.set(instant);
      await credits.grant({ userId: unpaid, amount: 1, type: "purchase" });
      const { results } = await credits.processDailyGrant();
      expect(results.filter(({ userId }) => userId === unpaid)).toMatchObject([
        { amount: 10, grantPeriod: label },
      ]);
      const { nextGrantInfo } = await credits.getInfo({ userId: unpaid });
      const nextMonth = periodStart(monthStart(Date.parse(instant)), 1);
      expect(nextGrantInfo).toEqual({ amount: 10, planName: "free", grantDate: new Date(nextMonth) });
      const granted = await credits.grantSubscription({
        userId: paid,
        amount: 5,
        planId: "pro",
        validityDays: 30,
      });
      expect(granted).toMatchObject({
        grantPeriod: label,
        expirationDate: new Date(Date.parse(instant) + 30 * dayMs),
      });
    }
  });

  it("counts days of 24 hours across the clock changes of New York (rule 3)", async () => {
    const { credits, clock } = ledger();
    for (const instant of ["2032-03-13T12:00:00.000Z", "2032-11-06T12:00:00.000Z"]) {
      const userId = newUser();
      clock.set(instant);
      for (const validityDays of [1, 2, 365]) {
        const { expirationDate } = await credits.grant({ userId, amount: 1, type: "purchase", validityDays });
        expect(expirationDate).toEqual(new Date(Date.parse(instant) + validityDays * dayMs));
      }
    }
  });
});

function expectedGrant(start: number, index: number) {
  return {
    sequence: index + 1,
    type: "monthly_grant",
    amount: pro.monthlyGrant,
    period: periodLabel(start),
    created: start,
    granted: start,
    expires: start + pro.validityDays * dayMs,
  };
}

/** A user's grants with their batches, instants in milliseconds. */
function booksOf(ledger: Ledger, userId: string) {
  return ledger.sql(
    `select
       transaction.sequence::integer, transaction.type, transaction.amount::integer, transaction.period,
       (extract(epoch from transaction.created_at) * 1000)::float8 as created,
       (extract(epoch from batch.granted_at) * 1000)::float8 as granted,
       (extract(epoch from batch.expires_at) * 1000)::float8 as expires
     from credits.transaction
     join credits.batch on batch.user_id = transaction.user_id and batch.id = transaction.batch_ids[1]
     where transaction.user_id = $1
     order by transaction.sequence`,
    [userId],
  );
}

describeLedger("the millisecond at which a batch expires (rule 3)", (ledger) => {
  /** A user with 10 credits that expire, and the instant at which they do. */
  async function expiring(amount = 10) {
    const userId = newUser();
    const { expirationDate } = await ledger().credits.grant({
      userId,
      amount,
      type: "purchase",
      validityDays: 1,
    });
    const end = expirationDate?.getTime() ?? Number.NaN;
    return { userId, end, at: (offset: number) => ledger().clock.set(new Date(end + offset)) };
  }

  it("can be spent one millisecond before, and not at it", async () => {
    const { userId, at } = await expiring();
    at(-1);
    const spend = { userId, amount: 4, service: "chat" };
    expect(await ledger().credits.consume(spend)).toMatchObject({ newBalance: 6 });
    at(0);
    expect(await refusal(ledger().credits.consume(spend))).toMatchObject({
      code: "INSUFFICIENT_CREDITS",
      message: "Insufficient credits: required 4, available 0",
    });
  });

  it("can be spent in the very millisecond it was granted", async () => {
    const { userId } = await expiring();
    expect(await ledger().credits.consume({ userId, amount: 10, service: "chat" })).toMatchObject({
      newBalance: 0,
    });
  });

  it("is part of the answer one millisecond before, and not at it", async () => {
    const { userId, end, at } = await expiring();
    await ledger().credits.grant({ userId, amount: 3, type: "purchase", validityDays: 2 });
    at(-1);
    expect(await ledger().credits.getInfo({ userId })).toMatchObject({
      availableCredits: 13,
      nextExpiringBatch: { amount: 10, expiresAt: new Date(end) },
    });
    at(0);
    expect(await ledger().credits.getInfo({ userId })).toMatchObject({
      availableCredits: 3,
      nextExpiringBatch: { amount: 3, expiresAt: new Date(end + dayMs) },
    });
  });

  it("fills the balance up to `maxUserBalance` until then, and makes room at it (rule 19)", async () => {
    const tight = ledger().with({ limitations: { maxUserBalance: 10 } });
    const { userId, at } = await expiring();
    at(-1);
    const gift = { userId, amount: 25, type: "adjustment" } as const;
    expect(await refusal(tight.grant(gift))).toMatchObject({ code: "BALANCE_LIMIT" });
    at(0);
    expect(await tight.grant(gift)).toMatchObject({ amount: 10 });
  });

  it("makes room for the largest balance at it, though no job has booked what expired (rules 6, 10)", async () => {
    const huge = ledger().with({ limitations: { amountMax: Number.MAX_SAFE_INTEGER } });
    const { userId, at } = await expiring();
    const all = { userId, amount: Number.MAX_SAFE_INTEGER, type: "purchase" } as const;
    at(-1);
    expect(await refusal(huge.grant(all))).toMatchObject({ code: "BALANCE_OVERFLOW" });
    at(0);
    await huge.grant(all);
    expect(await huge.getInfo({ userId })).toMatchObject({ availableCredits: Number.MAX_SAFE_INTEGER });
    expect(await huge.consume({ userId, amount: Number.MAX_SAFE_INTEGER, service: "chat" })).toMatchObject({
      newBalance: 0,
    });
  });

  it("is booked by the job at it, and not one millisecond before", async () => {
    await ledger().credits.processExpired();
    const { at } = await expiring();
    // The batches of the tests above expired before.
    at(-1);
    await ledger().credits.processExpired();
    expect(await ledger().credits.processExpired()).toMatchObject({ processedBatches: 0 });
    at(0);
    expect(await ledger().credits.processExpired()).toEqual({
      processedBatches: 1,
      processedUsers: 1,
      totalExpiredAmount: 10,
    });
  });

  it("leaves books that the audit finds clean", async () => {
    expect(await ledger().credits.audit()).toEqual({ ok: true, violations: [] });
  });
});
