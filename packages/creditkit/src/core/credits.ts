import { createApiKey, getApiKeys, revokeApiKey, verifyApiKey } from "./api-key.ts";
import { audit } from "./audit.ts";
import { type CreditsConfig, resolveConfig } from "./config.ts";
import { consume, consumeForService } from "./consume.ts";
import { type Database, hostTransaction, isDatabase } from "./database.ts";
import { deduct } from "./deduct.ts";
import { type Clock, Engine } from "./engine.ts";
import { eraseUser } from "./erase.ts";
import { invalidArgument } from "./errors.ts";
import { type EventHandler, Events } from "./event.ts";
import { processExpired } from "./expire.ts";
import { grant, grantPurchased, grantRegistrationBonus, grantSubscription } from "./grant.ts";
import { GroupCommit } from "./group-commit.ts";
import { getHolds, hold } from "./hold.ts";
import { getPaymentEvents, replayPaymentEvent } from "./inbox.ts";
import { reported } from "./job.ts";
import { getJobRuns, recorded } from "./job-run.ts";
import { guarded, isLogger, type Logger } from "./logger.ts";
import { type Meter, type MeterParams, meter } from "./meter.ts";
import { migrate } from "./migrate.ts";
import { processDailyGrant } from "./monthly-grant.ts";
import type { Credits, CreditsOperations } from "./operations.ts";
import { getOverview } from "./overview.ts";
import { applyPaymentEvent } from "./payment.ts";
import {
  checkPurchase,
  getCustomer,
  getNewestPayments,
  getPayments,
  getSubscription,
  linkCustomer,
} from "./purchase.ts";
import { send } from "./request.ts";
import { reverse } from "./reverse.ts";
import { release, settle } from "./settle.ts";
import { getStatement } from "./statement.ts";
import { upsertSubscription } from "./subscription.ts";
import { observed, type Telemetry } from "./telemetry.ts";
import { getTransactions } from "./transaction.ts";
import { getUsage } from "./usage.ts";
import { freeze, getInfo, getWallet, unfreeze } from "./wallet.ts";
import {
  deliverWebhooks,
  getWebhookDeliveries,
  resendWebhook,
  type SendWebhook,
} from "./webhook-delivery.ts";
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  getWebhookEndpoints,
  updateWebhookEndpoint,
} from "./webhook-endpoint.ts";
export interface CreditsOptions {
  /** From `creditkit/pg`, `creditkit/pglite` or `creditkit/drizzle`. */
  database: Database;
  config: CreditsConfig;
  /** For tests: the instant to take for now. Omitted, the database's clock decides. */
  clock?: Clock;
  /**
   * Whether concurrent grants and spends share statements and commits: many times faster under load, and a lone call
   * costs the same. Default true.
   */
  groupCommit?: boolean;
  /**
   * Whether the tables are distributed over a cluster by user (`sql/engines/citus.sql`): each statement then is about one
   * user, so that the node that has the user's rows can do it alone, and `migrate` distributes what it brings. On one
   * machine it only costs. Default false.
   */
  sharded?: boolean;
  /** Traces and metrics, from `creditkit/opentelemetry`. Default: none. */
  telemetry?: Telemetry;
  /** What an operator should know: retries, failures, jobs. A pino logger, or `console`. Default: silent. */
  logger?: Logger;
  /**
   * Called with each grant, spend, reversal and expiration once it is committed, and when a wallet becomes low
   * (`limitations.lowBalance`): never for a replay or a refusal. Nothing waits for it and nothing fails by it. Calls through
   * `using` tell nothing, since whether they are committed is the host's to know.
   */
  onEvent?: EventHandler;
}

/**
 * The credits system of one database. Opens nothing and reads no environment.
 * @throws `INVALID_CONFIG` with every problem of the configuration.
 * @example
 * const credits = createCredits({ database: fromPool(pool), config: { consumption: { chat: 2 } } });
 * await credits.migrate();
 * await credits.grant({ userId: "ada", amount: 100, type: "purchase", validityDays: 90 });
 * const { newBalance } = await credits.consumeForService({ userId: "ada", service: "chat" });
 */
export function createCredits({
  database,
  config,
  clock,
  groupCommit = true,
  sharded = false,
  telemetry,
  logger,
  onEvent,
}: CreditsOptions): Credits {
  if (!isDatabase(database))
    throw invalidArgument("database", "fromPool(…), fromPglite(…) or fromDrizzle(…)");
  if (clock !== undefined && typeof clock !== "function")
    throw invalidArgument("clock", "a function that returns a Date");
  if (telemetry !== undefined && typeof telemetry?.operation !== "function")
    throw invalidArgument("telemetry", "openTelemetry(…)");
  if (logger !== undefined && !isLogger(logger))
    throw invalidArgument("logger", "an object with debug, info, warn and error");
  if (onEvent !== undefined && typeof onEvent !== "function") throw invalidArgument("onEvent", "a function");
  const engine = new Engine(database, resolveConfig(config), {
    clock,
    telemetry,
    logger: logger && guarded(logger),
    sharded,
  });
  // Rule 2: loudly.
  if (clock !== undefined)
    engine.logger?.warn({}, "A test clock can decide what time it is: NEVER run with real users like this");
  // A host's transaction is one connection, and its calls are the host's to order.
  if (groupCommit && !database.inTransaction) {
    engine.groupCommit = new GroupCommit(
      (operation, asked, isRetried) => send(engine, operation, asked, isRetried),
      engine,
    );
  }
  if (onEvent !== undefined && !database.inTransaction) engine.events = new Events(engine, onEvent);
  const administration = {
    migrate: async () => {
      const result = await engine.retry(() => migrate(database, engine.config, { sharded }));
      engine.installed();
      return result;
    },
    deliverWebhooks: (send: SendWebhook) => deliverWebhooks(engine, send),
    meter: <Value>(params: MeterParams, work: (meter: Meter) => Promise<Value>) =>
      meter(engine, params, work),
    processDailyGrant: () =>
      recorded(engine, "grant", () => reported(engine.logger, "grant", () => processDailyGrant(engine))),
    processExpired: () =>
      recorded(engine, "expire", () => reported(engine.logger, "expire", () => processExpired(engine))),
    // Inside a host's transaction it is a read like any other, and leaves no note.
    audit: () => recorded(engine, "audit", () => audit(engine)),
  };
  return {
    ...observed({ ...operations(engine), ...administration }, telemetry),
    config: engine.config,
    using: (transaction) => observed(operations(engine.on(hostTransaction(transaction))), telemetry),
  };
}

function operations(engine: Engine): CreditsOperations {
  return {
    grant: (params) => grant(engine, params),
    grantRegistrationBonus: (userId) => grantRegistrationBonus(engine, userId),
    grantSubscription: (params) => grantSubscription(engine, params),
    grantPurchased: (params) => grantPurchased(engine, params),
    consume: (params) => consume(engine, params),
    consumeForService: (params) => consumeForService(engine, params),
    hold: (params) => hold(engine, params),
    settle: (params) => settle(engine, params),
    release: (params) => release(engine, params),
    reverse: (params) => reverse(engine, params),
    deduct: (params) => deduct(engine, params),
    eraseUser: (params) => eraseUser(engine, params),
    getHolds: (params) => getHolds(engine, params),
    getInfo: (params) => getInfo(engine, params),
    getTransactions: (params) => getTransactions(engine, params),
    getStatement: (params) => getStatement(engine, params),
    getUsage: (params) => getUsage(engine, params),
    getOverview: () => getOverview(engine),
    getJobRuns: (params) => getJobRuns(engine, params),
    getWallet: (params) => getWallet(engine, params),
    upsertSubscription: (params) => upsertSubscription(engine, params),
    applyPaymentEvent: (event) => applyPaymentEvent(engine, event),
    getPaymentEvents: (params) => getPaymentEvents(engine, params),
    replayPaymentEvent: (params) => replayPaymentEvent(engine, params),
    checkPurchase: (params) => checkPurchase(engine, params),
    getSubscription: (params) => getSubscription(engine, params),
    getPayments: (params) => getPayments(engine, params),
    getNewestPayments: () => getNewestPayments(engine),
    getCustomer: (params) => getCustomer(engine, params),
    linkCustomer: (params) => linkCustomer(engine, params),
    freeze: (params) => freeze(engine, params),
    unfreeze: (params) => unfreeze(engine, params),
    audit: () => audit(engine),
    createApiKey: (params) => createApiKey(engine, params),
    getApiKeys: () => getApiKeys(engine),
    revokeApiKey: (params) => revokeApiKey(engine, params),
    verifyApiKey: (key) => verifyApiKey(engine, key),
    createWebhookEndpoint: (params) => createWebhookEndpoint(engine, params),
    getWebhookEndpoints: () => getWebhookEndpoints(engine),
    updateWebhookEndpoint: (params) => updateWebhookEndpoint(engine, params),
    deleteWebhookEndpoint: (params) => deleteWebhookEndpoint(engine, params),
    getWebhookDeliveries: (params) => getWebhookDeliveries(engine, params),
    resendWebhook: (params) => resendWebhook(engine, params),
  };
}
