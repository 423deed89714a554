import { type AmountRange, amountMaxDefault, creditsOf, parseAmount } from "./amount.ts";
import type { ResolvedConfig } from "./config.ts";
import { type Connection, type Database, failureKind } from "./database.ts";
import { CreditsError, invalidArgument } from "./errors.ts";
import type { Events } from "./event.ts";
import type { GroupCommit } from "./group-commit.ts";
import { errorFields, type Logger } from "./logger.ts";
import type { Telemetry } from "./telemetry.ts";

/** Attempts after the first one that a statement gets when the database, not the request, is why it failed (rule 29). */
const retriesMax = 5;
/** Wait before the first retry of a conflict and of a lost connection, in milliseconds; it doubles each time. */
const conflictWaitMs = 5;
const connectionWaitMs = 100;

/** A clock for tests: the instant that the ledger takes for now; null: the database's own. */
export type Clock = () => Date | null;

/** A function of the schema `credits` and its arguments; `attempt` is 0 the first time. */
export type Arguments = readonly unknown[] | ((attempt: number) => readonly unknown[]);

/** What the host may pass in beside the database and the configuration. */
export interface EngineOptions {
  clock?: Clock | undefined;
  telemetry?: Telemetry | undefined;
  logger?: Logger | undefined;
  /** Each statement then is about one user and names that user first, so that it can be delegated to a shard. */
  sharded?: boolean;
}

/** What every operation shares: the configuration, and the one way to the database. */
export class Engine {
  private installation: Promise<void> | undefined;
  private isInstalled = false;
  /** Joins concurrent calls into one statement; not on a host's transaction, and not where it is switched off. */
  groupCommit: GroupCommit | undefined;
  /** Tells the host of what is committed; not on a host's transaction, which nobody knows to be committed. */
  events: Events | undefined;
  /** Set once the database's default isolation turned out to be stricter than READ COMMITTED. */
  private readCommitted = false;

  constructor(
    readonly database: Database,
    readonly config: ResolvedConfig,
    private readonly options: EngineOptions,
    private readonly host?: Engine,
  ) {}

  /** The same engine on a host's transaction. */
  on(database: Database): Engine {
    const engine = new Engine(database, this.config, this.options, this);
    // Only an answer is shared: a check that is still under way may be waiting for the host's own connection.
    if (this.isInstalled) engine.installed();
    return engine;
  }

  get telemetry(): Telemetry | undefined {
    return this.options.telemetry;
  }

  get sharded(): boolean {
    return this.options.sharded === true;
  }

  get logger(): Logger | undefined {
    return this.options.logger;
  }

  get amountRange(): AmountRange {
    return {
      decimals: this.config.decimals,
      amountMax: this.config.limitations.amountMax ?? amountMaxDefault,
    };
  }

  /** Reads an amount of credits as units. */
  units(value: unknown): number {
    return parseAmount(value, this.amountRange);
  }

  /** As `units`, where 0 means something too. */
  unitsOrZero(value: unknown): number {
    return Object.is(value, 0) ? 0 : this.units(value);
  }

  /** Units of a configured amount: it was checked with the configuration. */
  configuredUnits(credits: number): number {
    return Math.round(credits * 10 ** this.config.decimals);
  }

  credits(units: number): number {
    return creditsOf(units, this.config.decimals);
  }

  /** @throws `CREDITS_DISABLED`: the first check of every grant and spend (rule 9). */
  requireEnabled(): void {
    if (!this.config.enabled) throw new CreditsError("CREDITS_DISABLED", "Credits are disabled");
  }

  /** The test clock's instant for the database, or null: the database reads its own (rule 2). */
  now(): string | null {
    const { clock } = this.options;
    if (clock === undefined) return null;
    const now = clock();
    if (now === null) return null;
    if (!(now instanceof Date) || Number.isNaN(now.getTime()))
      throw invalidArgument("clock", "a function that returns a Date");
    return now.toISOString();
  }

  /**
   * Calls one function of the schema in one statement and returns its answer. Retries conflicts and lost connections;
   * what is retried must act once under its key or id.
   * @throws `DATABASE_UNAVAILABLE` when it stays unreachable, or was never migrated.
   */
  async call<Answer>(statement: string, parameters: Arguments): Promise<Answer> {
    await this.checkInstallation();
    return this.run<Answer>(statement, parameters);
  }

  /** Called by `migrate`: this database has been checked. */
  installed(): void {
    this.installation = Promise.resolve();
    this.isInstalled = true;
    this.host?.installed();
  }

  private run<Answer>(statement: string, parameters: Arguments): Promise<Answer> {
    return this.retry(async (attempt) => {
      const values = typeof parameters === "function" ? parameters(attempt) : parameters;
      const rows = await this.query(statement, values);
      return JSON.parse(String(rows[0]?.answer ?? "null"));
    });
  }

  /**
   * Does work again when the database, not the request, is why it failed (rule 29).
   * @throws `DATABASE_UNAVAILABLE` when it stays unreachable, or was never migrated.
   */
  async retry<Result>(work: (attempt: number) => Promise<Result>): Promise<Result> {
    // Once an answer got lost, no other failure says that nothing has happened: only an answer does.
    let isUnknown = false;
    for (let attempt = 0; ; attempt++) {
      try {
        return await work(attempt);
      } catch (error) {
        const kind = failureKind(error);
        isUnknown ||= kind === "connection";
        const isFinal = kind === "other" && (!isUnknown || attempt >= retriesMax);
        if (this.database.inTransaction || isFinal) throw error;
        if (kind === "not_migrated") {
          throw this.unavailable(
            "The database has no current credits schema: run credits.migrate() or `creditkit migrate` first",
            error,
          );
        }
        if (kind === "serialization") this.setReadCommitted();
        if (attempt >= retriesMax) {
          throw this.unavailable(`The database did not answer after ${attempt + 1} attempts`, error);
        }
        this.telemetry?.retry(kind);
        // Conflicts are everyday business under load; a connection is not lost every day.
        const level = isUnknown ? "warn" : "debug";
        this.logger?.[level](
          { reason: kind, retry: attempt + 1, ...errorFields(error) },
          "Asking the database again",
        );
        await wait((isUnknown ? connectionWaitMs : conflictWaitMs) * 2 ** attempt);
      }
    }
  }

  private unavailable(message: string, cause: unknown): CreditsError {
    this.logger?.error({ ...errorFields(cause) }, message);
    return new CreditsError("DATABASE_UNAVAILABLE", message, {}, { cause });
  }

  private setReadCommitted(): void {
    if (this.readCommitted) return;
    this.readCommitted = true;
    this.logger?.info({}, "Statements run in READ COMMITTED transactions from here on, after a conflict");
  }

  /**
   * One statement in one round trip. Where the default isolation is REPEATABLE READ or SERIALIZABLE, a wallet that
   * many spend at once would make each lose most attempts; there, from the first conflict on, an explicit
   * READ COMMITTED transaction waits its turn instead. The locks are what makes either exact.
   */
  private query(statement: string, values: readonly unknown[]) {
    const ask = (connection: Connection) => connection.query(statement, values);
    return this.readCommitted && !this.database.inTransaction
      ? this.database.transaction(ask)
      : ask(this.database);
  }

  /** Once per engine that did not migrate: amounts mean something else under other decimals (rule 10). */
  private async checkInstallation(): Promise<void> {
    this.installation ??= this.run<number>(
      "select decimals::text as answer from credits.installation",
      [],
    ).then((decimals) => {
      requireDecimals(this.config.decimals, decimals);
      this.installed();
    });
    try {
      await this.installation;
    } catch (error) {
      this.installation = undefined;
      throw error;
    }
  }
}

/** @throws `INVALID_CONFIG` when the configuration counts in other units than the database. */
export function requireDecimals(configured: number, installed: number | null): void {
  if (configured === installed) return;
  const message = `expected ${installed}, which the first migration of this database fixed`;
  throw new CreditsError("INVALID_CONFIG", `Invalid credits configuration:\n  decimals: ${message}`, {
    problems: [{ path: "decimals", message }],
  });
}

function wait(milliseconds: number): Promise<void> {
  // Jittered: those who collided must not come back together.
  return new Promise((resolve) => setTimeout(resolve, milliseconds * (0.5 + Math.random())));
}
