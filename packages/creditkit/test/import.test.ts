import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sourceOf } from "../src/cli-import.ts";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { judge } from "../src/import-check.ts";
import { importCredits } from "../src/import-run.ts";
import { type ImportSource, importPresets } from "../src/import-source.ts";
import {
  connectionReset,
  describeLedger,
  emptyBooks,
  type Ledger,
  openPostgresLedger,
  refusal,
  snapshot,
} from "./ledger.ts";

const columnSource: ImportSource = { table: "app_user", userColumn: "id", creditsColumn: "credits" };
const oddSource: ImportSource = {
  table: `old."Odd "" table"`,
  rowColumn: "id",
  userColumn: "user.id",
  creditsColumn: "left",
  expiresColumn: "Ends",
};

describeLedger("import", (ledger) => {
  const run = (source: ImportSource, options: { isDryRun?: boolean; addToWallets?: boolean } = {}) =>
    importCredits({ credits: ledger().credits, database: ledger().database, source, ...options });
  const available = async (userId: string) => (await ledger().credits.getInfo({ userId })).availableCredits;
  const sql = (text: string) => ledger().sql(text);

  beforeAll(async () => {
    // The source's ends are compared with the database's clock.
    ledger().clock.set(new Date());
    await sql("create table app_user (id text primary key, credits numeric)");
    await sql("create schema old");
    await sql(`create table old."Odd "" table" ("user.id" integer, "left" text, id uuid, "Ends" timestamp)`);
    await sql(`create table credit_transaction (
      id text primary key, user_id text not null, type text not null, amount integer not null,
      remaining_amount integer, expiration_date timestamp, expiration_date_processed_at timestamp)`);
    await sql("create table user_credit (user_id text primary key, current_credits integer not null)");
    await sql(`create table credits (
      id serial primary key, trans_no text, user_uuid text not null, trans_type text, credits integer not null,
      expired_at timestamptz)`);
    await sql(`create table credit (
      id text primary key, user_id text not null, transaction_type text not null, credits integer not null,
      remaining_credits integer not null, expires_at timestamp, status text not null, deleted_at timestamp)`);
  });

  const clear = async () => {
    await emptyBooks(ledger());
    await sql(`truncate app_user, old."Odd "" table", credit_transaction, user_credit, credits, credit`);
  };

  it("grants each user's column once: a dry run writes nothing, a second run changes nothing", async () => {
    await clear();
    await sql("insert into app_user values ('ada', 10), ('bob', 2.00), ('eve', 0), ('new', null)");
    const before = await snapshot(ledger());
    const expected = {
      source: "public.app_user.credits",
      usersRead: 4,
      users: 2,
      batches: 2,
      credits: 12,
      already: 0,
      skipped: { empty: { rows: 2, credits: 0 }, expired: { rows: 0, credits: 0 } },
      problemCount: 0,
    };
    expect(await run(columnSource, { isDryRun: true })).toMatchObject({ ...expected, comparison: null });
    expect(await snapshot(ledger())).toBe(before);
    expect(await run(columnSource)).toMatchObject({
      ...expected,
      comparison: { users: 2, differing: 0 },
    });
    const after = await snapshot(ledger());
    expect(await run({ ...columnSource, table: "public.app_user" })).toMatchObject({
      already: 2,
      credits: 12,
    });
    expect(await run(columnSource, { isDryRun: true })).toMatchObject({ already: 2, problemCount: 0 });
    expect(await snapshot(ledger())).toBe(after);
    const { entries } = await ledger().credits.getStatement({ userId: "ada" });
    expect(entries).toMatchObject([
      {
        type: "adjustment",
        amount: 10,
        description: "Imported from public.app_user.credits",
        metadata: { import: { source: "public.app_user.credits", row: "ada" } },
      },
    ]);
  });

  it("walks through more users than a page, in two runs at once, and grants each once", async () => {
    await clear();
    await sql("insert into app_user select 'u' || n, n from generate_series(1, 601) as n");
    const reports = await Promise.all([run(columnSource), run(columnSource)]);
    for (const report of reports) {
      expect(report).toMatchObject({
        users: 601,
        credits: 180_901,
        comparison: { users: 601, differing: 0 },
      });
    }
    expect(reports.map(({ already }) => already).reduce((sum, one) => sum + one)).toBe(601);
    expect(await sql("select count(*)::int as n, sum(amount)::int as s from credits.transaction")).toEqual([
      { n: 601, s: 180_901 },
    ]);
    expect(await ledger().credits.audit()).toEqual({ ok: true, violations: [] });
  });

  it("goes on after a crash half way", async () => {
    await clear();
    await sql("insert into app_user select 'u' || n, 5 from generate_series(1, 600) as n");
    let left = 4;
    const dying = {
      ...ledger().database,
      query: async (text: string, parameters: readonly unknown[]) => {
        if (/from "public"."app_user"/.test(text) && left-- <= 0) throw connectionReset();
        return ledger().database.query(text, parameters);
      },
    };
    const { credits } = ledger();
    const small = importCredits({ credits, database: dying, source: columnSource });
    await expect(small).rejects.toThrow("ECONNRESET");
    const granted = () => sql("select count(*)::int as n from credits.transaction");
    expect(await granted()).toEqual([{ n: 500 }]);
    expect(await run(columnSource)).toMatchObject({
      already: 500,
      comparison: { users: 600, differing: 0 },
    });
    expect(await granted()).toEqual([{ n: 600 }]);
  });

  it("quotes every name, and refuses those that the database does not know", async () => {
    await clear();
    await sql(`insert into old."Odd "" table" values
      (7, '3', 'b0a6c1f2-0000-4000-8000-000000000001', '2999-01-01 00:00:00.123456'),
      (7, '4', 'b0a6c1f2-0000-4000-8000-000000000002', 'infinity'),
      (null, '9', 'b0a6c1f2-0000-4000-8000-000000000003', null)`);
    expect(await run(oddSource)).toMatchObject({
      credits: 7,
      problemCount: 1,
      problems: [
        { userId: null, rowId: "b0a6c1f2-0000-4000-8000-000000000003", reason: "belongs to no user" },
      ],
    });
    const wallet = await ledger().credits.getWallet({ userId: "7" });
    expect(wallet?.batches.map(({ expiresAt }) => expiresAt)).toEqual([
      new Date("2999-01-01T00:00:00.123Z"),
      null,
    ]);
    const before = await snapshot(ledger());
    for (const [field, change] of [
      ["table", { table: "nowhere" }],
      ["table", { table: "a.b.c" }],
      ["table", { table: `app_user"; drop table app_user; --` }],
      ["table", { table: "" }],
      ["column", { creditsColumn: "credits; drop table app_user" }],
      ["column", { userColumn: "constructor" }],
      ["column", { rowColumn: "ctid" }],
      ["column", { expiresColumn: "credits" }],
    ] as const) {
      expect(await refusal(run({ ...columnSource, ...change }))).toMatchObject({
        code: "INVALID_ARGUMENT",
        field,
      });
    }
    expect(await snapshot(ledger())).toBe(before);
  });

  it("names every row that it does not import, and why", async () => {
    await clear();
    await sql(`insert into app_user values
      ('a', -1), ('b', 1.5), ('c', 1000000001), ('d', 'NaN'), ('e', 99999999999999999999), ('f', 1.0000000000000000001),
      (E'g\\n', 1), ('${"h".repeat(256)}', 1), ('ok', 1)`);
    const { problems, ...report } = await run(columnSource);
    expect(report).toMatchObject({
      users: 1,
      credits: 1,
      problemCount: 8,
      comparison: { users: 1, differing: 0 },
    });
    expect(Object.fromEntries(problems.map(({ userId, reason }) => [userId?.slice(0, 2), reason]))).toEqual({
      a: "negative: -1",
      b: expect.stringContaining("a fraction"),
      c: "more than 1000000000",
      d: "not a number: NaN",
      e: "too large: 99999999999999999999",
      f: expect.stringContaining("a fraction"),
      "g\n": expect.stringContaining("user id"),
      hh: expect.stringContaining("user id"),
    });
  });

  it("leaves a user alone who has a wallet from elsewhere, unless told to add", async () => {
    await clear();
    await ledger().credits.grantRegistrationBonus("ada");
    await sql("insert into app_user values ('ada', 10)");
    expect(await run(columnSource)).toMatchObject({
      users: 0,
      problems: [{ userId: "ada", reason: expect.stringContaining("has a wallet already") }],
    });
    expect(await available("ada")).toBe(20);
    expect(await run(columnSource, { addToWallets: true })).toMatchObject({ users: 1, problemCount: 0 });
    expect(await available("ada")).toBe(30);
    expect(await run(columnSource)).toMatchObject({ already: 1, problemCount: 0 });
  });

  it("tells of what changed in the source since it was imported, and grants none of it twice", async () => {
    await clear();
    await sql("insert into app_user values ('ada', 10), ('bob', 5)");
    await run(columnSource);
    await sql("update app_user set credits = 12 where id = 'ada'");
    await sql("update app_user set credits = 0 where id = 'bob'");
    const expected = {
      problemCount: 1,
      problems: [{ userId: "ada", reason: "changed since it was imported (amount)" }],
    };
    expect(await run(columnSource, { isDryRun: true })).toMatchObject(expected);
    expect(await run(columnSource)).toMatchObject({
      ...expected,
      comparison: {
        differing: 2,
        first: [
          { userId: "ada", source: 12, ledger: 10 },
          { userId: "bob", source: 0, ledger: 5 },
        ],
      },
    });
    expect(await available("ada")).toBe(10);
  });

  it("gives all of it to a user above maxUserBalance, and says so", async () => {
    await clear();
    await sql("insert into app_user values ('rich', 20000)");
    expect(await run(columnSource)).toMatchObject({ overLimit: 1, problemCount: 0 });
    expect(await available("rich")).toBe(20_000);
    expect(defaultCreditsConfig.limitations.maxUserBalance).toBeLessThan(20_000);
  });

  it("reads a year like 9999 as never, as infinity", async () => {
    await clear();
    await sql(`insert into old."Odd "" table" values
      (7, '3', 'b0a6c1f2-0000-4000-8000-000000000001', '9999-12-31'),
      (7, '4', 'b0a6c1f2-0000-4000-8000-000000000002', '9000-01-01'),
      (7, '5', 'b0a6c1f2-0000-4000-8000-000000000003', '8999-12-31 23:59:59.999'),
      (7, '6', 'b0a6c1f2-0000-4000-8000-000000000004', '-infinity'),
      (7, '7', 'b0a6c1f2-0000-4000-8000-000000000005', '0001-01-01 BC')`);
    expect(await run(oddSource)).toMatchObject({
      credits: 12,
      skipped: { expired: { rows: 2, credits: 13 } },
      comparison: { users: 1, differing: 0 },
    });
    const wallet = await ledger().credits.getWallet({ userId: "7" });
    expect(
      wallet?.batches.map(({ remaining, expiresAt }) => [remaining, expiresAt?.getUTCFullYear()]),
    ).toEqual([
      [5, 8999],
      [3, undefined],
      [4, undefined],
    ]);
    // A movement without an end counts for nothing in that kit, one whose end is far does.
    await sql(`insert into credits (user_uuid, credits, expired_at) values
      ('ada', 10, 'infinity'), ('ada', 5, '9999-12-31Z'), ('ada', 9, null)`);
    expect(await run(importPresets.shipany)).toMatchObject({
      credits: 15,
      batches: 1,
      skipped: { undated: { rows: 1, credits: 9 } },
      comparison: { users: 1, differing: 0 },
    });
  });

  it("names the rows of a user whose id is written in several ways, and rows without an id", async () => {
    await clear();
    await sql("create table purse (row_id text, owner numeric, credits integer)");
    await sql(
      "insert into purse values ('a', 7, 1), ('b', 7.0, 2), ('c', 7.0, 0), (null, 8, 4), ('d', 8, 8)",
    );
    const purse = { table: "purse", rowColumn: "row_id", userColumn: "owner", creditsColumn: "credits" };
    const { problems, ...report } = await run(purse);
    await sql("drop table purse");
    expect(problems).toMatchObject([
      { userId: "8", rowId: "", reason: "the row has no id" },
      { rowId: expect.stringMatching(/^[ab]$/), reason: expect.stringContaining("another way") },
    ]);
    expect(report).toMatchObject({ users: 2, problemCount: 2, comparison: { differing: 0 } });
  });

  it("does not grant again what it imported by another column of ids", async () => {
    await clear();
    await sql(`insert into credit_transaction (id, user_id, type, amount, remaining_amount) values
      ('t1', 'ada', 'x1', 5, 5), ('t2', 'ada', 'x2', 6, 6)`);
    const batches = {
      table: "credit_transaction",
      userColumn: "user_id",
      creditsColumn: "remaining_amount",
    };
    await run({ ...batches, rowColumn: "id" });
    const before = await snapshot(ledger());
    const again = { ...batches, rowColumn: "type" };
    for (const options of [{ isDryRun: true }, {}, { addToWallets: true }]) {
      expect(await run(again, options)).toMatchObject({
        batches: 0,
        problems: [{ userId: "ada", reason: expect.stringContaining("--id-column") }],
      });
    }
    expect(await snapshot(ledger())).toBe(before);
    // A row that came later beside those that were imported is imported.
    await sql(
      `insert into credit_transaction (id, user_id, type, amount, remaining_amount) values ('t3', 'ada', 'x3', 7, 7)`,
    );
    expect(await run({ ...batches, rowColumn: "id" })).toMatchObject({
      batches: 3,
      already: 2,
      problemCount: 0,
    });
  });

  it("grants nothing to a user who was erased since, though the old table still has the row", async () => {
    await clear();
    await sql("insert into app_user values ('leaver', 10), ('bob', 5)");
    await run(columnSource);
    await ledger().credits.eraseUser({ userId: "leaver" });
    const before = await snapshot(ledger());
    for (const options of [{ isDryRun: true }, {}, { addToWallets: true }]) {
      expect(await run(columnSource, options)).toMatchObject({
        users: 1,
        already: 1,
        skipped: { erased: { rows: 1, credits: 10 } },
        problemCount: 0,
      });
    }
    expect(await snapshot(ledger())).toBe(before);
    await sql("update app_user set credits = -1 where id = 'leaver'");
    expect(await run(columnSource)).toMatchObject({
      problemCount: 0,
      comparison: { users: 1, differing: 0 },
    });
  });

  it("mksaas: takes what is left of each open batch with its end, and no batch that is over", async () => {
    await clear();
    await sql(`insert into credit_transaction values
      ('t1', 'ada', 'REGISTER_GIFT', 50, 30, '2999-03-01 12:00:00', null),
      ('t2', 'ada', 'PURCHASE_PACKAGE', 100, 100, null, null),
      ('t3', 'ada', 'USAGE', -20, null, null, null),
      ('t4', 'ada', 'MONTHLY_REFRESH', 10, 10, '2020-01-01 00:00:00', null),
      ('t5', 'ada', 'MONTHLY_REFRESH', 10, 0, '2019-01-01 00:00:00', '2019-01-02 00:00:00'),
      ('t6', 'bob', 'PURCHASE_PACKAGE', 100, 80, null, null)`);
    // Ada's balance still has the ten whose expiration no job has booked; Bob's says something else.
    await sql("insert into user_credit values ('ada', 140), ('bob', 75), ('cat', 9)");
    expect(await run(importPresets.mksaas)).toMatchObject({
      usersRead: 3,
      users: 1,
      batches: 2,
      credits: 130,
      skipped: { expired: { rows: 1, credits: 10 } },
      problemCount: 2,
      problems: [
        { userId: "bob", reason: "the balance says 75, the open batches 80" },
        { userId: "cat", reason: "the balance says 9, the open batches 0" },
      ],
      comparison: { users: 1, differing: 0 },
    });
    const wallet = await ledger().credits.getWallet({ userId: "ada" });
    expect(wallet?.batches.map(({ remaining, expiresAt }) => [remaining, expiresAt?.toISOString()])).toEqual([
      [30, "2999-03-01T12:00:00.000Z"],
      [100, undefined],
    ]);
  });

  it("shipany: settles the movements of a user by the ends that they name", async () => {
    await clear();
    await sql(`insert into credits (user_uuid, trans_type, credits, expired_at) values
      ('ada', 'new_user', 10, '2999-01-01Z'), ('ada', 'ping', -4, '2999-01-01Z'), ('ada', 'order_pay', 100, '2999-02-01Z'),
      ('ada', 'ping', -10, '2999-01-01Z'), ('ada', 'new_user', 7, '2020-01-01Z'), ('ada', 'system_add', 5, null),
      ('bob', 'new_user', 10, '2999-01-01Z'), ('bob', 'ping', -12, '2999-01-01Z')`);
    expect(await run(importPresets.shipany)).toMatchObject({
      users: 1,
      batches: 1,
      credits: 96,
      skipped: { expired: { rows: 1, credits: 7 }, undated: { rows: 1, credits: 5 } },
      problems: [{ userId: "bob", reason: "negative: -2" }],
      comparison: { users: 1, differing: 0 },
    });
    const wallet = await ledger().credits.getWallet({ userId: "ada" });
    expect(wallet?.batches).toMatchObject([{ remaining: 96, expiresAt: new Date("2999-02-01T00:00:00Z") }]);
  });

  it("shipany-2: takes the active grants", async () => {
    await clear();
    await sql(`insert into credit values
      ('c1', 'ada', 'grant', 10, 6, '2999-01-01', 'active', null), ('c2', 'ada', 'consume', -4, 0, null, 'active', null),
      ('c3', 'ada', 'grant', 10, 10, null, 'expired', null), ('c4', 'ada', 'grant', 10, 10, null, 'active', now())`);
    expect(await run(importPresets["shipany-2"])).toMatchObject({ batches: 1, credits: 6, problemCount: 0 });
    expect(await available("ada")).toBe(6);
  });
});

describe("judging the rows of a user", () => {
  const rules = { decimals: 0, amountMax: 1000, isJournal: false };
  const row = (rowId: string, credits: string) => ({
    userId: "ada",
    rowId,
    credits,
    expiresAt: null,
    isExpired: false,
  });

  it("takes neither of two rows with one id", () => {
    const { accepted, problems } = judge("ada", [row("1", "5"), row("1", "5"), row("2", "5")], rules);
    expect(accepted).toMatchObject([{ rowId: "2", units: 5 }]);
    expect(problems).toHaveLength(2);
  });

  it("says what is wrong in few characters, none of which steers a terminal", () => {
    const { problems } = judge("ada", [row("1", "9".repeat(100_000)), row("2", "\u001b[2J")], rules);
    expect(problems.map(({ reason }) => reason)).toEqual([
      `too large: ${"9".repeat(40)}…`,
      "not a number: ?[2J",
    ]);
  });

  it("reads decimals exactly where the installation has them", () => {
    const judged = judge("ada", [row("1", "0.10"), row("2", "0.105"), row("3", "-0")], {
      ...rules,
      decimals: 2,
    });
    expect(judged.accepted).toMatchObject([{ rowId: "1", units: 10 }]);
    expect(judged.problems).toMatchObject([{ rowId: "2" }]);
    expect(judged.skipped).toEqual([{ reason: "empty", units: 0 }]);
  });
});

describe("creditkit import, the command", () => {
  let ledger: Ledger & { url: string };
  beforeAll(async () => {
    ledger = await openPostgresLedger();
    await ledger.sql("create table member (id text primary key, credits integer)");
    await ledger.sql("insert into member values ('ada', 10), ('bob', -1)");
  });
  afterAll(() => ledger.close());

  const program = fileURLToPath(new URL("../bin/creditkit.js", import.meta.url));
  const run = (...args: string[]) =>
    new Promise<{ exitCode: number | null; out: string }>((resolve) => {
      const child = spawn(process.execPath, [program, "import", ...args], {
        env: { PATH: process.env.PATH ?? "", DATABASE_URL: ledger.url },
      });
      let out = "";
      child.stdout.on("data", (chunk) => (out += chunk));
      child.stderr.on("data", (chunk) => (out += chunk));
      child.on("close", (exitCode) => resolve({ exitCode, out }));
    });
  const member = ["--table", "member", "--id-column", "id", "--credits-column", "credits"];

  it.each([
    [{}, "--table"],
    [{ preset: "wordpress" }, "--preset"],
    [{ preset: "constructor" }, "--preset"],
    [{ preset: "mksaas", "id-column": "id" }, "--id-column"],
    [{ table: "t" }, "--id-column"],
    [{ table: "t", "id-column": "id" }, "--credits-column"],
  ])("refuses %j", (flags, field) => {
    expect(() => sourceOf(flags)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT", field }));
  });

  it("exits 1 when somebody has to look at something, 0 when all is well, 2 for wrong usage", async () => {
    expect(await run(...member, "--dry-run")).toEqual({
      exitCode: 1,
      out: expect.stringContaining(`would be imported: 10 credits in 1 batches of 1 users`),
    });
    expect(await ledger.sql("select count(*)::int as n from credits.wallet")).toEqual([{ n: 0 }]);
    await ledger.sql("update member set credits = 1 where id = 'bob'");
    expect(await run(...member)).toEqual({
      exitCode: 0,
      out: expect.stringContaining("compared: 2 of 2 users have in the ledger what the source says"),
    });
    expect(JSON.parse((await run(...member, "--json")).out)).toMatchObject({ already: 2, problems: [] });
    expect(await run("--preset", "mksaas")).toEqual({
      exitCode: 2,
      out: expect.stringContaining("not credit_transaction"),
    });
    expect(await run(...member, "--existing", "replace")).toMatchObject({ exitCode: 2 });
  });
});
