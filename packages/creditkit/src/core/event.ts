import type { Engine } from "./engine.ts";
import { errorFields } from "./logger.ts";

/** Credits arrived in a wallet. */
export interface CreditsGranted {
  type: "credits.granted";
  userId: string;
  transactionId: string;
  /** Credits that the transaction granted. */
  amount: number;
  /** Available credits right after it. */
  newBalance: number;
  batchId: string;
  /** `purchase`, `monthly_grant`, `registration_bonus` or `adjustment`. */
  transactionType: string;
  /** Omitted: the batch never expires. */
  expirationDate?: Date;
  /** The period of a monthly grant. */
  grantPeriod?: string;
  /** What was paid. */
  purchaseId?: string;
}

/** Credits were spent. */
export interface CreditsConsumed {
  type: "credits.consumed";
  userId: string;
  transactionId: string;
  amount: number;
  service: string;
  /** Available credits right after it. */
  newBalance: number;
}

/** A spend was given back, whole or in part. */
export interface CreditsReversed {
  type: "credits.reversed";
  userId: string;
  transactionId: string;
  /** Credits given back, what has expired meanwhile included. */
  amount: number;
  reversedTransactionId: string;
  /** Available credits right after it. */
  newBalance: number;
}

/** Credits were taken by hand. */
export interface CreditsDeducted {
  type: "credits.deducted";
  userId: string;
  transactionId: string;
  amount: number;
  /** Available credits right after it. */
  newBalance: number;
}

/** The expire job booked what had expired in a batch: nobody could spend it from the instant of its expiry on. */
export interface CreditsExpired {
  type: "credits.expired";
  userId: string;
  transactionId: string;
  amount: number;
  batchId: string;
}

/**
 * A transaction left less than `limitations.lowBalance` available where the wallet's transaction before had left at
 * least that much: once per crossing. Where credits expired in between, the next transaction reports it.
 */
export interface CreditsLow {
  type: "credits.low";
  userId: string;
  /** The transaction that crossed. */
  transactionId: string;
  /** `limitations.lowBalance` */
  threshold: number;
  /** Available credits right after the transaction. */
  available: number;
}

/** What has been committed. */
export type CreditsEvent =
  | CreditsGranted
  | CreditsConsumed
  | CreditsReversed
  | CreditsDeducted
  | CreditsExpired
  | CreditsLow;

/**
 * Hears of each transaction once it is committed, at most once: what a process that dies had not told yet, nobody
 * tells. The transaction table is what happened. Nothing waits for it, and what it throws is logged.
 */
export type EventHandler = (event: CreditsEvent) => void | Promise<void>;

/** What the schema's functions answer about each transaction. Units. */
export interface Committed {
  id: string;
  available: number;
  /** Right after the wallet's transaction before; null: it was the first. */
  available_before: number | null;
}

/** Tells the host's handler what the engine's statements have committed. */
export class Events {
  private readonly threshold: number | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly handler: EventHandler,
  ) {
    this.threshold = engine.config.limitations.lowBalance;
  }

  /** Tells of one transaction, and whether it crossed the threshold. */
  emit(event: Exclude<CreditsEvent, CreditsLow>, committed: Committed): void {
    void this.deliver(event);
    const { threshold } = this;
    if (threshold === undefined || committed.available_before === null) return;
    const units = this.engine.configuredUnits(threshold);
    if (committed.available_before < units || committed.available >= units) return;
    void this.deliver({
      type: "credits.low",
      userId: event.userId,
      transactionId: event.transactionId,
      threshold,
      available: this.engine.credits(committed.available),
    });
  }

  /** Calls the handler at once, so that events keep their order, and waits for it only to log what went wrong. */
  private async deliver(event: CreditsEvent): Promise<void> {
    try {
      await this.handler(event);
    } catch (error) {
      const fields = { event: event.type, transactionId: event.transactionId, ...errorFields(error) };
      this.engine.logger?.error(fields, "An event's handler threw");
    }
  }
}
