// An application that writes without end and says of each operation when its promise has resolved. It is killed.
import pg from "pg";
import { fromPool } from "../../src/adapters/pg.ts";
import { fromPglite, openPglite } from "../../src/adapters/pglite.ts";
import { createCredits } from "../../src/core/credits.ts";
import type { Database } from "../../src/core/database.ts";
import { CreditsError } from "../../src/core/errors.ts";
import type { Credits } from "../../src/core/operations.ts";

export interface WriterOrder {
  /** A PostgreSQL, or the directory of a PGlite. */
  url?: string;
  directory?: string;
  /** Name of its connections. */
  application: string;
  users: readonly string[];
  /** Tells the unkeyed operations of this process from those of its predecessors. */
  run: string;
  /** Number of the operation that each lane begins with; lanes write at the same time. */
  lanes: number[];
}

/** One operation that was answered, or that the engine gave up. */
export interface WriterReport {
  lane: number;
  number: number;
  /** Written into the metadata of the transaction or hold, or a reversal's description; and the key of a keyed one. */
  operation: string;
  keyed: boolean;
  userId: string;
  amount: number;
  /** Of what it wrote last: a transaction, or a hold that it released. */
  transactionId: string | null;
}

async function open({ url, directory, application }: WriterOrder): Promise<Database> {
  if (directory !== undefined) return fromPglite(await openPglite(directory));
  return fromPool(new pg.Pool({ connectionString: url, max: 8, application_name: application }));
}

type Operation = Omit<WriterReport, "transactionId">;

/**
 * A lane's operations in turn, each unkeyed and then keyed: a spend, a grant, a hold that is settled, a spend that is given
 * back, a hold that is released. The lanes begin at different ones.
 */
function operationOf({ run, users }: WriterOrder, lane: number, number: number): Operation {
  const keyed = number % 2 === 1;
  return {
    lane,
    number,
    keyed,
    // A successor repeats what is keyed under the same key, and does what is not keyed anew.
    operation: keyed ? `${lane}-${number}` : `${run}-${lane}-${number}`,
    userId: users[(lane + number) % users.length] ?? "",
    amount: 1 + (number % 4),
  };
}

async function act(credits: Credits, { lane, number, operation, keyed, userId, amount }: Operation) {
  const metadata = { operation };
  const service = "chat";
  const key = keyed ? { idempotencyKey: operation } : {};
  switch ((lane + Math.floor(number / 2)) % 5) {
    case 0:
      return credits.consume({ userId, amount, service, metadata, ...key });
    case 1:
      return keyed
        ? credits.grant({ userId, amount, type: "purchase", purchaseId: operation, metadata })
        : credits.grant({ userId, amount, type: "adjustment", validityDays: 30, metadata });
    case 2: {
      const { holdId } = await credits.hold({ userId, amount: amount + 5, service, metadata, ...key });
      return credits.settle({ userId, holdId, amount });
    }
    case 3: {
      const { transactionId } = await credits.consume({ userId, amount, service, ...key });
      return credits.reverse({ userId, transactionId, amount, description: operation, ...key });
    }
    default: {
      const { holdId } = await credits.hold({ userId, amount, service, metadata, ...key });
      await credits.release({ userId, holdId });
      return { transactionId: holdId };
    }
  }
}

async function write(credits: Credits, order: WriterOrder, lane: number): Promise<never> {
  for (let number = order.lanes[lane] ?? 0; ; number++) {
    const operation = operationOf(order, lane, number);
    try {
      const { transactionId } = await act(credits, operation);
      process.send?.({ ...operation, transactionId } satisfies WriterReport);
    } catch (error) {
      if (!CreditsError.is(error) || error.code !== "DATABASE_UNAVAILABLE") throw error;
      process.send?.({ ...operation, transactionId: null } satisfies WriterReport);
      // What is keyed is repeated until it is answered.
      if (operation.keyed) number -= 1;
    }
  }
}

process.on("message", async (order: WriterOrder) => {
  const credits = createCredits({ database: await open(order), config: {} });
  await credits.migrate();
  await Promise.all(order.lanes.map((_, lane) => write(credits, order, lane)));
});

process.send?.("ready");
