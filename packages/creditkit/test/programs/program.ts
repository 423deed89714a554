import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

/** A child process that runs one of the programs of this folder. */
export interface Program<Order extends object, Report> {
  readonly pid: number;
  send(order: Order): void;
  /** The next report that nobody took yet. Fails when the process ends first. */
  next(): Promise<Report>;
  /** Sends an order and takes the next report. */
  ask(order: Order): Promise<Report>;
  /** Whether it still runs. */
  isRunning(): boolean;
  /** Waits until it is gone, by itself. */
  ended(): Promise<void>;
  /** SIGKILL, and waits until it is gone. Returns the reports that had arrived and nobody took. */
  kill(): Promise<Report[]>;
}

const require = createRequire(import.meta.url);
// Node 20 runs no TypeScript by itself.
const loader = pathToFileURL(require.resolve("tsx")).href;

/** Starts a program and waits until it says `"ready"`. */
export async function startProgram<Order extends object, Report>(
  name: string,
): Promise<Program<Order, Report>> {
  const child = fork(fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), [], {
    execArgv: ["--import", loader],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const reports = new Reports<Report | "ready">(child);
  await reports.next();
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} has no pid`);
  const next = () => reports.next() as Promise<Report>;
  const send = (order: Order) => {
    child.send(order);
  };
  return {
    pid,
    send,
    next,
    ask: (order) => {
      send(order);
      return next();
    },
    isRunning: () => child.exitCode === null && child.signalCode === null,
    ended: () => reports.end,
    kill: async () => {
      child.kill("SIGKILL");
      await reports.end;
      return reports.takeAll() as Report[];
    },
  };
}

/** What a child said, in order, kept until somebody takes it. */
class Reports<Report> {
  readonly end: Promise<void>;
  private readonly arrived: Report[] = [];
  private readonly waiting: { resolve(report: Report): void; reject(error: Error): void }[] = [];
  private ended: Error | undefined;

  constructor(child: ChildProcess) {
    child.on("message", (report) => {
      const waiter = this.waiting.shift();
      if (waiter === undefined) this.arrived.push(report as Report);
      else waiter.resolve(report as Report);
    });
    // "close" comes after the last message, "exit" may come before it.
    this.end = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.ended = new Error(`The child process ended with ${signal ?? `code ${code}`}`);
        for (const waiter of this.waiting.splice(0)) waiter.reject(this.ended);
        resolve();
      });
    });
  }

  takeAll(): Report[] {
    return this.arrived.splice(0);
  }

  next(): Promise<Report> {
    const report = this.arrived.shift();
    if (report !== undefined) return Promise.resolve(report);
    if (this.ended !== undefined) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }
}
