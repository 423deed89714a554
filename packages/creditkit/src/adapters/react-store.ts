import type { CreditsInfo } from "../core/wallet.ts";

/** Reads what the user has. `signal` is aborted when nobody waits for the answer any more. */
export type FetchInfo = (signal: AbortSignal) => Promise<CreditsInfo>;

/** A balance as a page knows it. */
export interface CreditsSnapshot {
  /** What was read last; undefined until something was. Kept while it is read anew, and when that fails. */
  readonly info: CreditsInfo | undefined;
  /** Why the last reading failed; undefined after one that did not. */
  readonly error: Error | undefined;
  readonly isRefreshing: boolean;
}

interface Channel {
  onmessage: ((message: unknown) => void) | null;
  postMessage(message: string): void;
  close(): void;
}

/** Where the browser says that the page is looked at again, and how tabs talk. Shapes: a server has none of them. */
interface Surroundings {
  window?: EventTarget;
  document?: EventTarget & { visibilityState: string };
  BroadcastChannel?: new (name: string) => Channel;
}

/**
 * One user's balance in one page: at most one request at a time, and whoever asks while one is under way gets the answer of
 * the next, since the one under way may have been read before a spend.
 */
export class CreditsStore {
  /** What a server rendered, and what the browser's first render has to equal. */
  readonly initial: CreditsSnapshot;
  private snapshot: CreditsSnapshot;
  private readonly listeners = new Set<() => void>();
  private running: { controller: AbortController; done: Promise<void> } | undefined;
  /** The request after the running one, shared by all who asked meanwhile. */
  private next: Promise<void> | undefined;
  private isStarted = false;
  private readAtMs = Number.NEGATIVE_INFINITY;
  private channel: Channel | undefined;

  constructor(
    private fetchInfo: FetchInfo,
    initial: CreditsInfo | undefined,
    private readonly channelName: string,
    private readonly focusIntervalMs: number,
  ) {
    this.initial = { info: initial, error: undefined, isRefreshing: false };
    this.snapshot = this.initial;
  }

  readonly read = (): CreditsSnapshot => this.snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Reads with another function from the next request on. */
  readWith(fetchInfo: FetchInfo): void {
    this.fetchInfo = fetchInfo;
  }

  /** Listens to the browser and to other tabs, and reads when nothing is known yet. Returns what ends all of it. */
  start(): () => void {
    const { window, document, BroadcastChannel } = globalThis as Surroundings;
    this.isStarted = true;
    const look = () => {
      const isDue = performance.now() - this.readAtMs >= this.focusIntervalMs;
      if (document?.visibilityState !== "hidden" && isDue) void this.refresh();
    };
    window?.addEventListener("focus", look);
    document?.addEventListener("visibilitychange", look);
    if (BroadcastChannel) {
      this.channel = new BroadcastChannel(this.channelName);
      this.channel.onmessage = () => void this.refresh();
    }
    if (this.snapshot.info === undefined) void this.refresh();
    else this.readAtMs = performance.now();
    return () => {
      this.isStarted = false;
      window?.removeEventListener("focus", look);
      document?.removeEventListener("visibilitychange", look);
      this.channel?.close();
      this.channel = undefined;
      this.running?.controller.abort();
    };
  }

  /** Resolves once what is shown was read after this call. Never rejects: a failure is in the snapshot. */
  readonly refresh = (): Promise<void> => {
    if (!this.isStarted) return Promise.resolve();
    if (this.running === undefined) return this.request();
    this.next ??= this.running.done.then(() => {
      this.next = undefined;
      return this.refresh();
    });
    return this.next;
  };

  /** After a spend: reads anew, here and in other tabs. */
  readonly changed = (): Promise<void> => {
    // Not what changed: another tab may show somebody else, and asks for itself.
    this.channel?.postMessage("changed");
    return this.refresh();
  };

  /** Shows what an answer told, at once, and reads the rest of it. */
  readonly setBalance = (newBalance: number): void => {
    const { info } = this.snapshot;
    // What is under way may be older than this answer.
    this.running?.controller.abort();
    if (info) this.set({ info: { ...info, availableCredits: newBalance } });
    void this.changed();
  };

  /** Takes what the server rendered anew. */
  adopt(info: CreditsInfo): void {
    this.running?.controller.abort();
    this.readAtMs = performance.now();
    this.set({ info, error: undefined });
  }

  private request(): Promise<void> {
    const controller = new AbortController();
    const running = { controller, done: this.ask(controller.signal) };
    this.running = running;
    this.set({ isRefreshing: true });
    return running.done;
  }

  private async ask(signal: AbortSignal): Promise<void> {
    this.readAtMs = performance.now();
    let outcome: Partial<CreditsSnapshot>;
    try {
      // A step later, so that what throws at once fails like everything else.
      const info = await Promise.resolve().then(() => this.fetchInfo(signal));
      outcome = { info, error: undefined };
    } catch (error) {
      outcome = { error: error instanceof Error ? error : new Error(String(error)) };
    }
    this.running = undefined;
    this.set({ ...(!signal.aborted && outcome), isRefreshing: false });
  }

  private set(change: Partial<CreditsSnapshot>): void {
    this.snapshot = { ...this.snapshot, ...change };
    for (const listener of this.listeners) listener();
  }
}

/** Reads the balance from an address that answers what `credits.getInfo` returned, as JSON. */
export function fetchFrom(url: string): FetchInfo {
  return async (signal) => {
    const request = { signal, headers: { accept: "application/json" }, cache: "no-store" };
    const response = await fetch(url, request);
    if (!response.ok) throw new Error(`The balance could not be read: HTTP ${response.status}`);
    return readInfo(await response.json());
  };
}

/** JSON has no dates: they come as ISO text. */
function readInfo(body: unknown): CreditsInfo {
  const info = body as CreditsInfo | null;
  if (typeof info !== "object" || info === null || typeof info.availableCredits !== "number") {
    throw new Error("The balance could not be read: the answer has no availableCredits");
  }
  const { nextExpiringBatch: expiring, nextGrantInfo: grant } = info;
  return {
    ...info,
    nextExpiringBatch: expiring && { ...expiring, expiresAt: new Date(expiring.expiresAt) },
    nextGrantInfo: grant && { ...grant, grantDate: new Date(grant.grantDate) },
  };
}
