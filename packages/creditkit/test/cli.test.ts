import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ledger, newUser, openPostgresLedger } from "./ledger.ts";

const program = fileURLToPath(new URL("../bin/creditkit.js", import.meta.url));

describe("creditkit, the command", () => {
  let ledger: Ledger & { url: string };
  let folder: string;

  beforeAll(async () => {
    ledger = await openPostgresLedger();
    // The command reads the database's clock.
    ledger.clock.set(new Date());
    folder = mkdtempSync(join(tmpdir(), "creditkit-cli-"));
    const plan = { id: "free", enabled: true, monthlyGrant: 10, validityDays: 40 };
    writeFileSync(join(folder, "credits.json"), JSON.stringify({ subscription: { free: plan } }));
    writeFileSync(
      join(folder, "credits.mjs"),
      `export const creditsConfig = ${JSON.stringify({ subscription: { free: plan } })};`,
    );
    writeFileSync(join(folder, "wrong.json"), JSON.stringify({ decimals: 9, enabled: 1 }));
  });
  afterAll(async () => {
    await ledger.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs the built command as a user does: `npm run build` has made it. */
  function run(args: string[], environment: Record<string, string> = {}) {
    return new Promise<{ exitCode: number | null; out: string; error: string }>((resolve) => {
      const child = spawn(process.execPath, [program, ...args], {
        cwd: folder,
        env: { PATH: process.env.PATH ?? "", DATABASE_URL: ledger.url, ...environment },
      });
      let out = "";
      let error = "";
      child.stdout.on("data", (chunk) => (out += chunk));
      child.stderr.on("data", (chunk) => (error += chunk));
      child.on("close", (exitCode) => resolve({ exitCode, out, error }));
    });
  }

  it.each([
    [["frobnicate"], "Unknown command: frobnicate"],
    [["jobs"], "Unknown command: jobs"],
    [["jobs", "nap"], "Unknown command: jobs nap"],
    [["user"], "user: which id?"],
    [["events", "lost"], "events: expected applied, ignored, parked, failed, not lost"],
    [["events", "replay"], "events replay: which id?"],
    [["events", "replay", "evt_1", "now"], "events replay: which id?"],
    [["events", "replay", "evt_1"], "the configuration sells nothing"],
    [["admin"], "admin promote: which e-mail address?"],
    [["admin", "promote"], "admin promote: which e-mail address?"],
    [["admin", "demote", "ada@example.com"], "admin promote: which e-mail address?"],
    [["audit", "now", "please"], "Unexpected argument: please"],
    [["audit", "--loud"], "Unknown option '--loud'"],
    [["audit", "--config", "nowhere.json"], "No such file"],
    [["constructor"], "Unknown command: constructor"],
  ])("exits 2 for %j and says why", async (args, message) => {
    const { exitCode, error } = await run(args);
    expect({ exitCode, error }).toEqual({ exitCode: 2, error: expect.stringContaining(message) });
  });

  it("exits 2 without a database, and for a wrong configuration with all its problems", async () => {
    expect(await run(["audit"], { DATABASE_URL: "" })).toMatchObject({
      exitCode: 2,
      error: expect.stringContaining("Which database?"),
    });
    const { exitCode, error } = await run(["audit", "--config", "wrong.json"]);
    expect(exitCode).toBe(2);
    expect(error).toContain("decimals:");
    expect(error).toContain("enabled:");
  });

  it("exits 3 when the database cannot be reached, without printing the password", async () => {
    const { exitCode, error } = await run(["audit"], {
      DATABASE_URL: "postgresql://u:hunter2@127.0.0.1:1/x",
    });
    expect(exitCode).toBe(3);
    expect(error).not.toContain("hunter2");
  });

  it("prints its help", async () => {
    const { exitCode, out } = await run(["--help"]);
    expect(exitCode).toBe(0);
    expect(out).toContain("migrate --print");
  });

  it("migrates, and prints the migration without any database", async () => {
    expect(await run(["migrate"])).toMatchObject({ exitCode: 0, out: "The database is current.\n" });
    expect(JSON.parse((await run(["migrate", "--json"])).out)).toEqual({ applied: [] });
    const { exitCode, out } = await run(["migrate", "--print"], { DATABASE_URL: "" });
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^begin;[\s\S]*create table credits\.wallet[\s\S]*commit;\n/);
  });

  it("migrates an embedded database and says who has it open when somebody has", async () => {
    const directory = join(folder, "embedded");
    const applied = await run(["migrate", "--data", directory]);
    expect(applied.out).toContain("Applied 0001_ledger");
    const { openPglite } = await import("../src/adapters/pglite.ts");
    const owner = await openPglite(directory);
    const refused = await run(["audit", "--data", directory]);
    await owner.close();
    expect(refused).toMatchObject({ exitCode: 3, error: expect.stringContaining(`process ${process.pid}`) });
    expect(await run(["audit", "--data", directory])).toMatchObject({
      exitCode: 0,
      out: "The books are clean.\n",
    });
  });

  it("shows a user, for people and for scripts", async () => {
    const userId = newUser();
    await ledger.credits.grant({
      userId,
      amount: 10,
      type: "purchase",
      validityDays: 30,
      description: "Lite",
    });
    await ledger.credits.consume({ userId, amount: 3, service: "chat" });
    const shown = await run(["user", userId]);
    expect(shown.exitCode).toBe(0);
    for (const part of [
      "(active)",
      "Available: 7",
      "7 of 10, expires",
      "-3  consumption",
      "+10  purchase  Lite",
    ]) {
      expect(shown.out).toContain(part);
    }
    expect(JSON.parse((await run(["user", userId, "--json"])).out)).toMatchObject({
      userId,
      availableCredits: 7,
      batches: [{ remaining: 7 }],
      transactions: [{ amount: -3 }, { amount: 10 }],
    });
    expect(await run(["user", "nobody"])).toMatchObject({
      exitCode: 1,
      out: "User nobody never had a grant.\n",
    });
  });

  it("runs the jobs under a configuration from JSON or a module, and exits 1 when a user failed", async () => {
    const granted = JSON.parse((await run(["jobs", "grant", "--json", "--config", "credits.json"])).out);
    expect(granted).toMatchObject({ failed: 0 });
    expect(granted.successful).toBeGreaterThan(0);
    const again = await run(["jobs", "grant", "--config", "credits.mjs"]);
    expect(again).toMatchObject({ exitCode: 0, out: expect.stringContaining("0 granted") });
    expect(await run(["jobs", "grant", "--config", "credits.mjs", "--sharded"])).toEqual(again);
    expect(await run(["jobs", "expire"])).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining("credits expired"),
    });

    await ledger.credits.upsertSubscription({
      userId: newUser(),
      subscriptionId: "sub",
      planId: "pro",
      status: "active",
      anchor: new Date(Date.now() - 1000),
      interval: "month",
      currentPeriodEnd: new Date(Date.now() + 1e9),
    });
    const failed = await run(["jobs", "grant", "--config", "credits.json"]);
    expect(failed).toMatchObject({ exitCode: 1, out: expect.stringContaining("Unknown plan: pro") });
  });

  it("lists what payment providers told, and does again what failed", async () => {
    const userId = newUser();
    const event = {
      provider: "stripe",
      eventId: "evt_cli",
      occurredAt: new Date(),
      type: "purchase.paid",
      userId,
      paymentIds: ["pi_cli"],
      priceId: "price_of_tomorrow",
      amountPaid: 1000,
      currency: "usd",
    } as const;
    await ledger.credits.applyPaymentEvent(event).catch(() => {});
    const failed = await run(["events", "failed"]);
    expect(failed).toMatchObject({ exitCode: 0, out: expect.stringContaining("failed  stripe  evt_cli") });
    expect(failed.out).toContain("UNKNOWN_PRICE");
    expect(JSON.parse((await run(["events", "--json"])).out)).toMatchObject([
      { eventId: "evt_cli", status: "failed" },
    ]);
    const sold = {
      id: "new",
      credits: 10,
      bonus: 0,
      priceId: "price_of_tomorrow",
      amount: 10,
      currency: "USD",
    };
    writeFileSync(join(folder, "sold.json"), JSON.stringify({ packages: { new: sold } }));
    expect(await run(["events", "replay", "evt_cli", "--config", "sold.json"])).toMatchObject({
      exitCode: 0,
      out: "applied\n",
    });
    expect(await run(["events", "replay", "evt_cli", "--config", "sold.json"])).toMatchObject({
      out: "replayed\n",
    });
    expect((await ledger.credits.getInfo({ userId })).availableCredits).toBe(10);
    expect(await run(["events", "failed"])).toMatchObject({ out: "The inbox has no such messages.\n" });
    expect(await run(["events", "replay", "evt_none", "--config", "sold.json"])).toMatchObject({
      exitCode: 2,
      error: expect.stringContaining("no such event"),
    });
  });

  it("exits 1 when the audit finds something, and names it", async () => {
    const userId = newUser();
    await ledger.credits.grant({ userId, amount: 10, type: "purchase" });
    await ledger.sql("update credits.wallet set balance = 11 where user_id = $1", [userId]);
    const { exitCode, out } = await run(["audit"]);
    expect(exitCode).toBe(1);
    expect(out).toContain(`rule 25, user ${userId}: balance: wallet says 11`);
    expect(JSON.parse((await run(["audit", "--json"])).out)).toMatchObject({ ok: false });
  });

  describe("admin promote", () => {
    it("says what is missing where there are no accounts", async () => {
      const result = await run(["admin", "promote", "ada@example.com"]);
      expect(result).toMatchObject({ exitCode: 3, error: expect.stringContaining('no table "user"') });
    });

    it("adds the role to those that an account has, whatever the case of its address", async () => {
      await ledger.sql('create table "user" (id text primary key, email text not null unique, role text)');
      try {
        await ledger.sql(
          `insert into "user" values ('1', 'ada@example.com', null), ('2', 'Bob@example.com', 'editor'), ('3', 'eve@example.com', '')`,
        );
        for (const [email, text] of [
          ["ADA@example.com", "ada@example.com is an admin now."],
          ["ada@example.com", "ada@example.com was an admin already."],
          ["bob@example.com", "Bob@example.com is an admin now."],
          ["bob@example.com", "Bob@example.com was an admin already."],
        ] as const) {
          expect(await run(["admin", "promote", email])).toMatchObject({ exitCode: 0, out: `${text}\n` });
        }
        expect(await run(["admin", "promote", "%@example.com", "--json"])).toMatchObject({
          exitCode: 1,
          out: "null\n",
        });
        expect(await ledger.sql('select id, role from "user" order by id')).toEqual([
          { id: "1", role: "admin" },
          { id: "2", role: "editor,admin" },
          { id: "3", role: "" },
        ]);
      } finally {
        await ledger.sql('drop table "user"');
      }
    });
  });
});
