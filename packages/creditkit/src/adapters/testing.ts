// For readers whose own `lib` knows no `await using`.
/// <reference lib="esnext.disposable" preserve="true" />
import { PGlite } from "@electric-sql/pglite";
import { type CreditsConfig, defaultCreditsConfig } from "../core/config.ts";
import { createCredits } from "../core/credits.ts";
import type { Database } from "../core/database.ts";
import type { Credits } from "../core/operations.ts";
import { fromPglite } from "./pglite.ts";

const dayMs = 24 * 60 * 60 * 1000;

/** A clock that stands still until a test moves it. */
export class TestClock {
  private instant: number;

  constructor(start: Date | string) {
    this.instant = new Date(start).getTime();
  }

  /** The instant that the ledger takes for now. */
  readonly now = (): Date => new Date(this.instant);

  /** Moves to an instant. The ledger never goes back: a wallet's T stays at its latest. */
  set(instant: Date | string): void {
    this.instant = new Date(instant).getTime();
  }

  /** Moves on by milliseconds. */
  advance(milliseconds: number): void {
    this.instant += milliseconds;
  }

  /** Moves on by days of 24 h. */
  advanceDays(days: number): void {
    this.instant += days * dayMs;
  }
}

export interface TestCredits {
  credits: Credits;
  clock: TestClock;
  database: Database;
  pglite: PGlite;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface TestCreditsOptions {
  /** Default: `defaultCreditsConfig`. */
  config?: CreditsConfig;
  /** Where the clock starts. Default: now. */
  now?: Date | string;
}

/**
 * A whole credits system in memory (PGlite), migrated, with a clock that the test moves. Starting takes a second or
 * two: share one among the tests of a file and give each test a user of its own.
 */
export async function createTestCredits({ config, now }: TestCreditsOptions = {}): Promise<TestCredits> {
  const pglite = await PGlite.create();
  const clock = new TestClock(now ?? new Date());
  const database = fromPglite(pglite);
  const credits = createCredits({ database, config: config ?? defaultCreditsConfig, clock: clock.now });
  await credits.migrate();
  const close = () => pglite.close();
  return { credits, clock, database, pglite, close, [Symbol.asyncDispose]: close };
}
