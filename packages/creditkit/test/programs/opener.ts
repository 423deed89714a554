// A process that opens an embedded database, or only takes its lock, and keeps it until it is told otherwise.
import { fromPglite, openPglite } from "../../src/adapters/pglite.ts";
import { lockDirectory } from "../../src/adapters/pglite-lock.ts";
import { createCredits } from "../../src/core/credits.ts";
import type { CreditsError } from "../../src/core/errors.ts";
import type { Credits } from "../../src/core/operations.ts";

export type OpenerOrder =
  /** `at`: when to begin, in milliseconds since 1970, so that several begin together. */
  | { name: "lock"; folder: string; at: number }
  | { name: "open"; directory: string }
  | { name: "spend"; userId: string }
  | { name: "close" };

export type OpenerReport = { done: true } | { code: string; message: string; pid?: number };

let release: (() => void | Promise<void>) | undefined;
let credits: Credits | undefined;

async function obey(order: OpenerOrder): Promise<void> {
  switch (order.name) {
    case "lock":
      while (Date.now() < order.at);
      release = lockDirectory(order.folder);
      return;
    case "open": {
      const pglite = await openPglite(order.directory);
      release = () => pglite.close();
      credits = createCredits({ database: fromPglite(pglite), config: {} });
      await credits.migrate();
      return;
    }
    case "spend":
      await credits?.consume({ userId: order.userId, amount: 1, service: "chat" });
      return;
    case "close":
      await release?.();
      release = undefined;
  }
}

process.on("message", (order: OpenerOrder) => {
  const report = (answer: OpenerReport) => process.send?.(answer);
  obey(order).then(
    () => report({ done: true }),
    ({ code, message, pid }: CreditsError) =>
      report({ code, message, ...(pid === undefined ? {} : { pid }) }),
  );
});

process.send?.("ready");
