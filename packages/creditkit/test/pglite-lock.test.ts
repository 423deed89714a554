import fs, {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { fromPglite, openPglite } from "../src/adapters/pglite.ts";
import { lockDirectory } from "../src/adapters/pglite-lock.ts";
import { createCredits } from "../src/core/credits.ts";
import { refusal } from "./ledger.ts";
import type { OpenerOrder, OpenerReport } from "./programs/opener.ts";
import { type Program, startProgram } from "./programs/program.ts";

type Opener = Program<OpenerOrder, OpenerReport>;
const startOpener = () => startProgram<OpenerOrder, OpenerReport>("opener");
const done = { done: true };

/** When a process started, in the kernel's ticks since boot (proc(5) stat, field 22); empty where there is no /proc. */
function startOf(pid: number): string {
  if (!existsSync("/proc/self/stat")) return "";
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

/** Where there is a new database, closed: copying it is faster than creating one. */
let template: string;
let folder: string;
let directory: string;
let lock: string;
beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), "creditkit-lock-template-"));
  await openAndClose(openPglite(join(template, "not", "there", "yet")));
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "creditkit-lock-"));
  directory = join(folder, "data");
  lock = `${directory}.lock`;
});
afterEach(() => rmSync(folder, { recursive: true }));
afterAll(() => rmSync(template, { recursive: true }));

const createDatabase = () => cpSync(join(template, "not", "there", "yet"), directory, { recursive: true });

async function openAndClose(opening: ReturnType<typeof openPglite>): Promise<void> {
  await (await opening).close();
}

describe("an embedded database belongs to one opener", () => {
  beforeEach(createDatabase);

  it("is refused to a second one in the same process, and open to it once the first has closed", async () => {
    const pglite = await openPglite(directory);
    const error = await openPglite(directory).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "DATABASE_IN_USE", pid: process.pid });
    expect(error.message).toContain("this process");
    // The refused one took nothing away.
    expect(await refusal(openPglite(directory))).toMatchObject({ code: "DATABASE_IN_USE" });
    await pglite.close();
    await openAndClose(openPglite(directory));
    await openAndClose(openPglite(directory));
  });

  it("is the same database by whichever path", async () => {
    const pglite = await openPglite(directory);
    symlinkSync(directory, join(folder, "link"));
    symlinkSync(folder, join(folder, "around"));
    const paths = [
      `${directory}/`,
      `${folder}/./other/../data`,
      relative(process.cwd(), directory),
      join(folder, "link"),
      join(folder, "around", "data"),
    ];
    for (const path of paths) {
      const again = await openPglite(path).catch((error) => error);
      expect(again, path).toMatchObject({ code: "DATABASE_IN_USE", pid: process.pid });
    }
    await pglite.close();
  });

  it("is refused to a second process at once, naming the owner; closing gives it over, with what was written", async () => {
    const granting = await openPglite(directory);
    const credits = createCredits({ database: fromPglite(granting), config: {} });
    await credits.migrate();
    await credits.grant({ userId: "ada", amount: 10, type: "purchase" });
    await granting.close();

    const [owner, other] = [await startOpener(), await startOpener()];
    const spend = { name: "spend", userId: "ada" } as const;
    expect(await owner.ask({ name: "open", directory })).toEqual(done);
    expect(await owner.ask(spend)).toEqual(done);
    const refused = { code: "DATABASE_IN_USE", pid: owner.pid };
    expect(await other.ask({ name: "open", directory })).toMatchObject(refused);
    expect(await openPglite(directory).catch((error) => error)).toMatchObject(refused);
    expect((await refusal(openPglite(directory))).message).toContain(`process ${owner.pid}`);
    expect(await owner.ask({ name: "close" })).toEqual(done);

    expect(await other.ask({ name: "open", directory })).toEqual(done);
    expect(await owner.ask({ name: "open", directory })).toMatchObject({
      code: "DATABASE_IN_USE",
      pid: other.pid,
    });
    expect(await other.ask(spend)).toEqual(done);
    await Promise.all([owner.kill(), other.kill()]);
    // Neither of the dead is in the way.
    const pglite = await openPglite(directory);
    const left = createCredits({ database: fromPglite(pglite), config: {} });
    expect(await left.getInfo({ userId: "ada" })).toMatchObject({ availableCredits: 8 });
    await pglite.close();
  });

  it("is opened again when opening had failed", async () => {
    renameSync(directory, `${directory}.good`);
    mkdirSync(directory);
    writeFileSync(join(directory, "PG_VERSION"), "not a database");
    await expect(openPglite(directory)).rejects.toThrow();
    rmSync(directory, { recursive: true });
    renameSync(`${directory}.good`, directory);
    await openAndClose(openPglite(directory));
  });

  it("does not mind a claim that a process left which died while it was claiming", async () => {
    mkdirSync(lock);
    const gone = await startOpener();
    const left = `${gone.pid}-${startOf(gone.pid)}`;
    await gone.kill();
    writeFileSync(join(lock, `claim-${left}`), "");
    writeFileSync(join(lock, `owner-${left}`), "");
    await openAndClose(openPglite(directory));
    expect(readdirSync(lock)).toEqual([]);
  });

  // Elsewhere the kernel does not tell when a process started: there the pid alone decides.
  it.runIf(existsSync("/proc/self/stat"))(
    "is taken over from a dead owner whose pid another live process has by now",
    async () => {
      mkdirSync(lock);
      const alive = process.ppid;
      writeFileSync(join(lock, `owner-${alive}-${startOf(alive)}`), "");
      expect(await openPglite(directory).catch((error) => error)).toMatchObject({
        code: "DATABASE_IN_USE",
        pid: alive,
      });
      rmSync(join(lock, `owner-${alive}-${startOf(alive)}`));
      writeFileSync(join(lock, `owner-${alive}-1`), "");
      writeFileSync(join(lock, `claim-${alive}-2`), "");
      await openAndClose(openPglite(directory));
      expect(readdirSync(lock)).toEqual([]);
    },
  );
});

describe("an owner in another container or on another machine, whose pid says nothing here", () => {
  const elsewhere = () => join(lock, "owner-1-1-other.machine.7");

  it("keeps the lock while it shows that it lives, and loses it a minute after it stopped", async () => {
    mkdirSync(lock);
    writeFileSync(elsewhere(), "");
    expect(await openPglite(directory).catch((error) => error)).toMatchObject({
      code: "DATABASE_IN_USE",
      pid: 1,
    });
    const longAgo = new Date(Date.now() - 61_000);
    utimesSync(elsewhere(), longAgo, longAgo);
    await openAndClose(openPglite(directory));
    expect(readdirSync(lock)).toEqual([]);
  });

  it("shows that it lives by touching its claim", () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      const unlock = lockDirectory(lock);
      const claim = join(lock, readdirSync(lock)[0] ?? "");
      const longAgo = new Date(0);
      utimesSync(claim, longAgo, longAgo);
      vi.advanceTimersByTime(10_000);
      expect(statSync(claim).mtimeMs).toBeGreaterThan(0);
      unlock();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("10 processes that race for the lock", () => {
  let openers: Opener[] = [];
  beforeAll(async () => {
    openers = await Promise.all(Array.from({ length: 10 }, startOpener));
  });
  afterAll(() => Promise.all(openers.map((opener) => opener.kill())));

  /** Lets all begin at one instant and returns who got the lock: exactly one, whom the others name. */
  async function race(): Promise<Opener> {
    const at = Date.now() + 20;
    const answers = await Promise.all(
      openers.map((opener) => opener.ask({ name: "lock", folder: lock, at })),
    );
    const winners = openers.filter((_, index) => "done" in (answers[index] ?? {}));
    expect(winners).toHaveLength(1);
    const refused = answers.filter((answer) => !("done" in answer));
    // Who comes too early names a process that is claiming too; nobody else ever answers.
    const pids = openers.map(({ pid }) => pid);
    for (const answer of refused) {
      expect(answer).toMatchObject({ code: "DATABASE_IN_USE" });
      expect(pids).toContain("pid" in answer ? answer.pid : undefined);
    }
    const [winner] = winners;
    if (winner === undefined) throw new Error("Nobody won");
    return winner;
  }

  it("one gets a free one, 20 times over", async () => {
    for (let round = 0; round < 20; round++) {
      const winner = await race();
      // The lock of a live process is never taken.
      for (const opener of openers) {
        const answer = await opener.ask({ name: "lock", folder: lock, at: 0 });
        expect(answer).toMatchObject({ code: "DATABASE_IN_USE", pid: winner.pid });
      }
      expect(await winner.ask({ name: "close" })).toEqual(done);
      expect(readdirSync(lock)).toEqual([]);
    }
  });

  it("one takes over a dead one's, 10 times over", async () => {
    for (let round = 0; round < 10; round++) {
      const owner = await race();
      await owner.kill();
      expect(readdirSync(lock)).toHaveLength(1);
      openers[openers.indexOf(owner)] = await startOpener();
      const heir = await race();
      expect(await heir.ask({ name: "close" })).toEqual(done);
    }
  });
});

describe("openPglite is durable (rule 30)", () => {
  it("makes a new database of a directory that is not there, nor its parents", () => {
    expect(readdirSync(join(template, "not", "there", "yet"))).toContain("PG_VERSION");
  });

  it("waits for exactly one fdatasync for each spend, and everything is there when it is opened again", async () => {
    createDatabase();
    const pglite = await openPglite(directory);
    const credits = createCredits({ database: fromPglite(pglite), config: {} });
    await credits.migrate();
    await credits.grant({ userId: "ada", amount: 100, type: "purchase" });

    const original = fs.fdatasyncSync;
    let synced = 0;
    fs.fdatasyncSync = (file) => {
      original(file);
      synced += 1;
    };
    syncBuiltinESMExports();
    try {
      for (let spend = 1; spend <= 40; spend++) {
        await credits.consume({ userId: "ada", amount: 1, service: "chat" });
        expect(synced).toBe(spend);
      }
      await credits.getInfo({ userId: "ada" });
      await credits.getTransactions({ userId: "ada" });
      // Nothing is written, so there is nothing to wait for.
      expect(synced).toBe(40);
    } finally {
      fs.fdatasyncSync = original;
      syncBuiltinESMExports();
    }
    const before = await pglite.query("select * from credits.transaction order by sequence");
    await pglite.close();

    const reopened = await openPglite(directory);
    const after = await reopened.query("select * from credits.transaction order by sequence");
    expect(after.rows).toEqual(before.rows);
    const again = createCredits({ database: fromPglite(reopened), config: {} });
    expect(await again.migrate()).toEqual({ applied: [] });
    expect(await again.getInfo({ userId: "ada" })).toMatchObject({ availableCredits: 60 });
    expect(await again.audit()).toEqual({ ok: true, violations: [] });
    await reopened.close();
  });
});
