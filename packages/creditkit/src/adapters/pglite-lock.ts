import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { CreditsError } from "../core/errors.ts";

/** How often an owner shows that it lives, to processes that cannot see its pid. */
const heartbeatMs = 10_000;
/** After how long without one they take it for dead: a container that was killed is back by then. */
const heartbeatStaleMs = 60_000;
/** How long to wait for a process that is claiming at the same moment and comes later in order. */
const claimWaitMs = 2_000;

/**
 * Locks a directory for this process. The lock is a folder of claims, one file per process, named
 * `<state>-<pid>-<start>-<place>` (the start tells a process from an earlier one that had its pid; the place is the
 * machine and pid namespace in which the pid means anything). A process first claims, then
 * looks at the others: an owner that lives wins, of two claims the lower name goes on, and what dead processes left is
 * removed. So at most one becomes the owner, whoever stops at whichever point; deleting and re-creating one lock
 * file could take away a lock that somebody else has just taken over.
 * @returns what unlocks.
 * @throws `DATABASE_IN_USE` (`pid`).
 */
export function lockDirectory(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const self = `${process.pid}-${startOf(process.pid)}-${here()}`;
  const claim = join(folder, `claim-${self}`);
  const owner = join(folder, `owner-${self}`);
  const mine = (name: string) => name.endsWith(`-${self}`);
  if (readdirSync(folder).some(mine)) throw inUse(folder, process.pid);

  writeClaim(claim);
  const giveUp = Date.now() + claimWaitMs;
  for (;;) {
    const others = readdirSync(folder).filter((name) => !mine(name) && removeIfDead(folder, name));
    const winner = others.find((name) => name.startsWith("owner-") || name < `claim-${self}`) ?? others[0];
    if (winner === undefined) break;
    if (winner.startsWith("owner-") || winner < `claim-${self}` || Date.now() > giveUp) {
      rmSync(claim, { force: true });
      throw inUse(folder, pidOf(winner));
    }
    // It sees this claim and withdraws, or had become the owner before: either shows in a moment.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
  renameSync(claim, owner);
  const heartbeat = setInterval(() => showLife(owner), heartbeatMs).unref();
  return () => {
    clearInterval(heartbeat);
    rmSync(owner, { force: true });
  };
}

function showLife(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // Its folder was deleted by hand: there is nothing left to guard.
  }
}

function writeClaim(path: string): void {
  const file = openSync(path, "wx", 0o600);
  writeSync(file, `${process.pid}\n`);
  closeSync(file);
}

/** Whether another's claim stands; that of a dead process is removed. */
function removeIfDead(folder: string, name: string): boolean {
  const [, pid, start, place = here()] = name.split("-");
  const lives = place === here() ? isAlive(Number(pid), start ?? "") : isFresh(join(folder, name));
  if (lives) return true;
  rmSync(join(folder, name), { force: true });
  return false;
}

/** Whether a claim from another container or machine, where its pid cannot be looked up, was shown to live lately. */
function isFresh(path: string): boolean {
  try {
    return Date.now() - statSync(path).mtimeMs < heartbeatStaleMs;
  } catch {
    return false;
  }
}

/** The machine and, on Linux, the pid namespace: without hyphens, which part a claim's name. */
function here(): string {
  let namespace = "";
  try {
    namespace = readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    // No /proc: the machine alone.
  }
  return `${hostname()}.${namespace}`.replace(/[^A-Za-z0-9.]/g, ".");
}

function isAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const now = startOf(pid);
  return now === start || now === "" || start === "";
}

/** When a process started, in the kernel's ticks; empty where there is no /proc: then the pid alone decides. */
function startOf(pid: number): string {
  try {
    // Field 22 of proc(5) stat; the name in field 2 may hold spaces and parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie is dead: its parent has not asked yet.
    return fields[0] === "Z" ? "gone" : (fields[19] ?? "");
  } catch {
    return "";
  }
}

function pidOf(name: string): number {
  return Number(name.split("-")[1]);
}

function inUse(folder: string, pid: number): CreditsError {
  const who = pid === process.pid ? "this process" : `process ${pid}`;
  return new CreditsError("DATABASE_IN_USE", `The embedded database is open in ${who} (lock: ${folder})`, {
    pid,
  });
}
