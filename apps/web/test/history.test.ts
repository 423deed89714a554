import type { DailyUsage, StatementEntry } from "creditkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { csvHead, csvLine } from "@/history/csv";
import { historyHref, readFilter, readPageIndex, toStatementFilter } from "@/history/filter";
import { rangeStart, readRange, summarize } from "@/usage/summary";
import { Visitor } from "./visitor.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

const entry: StatementEntry = {
  sequence: 7,
  id: "0199",
  type: "consumption",
  amount: -3,
  debitAccount: "WALLET:ada",
  creditAccount: "SERVICE:chat",
  service: "chat",
  description: "An answer",
  metadata: null,
  sourcePlan: null,
  grantPeriod: null,
  packageId: null,
  purchaseId: null,
  reverses: null,
  reversedAmount: 0,
  createdAt: new Date("2026-03-01T10:00:00.000Z"),
  availableAfter: 17,
  runningTotal: null,
  allocations: [],
};
const descriptionOf = (description: string) =>
  csvLine({ ...entry, description })
    .slice(0, -2)
    .split(",")
    .slice(6, -6)
    .join(",");

describe("the history as CSV", () => {
  test("has a byte order mark, names and one line per row", () => {
    expect(csvHead).toMatch(/^\uFEFFnumber,date,type,credits,.*,id\r\n$/);
    expect(csvLine(entry)).toBe("7,2026-03-01T10:00:00.000Z,consumption,-3,17,chat,An answer,,,,,,0199\r\n");
  });

  test.each([
    ['with a "quote"', '"with a ""quote"""'],
    ["with, a comma", '"with, a comma"'],
    ["with\r\na line break", '"with\r\na line break"'],
    ["积分", "积分"],
  ])("quotes %j (RFC 4180)", (text, cell) => {
    expect(descriptionOf(text)).toBe(cell);
  });

  test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", '=HYPERLINK("http://evil","x")'])(
    "lets no spreadsheet run %j",
    (text) => {
      expect(descriptionOf(text).replace(/^"/, "")).toMatch(/^'/);
    },
  );

  test("leaves numbers numbers, also those below zero", () => {
    expect(csvLine(entry).split(",")[3]).toBe("-3");
  });
});

describe("the filter of a history", () => {
  test("is read from the address, and what makes no sense there is ignored", () => {
    expect(
      readFilter({ type: "purchase", service: "google:chat", from: "2026-02-01", to: "2026-02-28" }),
    ).toEqual({
      type: "purchase",
      service: "google:chat",
      from: "2026-02-01",
      to: "2026-02-28",
    });
    expect(readFilter({ type: "theft", service: "__proto__", from: "2026-02-31", to: "yesterday" })).toEqual(
      {},
    );
    expect(readFilter({ type: ["purchase", "refund"], from: "0001-01-01", to: "9999-12-31" })).toEqual({});
  });

  test("includes its last day", () => {
    expect(toStatementFilter({ from: "2026-02-28", to: "2026-02-28" })).toEqual({
      from: new Date("2026-02-28T00:00:00Z"),
      to: new Date("2026-03-01T00:00:00Z"),
    });
  });

  test("is kept in the addresses of all pages", () => {
    expect(historyHref("/h", { type: "purchase" }, 3)).toBe("/h?type=purchase&page=3");
    expect(historyHref("/h", {})).toBe("/h");
    expect([readPageIndex("3"), readPageIndex("0"), readPageIndex("x"), readPageIndex(["1"])]).toEqual([
      2, 0, 0, 0,
    ]);
  });
});

describe("the summary of usage", () => {
  const now = new Date("2026-03-10T15:00:00Z");
  const row = (day: string, service: string, amount: number): DailyUsage => ({
    day,
    service,
    amount,
    spends: 1,
  });
  const rows = [row("2026-03-04", "chat", 10), row("2026-03-10", "chat", 4), row("2026-03-10", "image", 21)];
  const of = (change: object) =>
    summarize(rows, {
      range: 7,
      now,
      firstSpendAt: new Date("2026-03-04T23:00:00Z"),
      available: 100,
      ...change,
    });

  test("has every day of the range, and the largest service first", () => {
    const { days, services, total } = of({});
    expect(days.map(({ day, total }) => [day, total])).toEqual([
      ["2026-03-04", 10],
      ["2026-03-05", 0],
      ["2026-03-06", 0],
      ["2026-03-07", 0],
      ["2026-03-08", 0],
      ["2026-03-09", 0],
      ["2026-03-10", 25],
    ]);
    expect(services).toEqual([
      { service: "image", amount: 21, spends: 1 },
      { service: "chat", amount: 14, spends: 2 },
    ]);
    expect(total).toBe(35);
    expect(rangeStart(7, now)).toEqual(new Date("2026-03-04T00:00:00Z"));
    expect([readRange("90"), readRange("91"), readRange(undefined)]).toEqual([90, 30, 30]);
  });

  test("says how long credits last after a week of use, and not before", () => {
    expect(of({})).toMatchObject({ average: 5, averageDays: 7, lastsDays: 20 });
    expect(of({ firstSpendAt: new Date("2026-03-05T00:00:00Z") }).lastsDays).toBeNull();
    expect(of({ firstSpendAt: null }).lastsDays).toBeNull();
    expect(of({ available: 0 }).lastsDays).toBe(0);
  });

  test("takes the average over the days since the first spend, and over no more than the range", () => {
    expect(of({ range: 30 })).toMatchObject({ averageDays: 7, average: 5 });
    expect(of({ firstSpendAt: new Date("2025-01-01T00:00:00Z") }).averageDays).toBe(7);
    expect(
      summarize([], { range: 7, now, firstSpendAt: new Date("2025-01-01"), available: 9 }).lastsDays,
    ).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("the export over HTTP", () => {
  let server: WebServer;
  let ada: Visitor;
  let bob: Visitor;

  beforeAll(async () => {
    server = await startWebServer({ DATA_DIR: "memory://" });
    [ada, bob] = [new Visitor(server.url), new Visitor(server.url)];
    await ada.signUp();
    await bob.signUp();
    await ada.draw("a harbour");
    await ada.draw("a fox");
  });
  afterAll(() => server?.stop());

  const lines = async (visitor: Visitor, query = "") => {
    const response = await visitor.fetch(`/api/credits/history.csv${query}`);
    expect(response.status).toBe(200);
    return (await response.text()).split("\r\n").slice(1, -1);
  };

  test("answers a user's own history, newest first, as a private download", async () => {
    const response = await ada.fetch("/api/credits/history.csv");
    expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    expect(response.headers.get("content-disposition")).toMatch(
      /^attachment; filename="credits-\d{4}-\d\d-\d\d\.csv"$/,
    );
    expect(response.headers.get("cache-control")).toBe("private, no-store");
    await response.body?.cancel();
    expect((await lines(ada)).map((line) => line.split(",").slice(2, 6).join(" "))).toEqual([
      "consumption -5 10 google:image",
      "consumption -5 15 google:image",
      "registration_bonus 20 20 ",
    ]);
    expect(await lines(bob)).toHaveLength(1);
  });

  test("filters as the page does", async () => {
    expect(await lines(ada, "?type=consumption")).toHaveLength(2);
    expect(await lines(ada, "?service=google:image&type=reversal")).toHaveLength(0);
    expect(await lines(ada, "?from=2999-01-01")).toHaveLength(0);
    expect(await lines(ada, `?userId=${bob.userId}`)).toHaveLength(3);
  });

  test("is refused to whoever is not signed in", async () => {
    expect((await new Visitor(server.url).fetch("/api/credits/history.csv")).status).toBe(401);
  });
});
