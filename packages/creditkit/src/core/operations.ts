import type {
  ApiCaller,
  ApiKey,
  CreateApiKeyParams,
  createApiKey,
  getApiKeys,
  revokeApiKey,
  verifyApiKey,
} from "./api-key.ts";
import type { AuditResult, audit } from "./audit.ts";
import type { ResolvedConfig } from "./config.ts";
import type {
  ConsumeForServiceParams,
  ConsumeForServiceResult,
  ConsumeParams,
  ConsumeResult,
  consume,
  consumeForService,
} from "./consume.ts";
import type { HostTransaction } from "./database.ts";
import type { DeductParams, DeductResult, deduct } from "./deduct.ts";
import type { EraseResult, eraseUser } from "./erase.ts";
import type { ExpireResult, processExpired } from "./expire.ts";
import type {
  GrantParams,
  GrantPurchasedParams,
  GrantResult,
  GrantSubscriptionParams,
  grant,
  grantPurchased,
  grantRegistrationBonus,
  grantSubscription,
} from "./grant.ts";
import type { getHolds, HoldParams, HoldResult, hold, OpenHold } from "./hold.ts";
import type { getPaymentEvents, InboxEvent, InboxStatus, replayPaymentEvent } from "./inbox.ts";
import type { getJobRuns, JobName, JobRun } from "./job-run.ts";
import type { Meter, MeterParams, MeterResult, meter } from "./meter.ts";
import type { MigrateResult, migrate } from "./migrate.ts";
import type { DailyGrantResult, processDailyGrant } from "./monthly-grant.ts";
import type { getOverview, Overview } from "./overview.ts";
import type { applyPaymentEvent, PaymentEventResult } from "./payment.ts";
import type { PaymentEvent } from "./payment-event.ts";
import type { PaymentBooks, Sold } from "./payment-provider.ts";
import type {
  checkPurchase,
  getCustomer,
  getNewestPayments,
  getPayments,
  getSubscription,
  linkCustomer,
  Payment,
  SubscriptionInfo,
} from "./purchase.ts";
import type { ReverseParams, ReverseResult, reverse } from "./reverse.ts";
import type { ReleaseParams, ReleaseResult, release, SettleParams, SettleResult, settle } from "./settle.ts";
import type { getStatement, Statement, StatementParams } from "./statement.ts";
import type { SubscriptionParams, upsertSubscription } from "./subscription.ts";
import type { GetTransactionsParams, getTransactions, TransactionPage } from "./transaction.ts";
import type { DailyUsage, getUsage, UsageParams } from "./usage.ts";
import type {
  CreditsInfo,
  freeze,
  getInfo,
  getWallet,
  UserParams,
  unfreeze,
  WalletDetails,
} from "./wallet.ts";
import type {
  DeliverWebhooksResult,
  deliverWebhooks,
  getWebhookDeliveries,
  resendWebhook,
  SendWebhook,
  WebhookDelivery,
  WebhookDeliveryStatus,
} from "./webhook-delivery.ts";
import type {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  getWebhookEndpoints,
  updateWebhookEndpoint,
  WebhookEndpoint,
  WebhookEndpointChange,
  WebhookEndpointParams,
} from "./webhook-endpoint.ts";

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
