// An application that takes in what a payment provider tells, and dies where it is told to.
import pg from "pg";
import { fromPool } from "../../src/adapters/pg.ts";
import type { CreditsConfig } from "../../src/core/config.ts";
import { createCredits } from "../../src/core/credits.ts";
import type { Database } from "../../src/core/database.ts";
import type { PaymentEvent } from "../../src/core/payment-event.ts";

export interface PayerOrder {
  url: string;
  config: CreditsConfig;
  /** JSON of the events, in order. */
  events: string;
  /** The statement at which it dies, from 0; none: it lives, and says how many there were. */
  statement?: number;
  /** Before it is sent, while it runs, or when its answer has come. */
  when?: "before" | "during" | "after";
}

export interface PayerReport {
  statements: number;
}

/** Kill -9: nothing of this process runs after it. */
function die(): void {
  process.kill(process.pid, "SIGKILL");
}

function mortal(database: Database, order: PayerOrder, count: { statements: number }): Database {
  return {
    ...database,
    query: async (text, parameters) => {
      const isLast = count.statements++ === order.statement;
      if (isLast && order.when === "before") die();
      const answer = database.query(text, parameters);
      if (isLast && order.when === "during") setImmediate(die);
      const rows = await answer;
      if (isLast && order.when === "after") die();
      return rows;
    },
  };
}

process.on("message", async (order: PayerOrder) => {
  const pool = new pg.Pool({ connectionString: order.url, max: 1, application_name: "creditkit test payer" });
  // A connection first, so that what is killed while it runs has been sent.
  await pool.query("select 1");
  const count = { statements: 0 };
  const credits = createCredits({ database: mortal(fromPool(pool), order, count), config: order.config });
  const events: PaymentEvent[] = JSON.parse(order.events, (key, value) =>
    ["occurredAt", "anchor", "currentPeriodEnd", "periodStart", "periodEnd"].includes(key)
      ? new Date(value)
      : value,
  );
  for (const event of events) await credits.applyPaymentEvent(event);
  await pool.end();
  process.send?.({ statements: count.statements } satisfies PayerReport);
});

process.send?.("ready");
