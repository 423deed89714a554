import {
  type ApiCaller,
  type ApiKey,
  type CreateApiKeyParams,
  createApiKey,
  getApiKeys,
  revokeApiKey,
  verifyApiKey,
} from "./api-key.ts";
import { type AuditResult, audit } from "./audit.ts";
import { type CreditsConfig, type ResolvedConfig, resolveConfig } from "./config.ts";
import {
  type ConsumeForServiceParams,
  type ConsumeForServiceResult,
  type ConsumeParams,
  type ConsumeResult,
  consume,
  consumeForService,
} from "./consume.ts";
import { type Database, type HostTransaction, hostTransaction, isDatabase } from "./database.ts";
import { type DeductParams, type DeductResult, deduct } from "./deduct.ts";
import { type Clock, Engine } from "./engine.ts";
import { type EraseResult, eraseUser } from "./erase.ts";
import { invalidArgument } from "./errors.ts";
import { type EventHandler, Events } from "./event.ts";
import { type ExpireResult, processExpired } from "./expire.ts";
import {
  type GrantParams,
  type GrantPurchasedParams,
  type GrantResult,
  type GrantSubscriptionParams,
  grant,
  grantPurchased,
  grantRegistrationBonus,
  grantSubscription,
} from "./grant.ts";
import { GroupCommit } from "./group-commit.ts";
import { getHolds, type HoldParams, type HoldResult, hold, type OpenHold } from "./hold.ts";
import { getPaymentEvents, type InboxEvent, type InboxStatus, replayPaymentEvent } from "./inbox.ts";
import { reported } from "./job.ts";
import { getJobRuns, type JobName, type JobRun, recorded } from "./job-run.ts";
import { guarded, isLogger, type Logger } from "./logger.ts";
import { type Meter, type MeterParams, type MeterResult, meter } from "./meter.ts";
import { type MigrateResult, migrate } from "./migrate.ts";
import { type DailyGrantResult, processDailyGrant } from "./monthly-grant.ts";
import { getOverview, type Overview } from "./overview.ts";
import { applyPaymentEvent, type PaymentEventResult } from "./payment.ts";
import type { PaymentEvent } from "./payment-event.ts";
import type { PaymentBooks, Sold } from "./payment-provider.ts";
import {
  checkPurchase,
  getCustomer,
  getNewestPayments,
  getPayments,
  getSubscription,
  linkCustomer,
  type Payment,
  type SubscriptionInfo,
} from "./purchase.ts";
import { send } from "./request.ts";
import { type ReverseParams, type ReverseResult, reverse } from "./reverse.ts";
import {
  type ReleaseParams,
  type ReleaseResult,
  release,
  type SettleParams,
  type SettleResult,
  settle,
} from "./settle.ts";
import { getStatement, type Statement, type StatementParams } from "./statement.ts";
import { type SubscriptionParams, upsertSubscription } from "./subscription.ts";
import { observed, type Telemetry } from "./telemetry.ts";
import { type GetTransactionsParams, getTransactions, type TransactionPage } from "./transaction.ts";
import { type DailyUsage, getUsage, type UsageParams } from "./usage.ts";
import {
  type CreditsInfo,
  freeze,
  getInfo,
  getWallet,
  type UserParams,
  unfreeze,
  type WalletDetails,
} from "./wallet.ts";
import {
  type DeliverWebhooksResult,
  deliverWebhooks,
  getWebhookDeliveries,
  resendWebhook,
  type SendWebhook,
  type WebhookDelivery,
  type WebhookDeliveryStatus,
} from "./webhook-delivery.ts";
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  getWebhookEndpoints,
  updateWebhookEndpoint,
  type WebhookEndpoint,
  type WebhookEndpointChange,
  type WebhookEndpointParams,
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

/** The operations on the books. */
export interface CreditsOperations extends PaymentBooks {
  /** {@link grant} */
  grant(params: GrantParams): Promise<GrantResult>;
  /** {@link grantRegistrationBonus} */
  grantRegistrationBonus(userId: string): Promise<GrantResult>;
  /** {@link grantSubscription} */
  grantSubscription(params: GrantSubscriptionParams): Promise<GrantResult>;
  /** {@link grantPurchased} */
  grantPurchased(params: GrantPurchasedParams): Promise<GrantResult>;
  /** {@link consume} */
  consume(params: ConsumeParams): Promise<ConsumeResult>;
  /** {@link consumeForService} */
  consumeForService(params: ConsumeForServiceParams): Promise<ConsumeForServiceResult>;
  /** {@link hold} */
  hold(params: HoldParams): Promise<HoldResult>;
  /** {@link settle} */
  settle(params: SettleParams): Promise<SettleResult>;
  /** {@link release} */
  release(params: ReleaseParams): Promise<ReleaseResult>;
  /** {@link reverse} */
  reverse(params: ReverseParams): Promise<ReverseResult>;
  /** {@link deduct} */
  deduct(params: DeductParams): Promise<DeductResult>;
  /** {@link eraseUser} */
  eraseUser(params: UserParams): Promise<EraseResult>;
  /** {@link getHolds} */
  getHolds(params: UserParams): Promise<OpenHold[]>;
  /** {@link getInfo} */
  getInfo(params: UserParams): Promise<CreditsInfo>;
  /** {@link getTransactions} */
  getTransactions(params: GetTransactionsParams): Promise<TransactionPage>;
  /** {@link getStatement} */
  getStatement(params: StatementParams): Promise<Statement>;
  /** {@link getUsage} */
  getUsage(params: UsageParams): Promise<DailyUsage[]>;
  /** {@link getOverview} */
  getOverview(): Promise<Overview>;
  /** {@link getJobRuns} */
  getJobRuns(params?: { job?: JobName; limit?: number }): Promise<JobRun[]>;
  /** {@link getWallet} */
  getWallet(params: UserParams): Promise<WalletDetails | null>;
  /** {@link upsertSubscription} */
  upsertSubscription(params: SubscriptionParams): Promise<void>;
  /** {@link applyPaymentEvent} */
  applyPaymentEvent(event: PaymentEvent): Promise<PaymentEventResult>;
  /** {@link getPaymentEvents} */
  getPaymentEvents(params?: { status?: InboxStatus; limit?: number }): Promise<InboxEvent[]>;
  /** {@link replayPaymentEvent} */
  replayPaymentEvent(params: { eventId: string; provider?: string | undefined }): Promise<PaymentEventResult>;
  /** {@link checkPurchase} */
  checkPurchase(params: { userId: string; priceId: string }): Promise<Sold>;
  /** {@link getSubscription} */
  getSubscription(params: UserParams): Promise<SubscriptionInfo | null>;
  /** {@link getPayments} */
  getPayments(params: UserParams): Promise<Payment[]>;
  /** {@link getNewestPayments} */
  getNewestPayments(): Promise<Payment[]>;
  /** {@link getCustomer} */
  getCustomer(params: { userId: string; provider: string }): Promise<string | null>;
  /** {@link linkCustomer} */
  linkCustomer(params: { userId: string; provider: string; customerId: string }): Promise<string>;
  /** {@link freeze} */
  freeze(params: UserParams): Promise<void>;
  /** {@link unfreeze} */
  unfreeze(params: UserParams): Promise<void>;
  /** {@link audit} */
  audit(): Promise<AuditResult>;
  /** {@link createApiKey} */
  createApiKey(params: CreateApiKeyParams): Promise<ApiKey & { key: string }>;
  /** {@link getApiKeys} */
  getApiKeys(): Promise<ApiKey[]>;
  /** {@link revokeApiKey} */
  revokeApiKey(params: { keyId: string }): Promise<ApiKey>;
  /** {@link verifyApiKey} */
  verifyApiKey(key: string): Promise<ApiCaller | null>;
  /** {@link createWebhookEndpoint} */
  createWebhookEndpoint(params: WebhookEndpointParams): Promise<WebhookEndpoint & { secret: string }>;
  /** {@link getWebhookEndpoints} */
  getWebhookEndpoints(): Promise<WebhookEndpoint[]>;
  /** {@link updateWebhookEndpoint} */
  updateWebhookEndpoint(params: WebhookEndpointChange): Promise<WebhookEndpoint>;
  /** {@link deleteWebhookEndpoint} */
  deleteWebhookEndpoint(params: { endpointId: string }): Promise<void>;
  /** {@link getWebhookDeliveries} */
  getWebhookDeliveries(params?: {
    status?: WebhookDeliveryStatus;
    endpointId?: string;
    limit?: number;
  }): Promise<WebhookDelivery[]>;
  /** {@link resendWebhook} */
  resendWebhook(params: { messageId: string; endpointId: string }): Promise<void>;
}

export interface Credits extends CreditsOperations {
  /** The checked configuration. */
  readonly config: ResolvedConfig;
  /** {@link migrate}: idempotent, safe when several processes start at once. */
  migrate(): Promise<MigrateResult>;
  /** {@link processDailyGrant} */
  processDailyGrant(): Promise<DailyGrantResult>;
  /** {@link processExpired} */
  processExpired(): Promise<ExpireResult>;
  /** {@link deliverWebhooks}; `sendWebhook` of `creditkit/webhooks` sends. */
  deliverWebhooks(send: SendWebhook): Promise<DeliverWebhooksResult>;
  /** {@link meter} */
  meter<Value>(params: MeterParams, work: (meter: Meter) => Promise<Value>): Promise<MeterResult<Value>>;
  /**
   * The operations inside the host's own transaction: they commit or roll back with the host's rows. Takes a
   * transaction of pg (a client after `begin`), PGlite or Drizzle. A refusal (`CreditsError`) leaves the transaction
   * usable; a database error ends it and is thrown as it came, for the host to retry the whole. The jobs commit page
   * by page and are not part of it. `onEvent` hears nothing of these calls: only the host knows whether it commits.
   */
  using(transaction: HostTransaction): CreditsOperations;
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
