import { CreditsError } from "./errors.ts";
import { errorFields, type Logger } from "./logger.ts";
import type { Asked, LedgerRequest, Operation } from "./request.ts";
import type { Telemetry } from "./telemetry.ts";

/** Requests of one statement at most. */
export const groupRequestsMax = 512;
/** Characters of JSON of one statement at most; a single larger request goes alone. */
export const groupCharactersMax = 1024 * 1024;
/**
 * Statements that write in flight at most, and as many that read. Each user has one lane, so that lanes never wait for
 * each other's wallets.
 */
export const laneCount = 2;
/** The same on a sharded database, where a statement is of one user and the nodes work side by side. */
export const shardedLaneCount = 16;

/** Does requests in one statement: an answer for each, in order. Retried: they may have happened already. */
export type Send = (operation: Operation, asked: readonly Asked[], isRetried: boolean) => Promise<object[]>;

// Taken once: a host's tests may put timers of their own in its place, which they move by hand.
const soon = globalThis.setImmediate ?? globalThis.setTimeout;

interface Member extends Asked {
  operation: Operation;
  characters: number;
  resolve(answer: object): void;
  reject(error: unknown): void;
}

/**
 * Group commit: while a lane's statement is in flight, later calls queue; when it returns, the queue goes out as one
 * statement and one commit. There is no timer: a lone call goes out at once, alone. The calls of one user keep
 * their order. On a sharded database a statement carries the calls of one user only. Balances are read in the same way, in
 * lanes of their own: a read waits for no commit and delays none.
 */
export class GroupCommit {
  private readonly writeLanes: readonly Lane[];
  private readonly readLanes: readonly Lane[];

  constructor(
    send: Send,
    private readonly options: {
      sharded?: boolean;
      telemetry?: Telemetry | undefined;
      logger?: Logger | undefined;
    } = {},
  ) {
    const { sharded = false, logger } = options;
    const length = sharded ? shardedLaneCount : laneCount;
    const lanes = () => Array.from({ length }, () => new Lane(send, sharded, logger));
    this.writeLanes = lanes();
    this.readLanes = lanes();
  }

  submit(operation: Operation, request: LedgerRequest): Promise<object> {
    const lanes = operation === "get_info" ? this.readLanes : this.writeLanes;
    const lane = lanes[hash(request.user_id) % lanes.length] as Lane;
    return new Promise((resolve, reject) => {
      const characters = JSON.stringify(request).length;
      const caller = this.options.telemetry?.caller();
      lane.add({ operation, request, characters, caller, resolve, reject });
    });
  }
}

class Lane {
  private queue: Member[] = [];
  private isSending = false;

  constructor(
    private readonly send: Send,
    private readonly sharded: boolean,
    private readonly logger: Logger | undefined,
  ) {}

  add(member: Member): void {
    this.queue.push(member);
    if (!this.isSending) void this.drain();
  }

  private async drain(): Promise<void> {
    this.isSending = true;
    while (this.queue.length > 0) {
      const group = this.takeGroup();
      await this.sendGroup(group);
      // Those who were answered may ask for more at once: they join the next group instead of
      // finding it gone. A lone call has nobody to wait for.
      if (group.length > 1 || this.queue.length > 0) await endOfTurn();
    }
    this.isSending = false;
  }

  /** The oldest members that fit one statement: one operation, within the limits, of one user where that is asked. */
  private takeGroup(): Member[] {
    const [first] = this.queue;
    const group: Member[] = [];
    const rest: Member[] = [];
    let characters = 0;
    let isFull = false;
    for (const member of this.queue) {
      if (isFull || (this.sharded && member.request.user_id !== first?.request.user_id)) {
        rest.push(member);
        continue;
      }
      characters += member.characters;
      isFull =
        member.operation !== first?.operation ||
        group.length >= groupRequestsMax ||
        (group.length > 0 && characters > groupCharactersMax);
      (isFull ? rest : group).push(member);
    }
    this.queue = rest;
    return group;
  }

  /** Settles every member; never rejects. */
  private async sendGroup(group: readonly Member[], isRetried = false): Promise<void> {
    const [first] = group;
    if (first === undefined) return;
    try {
      const answers = await this.send(first.operation, group, isRetried);
      for (const [index, member] of group.entries()) {
        const answer = answers[index];
        if (answer === undefined) member.reject(new Error("The database answered for nothing"));
        else member.resolve(answer);
      }
    } catch (error) {
      if (group.length === 1 || CreditsError.is(error)) {
        for (const member of group) member.reject(error);
        return;
      }
      // Whose fault it was shows when each goes alone. An attempt before the one that failed may have been committed,
      // its answer lost: so each looks first whether it has happened.
      this.logger?.warn(
        { operation: first.operation, requests: group.length, ...errorFields(error) },
        "A group failed: each of its requests goes alone",
      );
      for (const member of group) await this.sendGroup([member], true);
    }
  }
}

/** Until what is ready to run now has run: not a timer, but the end of the event loop's turn. */
function endOfTurn(): Promise<void> {
  return new Promise((resolve) => soon(resolve));
}

/** FNV-1a over UTF-16 units: spreads users over the lanes, the same for one user always. */
function hash(userId: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < userId.length; index++) {
    value = Math.imul(value ^ userId.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}
