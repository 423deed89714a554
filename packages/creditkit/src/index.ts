export { type ApiCaller, type ApiKey, ApiScope, type CreateApiKeyParams } from "./core/api-key.ts";
export type { Metadata } from "./core/argument.ts";
export type { AuditResult, Violation } from "./core/audit.ts";
export type {
  CreditPackage,
  CreditsConfig,
  PlanCreditsConfig,
  PlanPrice,
  ResolvedConfig,
} from "./core/config.ts";
export type {
  ConsumeForServiceParams,
  ConsumeForServiceResult,
  ConsumeParams,
  ConsumeResult,
  ConsumptionLog,
} from "./core/consume.ts";
export { type CreditsOptions, createCredits } from "./core/credits.ts";
export type { Connection, Database, HostTransaction } from "./core/database.ts";
export type { DeductParams, DeductResult } from "./core/deduct.ts";
export type { Clock } from "./core/engine.ts";
export type { EraseResult } from "./core/erase.ts";
export { type ConfigProblem, CreditsError, CreditsErrorCode, type CreditsErrorFacts } from "./core/errors.ts";
export type {
  CreditsConsumed,
  CreditsDeducted,
  CreditsEvent,
  CreditsExpired,
  CreditsGranted,
  CreditsLow,
  CreditsReversed,
  EventHandler,
} from "./core/event.ts";
export type { ExpireResult } from "./core/expire.ts";
export type {
  GrantParams,
  GrantPurchasedParams,
  GrantResult,
  GrantSubscriptionParams,
} from "./core/grant.ts";
export type { HoldParams, HoldResult, OpenHold, Overage } from "./core/hold.ts";
export type { InboxEvent, InboxStatus } from "./core/inbox.ts";
export type { JobName, JobRun } from "./core/job-run.ts";
export type { LogFields, Logger } from "./core/logger.ts";
export type { Meter, MeterParams, MeterResult } from "./core/meter.ts";
export { type MigrateResult, migrationScript } from "./core/migrate.ts";
export type { DailyGrantResult, DailyGrantRow } from "./core/monthly-grant.ts";
export type { Credits, CreditsOperations } from "./core/operations.ts";
export type { Overview } from "./core/overview.ts";
export type { PaymentEventResult } from "./core/payment.ts";
export type {
  CheckoutCompleted,
  DisputeChanged,
  FraudWarned,
  Noted,
  PaymentEvent,
  PaymentLinked,
  PaymentRefunded,
  PlanPaid,
  PurchasePaid,
  SubscriptionChanged,
} from "./core/payment-event.ts";
export type {
  CheckoutParams,
  PaymentBooks,
  PaymentProvider,
  PortalParams,
  Sold,
  WebhookMessage,
} from "./core/payment-provider.ts";
export type { Payment, SubscriptionInfo } from "./core/purchase.ts";
export type { ReverseParams, ReverseResult } from "./core/reverse.ts";
export type { ReleaseParams, ReleaseResult, SettleParams, SettleResult } from "./core/settle.ts";
export type { Statement, StatementAllocation, StatementEntry, StatementParams } from "./core/statement.ts";
export { type SubscriptionParams, SubscriptionStatus } from "./core/subscription.ts";
export type { Telemetry } from "./core/telemetry.ts";
export {
  type CreditTransaction,
  CreditTransactionType,
  type GetTransactionsParams,
  type TransactionPage,
} from "./core/transaction.ts";
export type { DailyUsage, UsageParams } from "./core/usage.ts";
export type { CreditsInfo, UserParams, WalletDetails } from "./core/wallet.ts";
export type {
  DeliverWebhooksResult,
  OutgoingWebhook,
  SendWebhook,
  WebhookAttempt,
  WebhookDelivery,
  WebhookDeliveryStatus,
} from "./core/webhook-delivery.ts";
export type {
  WebhookEndpoint,
  WebhookEndpointChange,
  WebhookEndpointParams,
  WebhookEventType,
} from "./core/webhook-endpoint.ts";
export { webhookEventTypes } from "./core/webhook-endpoint.ts";
