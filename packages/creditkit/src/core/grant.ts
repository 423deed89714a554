import {
  type Metadata,
  parseDate,
  parseDescription,
  parseFlag,
  parseId,
  parseMetadata,
  parseOptionalId,
  parseParameters,
  parsePeriod,
  parsePriority,
  parseValidityDays,
} from "./argument.ts";
import { findPackageByPrice } from "./config.ts";
import type { Engine } from "./engine.ts";
import { CreditsError, invalidArgument } from "./errors.ts";
import type { Committed } from "./event.ts";
import { type LedgerRequest, submit } from "./request.ts";
import { CreditTransactionType } from "./transaction.ts";
import { uuidV7 } from "./uuid.ts";

export interface GrantParams {
  userId: string;
  /** Credits, positive. */
  amount: number;
  /** Not `consumption` or `expiration`. */
  type: CreditTransactionType;
  /** Days of 24 h, 1–36 500; omitted: the batch never expires. */
  validityDays?: number;
  /** The exact end instead of `validityDays`: after now, before the year 9000. */
  expiresAt?: Date;
  /** The plan of a monthly grant: part of its key. */
  sourcePlan?: string;
  /** `YYYY-MM`: granted once per user, plan and period. */
  grantPeriod?: string;
  description?: string;
  packageId?: string;
  /** Granted once, for one user, for ever. */
  purchaseId?: string;
  metadata?: Metadata;
  /** Smaller drains first, before expiry is compared; −1 000 to 1 000. Default 0. */
  priority?: number;
  /** Grants a free type beyond `maxUserBalance`. Default false. */
  force?: boolean;
  /** Makes a grant repeatable that nothing else names. */
  idempotencyKey?: string;
}

export interface GrantResult {
  transactionId: string;
  batchId?: string;
  /** Omitted: the batch never expires. */
  expirationDate?: Date;
  /** Credits that the transaction granted: less than asked for where `maxUserBalance` or the period's earlier grant cut it. */
  amount?: number;
  /** The period of a monthly grant. */
  grantPeriod?: string;
  /** Present when it had been granted before: this is the first answer again. */
  replayed?: true;
}

const grantable = new Set<unknown>([
  CreditTransactionType.PURCHASE,
  CreditTransactionType.MONTHLY_GRANT,
  CreditTransactionType.REGISTRATION_BONUS,
  CreditTransactionType.ADJUSTMENT,
]);

/**
 * Gives credits as one batch. Acts once per registration, per purchase id, per plan and period, or per `idempotencyKey`;
 * again with the same meaning answers the first result with `replayed`.
 * @throws `IDEMPOTENCY_CONFLICT` (`field`), `BALANCE_LIMIT` when a free grant finds no room, `BALANCE_OVERFLOW`,
 * `INVALID_AMOUNT`, `INVALID_ARGUMENT` (`field`), `CREDITS_DISABLED`.
 */
export async function grant(engine: Engine, params: GrantParams): Promise<GrantResult> {
  engine.requireEnabled();
  const fields = parseParameters(params);
  const { type } = fields;
  if (!grantable.has(type)) throw invalidArgument("type", `one of ${[...grantable].join(", ")}`);
  const force = parseFlag("force", fields.force);
  return submitGrant(engine, {
    user_id: parseId("userId", fields.userId),
    amount: engine.units(fields.amount),
    type: type as CreditTransactionType,
    ...parseEnd(fields),
    source_plan: parseOptionalId("sourcePlan", fields.sourcePlan),
    period: parsePeriod(fields.grantPeriod),
    description: parseDescription(fields.description),
    package_id: parseOptionalId("packageId", fields.packageId),
    purchase_id: parseOptionalId("purchaseId", fields.purchaseId),
    metadata: parseMetadata(fields.metadata),
    priority: parsePriority(fields.priority),
    idempotency_key: parseOptionalId("idempotencyKey", fields.idempotencyKey),
    balance_max: type === CreditTransactionType.PURCHASE || force ? undefined : balanceMax(engine),
  });
}

/** When a batch ends: after some days, at an instant, or never. */
function parseEnd(fields: { validityDays?: unknown; expiresAt?: unknown }) {
  const validityDays = parseValidityDays(fields.validityDays);
  if (fields.expiresAt === undefined) return { validity_days: validityDays };
  const expiresAt = parseDate("expiresAt", fields.expiresAt);
  if (validityDays !== undefined) throw invalidArgument("expiresAt", "undefined beside validityDays");
  return { expires_at: expiresAt.toISOString() };
}

/**
 * Gives a new user the configured bonus, once.
 * @throws `REGISTRATION_CREDITS_DISABLED`, `BALANCE_LIMIT`, `INVALID_ARGUMENT`, `CREDITS_DISABLED`.
 */
export async function grantRegistrationBonus(engine: Engine, userId: string): Promise<GrantResult> {
  engine.requireEnabled();
  const { registration } = engine.config;
  if (!registration.enabled) {
    throw new CreditsError("REGISTRATION_CREDITS_DISABLED", "Registration credits are disabled");
  }
  return submitGrant(engine, {
    user_id: parseId("userId", userId),
    amount: engine.configuredUnits(registration.amount),
    type: CreditTransactionType.REGISTRATION_BONUS,
    validity_days: registration.validityDays,
    priority: 0,
    balance_max: balanceMax(engine),
  });
}

export interface GrantSubscriptionParams {
  userId: string;
  amount: number;
  planId: string;
  validityDays: number;
  /** `YYYY-MM`; omitted: the period of the user's plan that contains now. */
  grantPeriod?: string;
  /** The invoice that paid it. */
  purchaseId?: string;
}

/**
 * Gives a plan's credits for one period, once per user, plan and period. What the period already received under
 * another plan counts: only the difference is granted.
 * @throws as `grant`.
 */
export async function grantSubscription(
  engine: Engine,
  params: GrantSubscriptionParams,
): Promise<GrantResult> {
  engine.requireEnabled();
  const fields = parseParameters(params);
  const validityDays = parseValidityDays(fields.validityDays);
  if (validityDays === undefined) throw invalidArgument("validityDays", "a number of days");
  const period = parsePeriod(fields.grantPeriod);
  return submitGrant(engine, {
    user_id: parseId("userId", fields.userId),
    amount: engine.units(fields.amount),
    type: CreditTransactionType.MONTHLY_GRANT,
    validity_days: validityDays,
    source_plan: parseId("planId", fields.planId),
    period,
    current_period: period === undefined,
    purchase_id: parseOptionalId("purchaseId", fields.purchaseId),
    priority: 0,
    balance_max: balanceMax(engine),
  });
}

export interface GrantPurchasedParams {
  userId: string;
  /** The provider's price: the server's configuration decides what it is worth. */
  priceId: string;
  /** One purchase id belongs to one user and one price, for ever. */
  purchaseId: string;
}

/**
 * Gives `credits + bonus` of the package that the configuration has for a price, as one batch, once per purchase id.
 * @throws `UNKNOWN_PRICE`, `IDEMPOTENCY_CONFLICT` (`field`: `userId`, `priceId` …), `BALANCE_OVERFLOW`,
 * `INVALID_ARGUMENT`, `CREDITS_DISABLED`.
 */
export async function grantPurchased(engine: Engine, params: GrantPurchasedParams): Promise<GrantResult> {
  engine.requireEnabled();
  const fields = parseParameters(params);
  const userId = parseId("userId", fields.userId);
  const priceId = parseId("priceId", fields.priceId);
  const purchaseId = parseId("purchaseId", fields.purchaseId);
  const sold = findPackageByPrice(engine.config, priceId);
  if (sold === undefined)
    throw new CreditsError("UNKNOWN_PRICE", `Unknown price: ${priceId}`, { field: "priceId" });
  return submitGrant(engine, {
    user_id: userId,
    amount: engine.configuredUnits(sold.credits) + engine.configuredUnits(sold.bonus),
    type: CreditTransactionType.PURCHASE,
    validity_days: sold.validityDays,
    package_id: sold.id,
    price_id: priceId,
    purchase_id: purchaseId,
    priority: 0,
  });
}

/** The most that free credits may fill a balance to, in units (rule 19). */
export function balanceMax(engine: Engine): number | undefined {
  const { maxUserBalance } = engine.config.limitations;
  return maxUserBalance === undefined ? undefined : engine.configuredUnits(maxUserBalance);
}

/** What the schema answers about a grant. Units. */
export interface Granted extends Committed {
  batch_id: string;
  amount: number;
  period: string | null;
  expires_at: number | null;
  replayed: boolean;
}

type GrantRequest = LedgerRequest & { type: CreditTransactionType; purchase_id?: string | undefined };

async function submitGrant(engine: Engine, request: GrantRequest): Promise<GrantResult> {
  const answer = await submit<Granted>(engine, "grant", { ...request, id: uuidV7() });
  // A replay was told of the first time.
  if (!answer.replayed) emitGranted(engine, request, answer);
  return {
    transactionId: answer.id,
    batchId: answer.batch_id,
    amount: engine.credits(answer.amount),
    ...(answer.expires_at === null ? {} : { expirationDate: new Date(answer.expires_at) }),
    ...(answer.period === null ? {} : { grantPeriod: answer.period }),
    ...(answer.replayed ? { replayed: true as const } : {}),
  };
}

/** Tells the host of a grant that is committed. */
export function emitGranted(
  engine: Engine,
  { user_id, type, purchase_id }: Pick<GrantRequest, "user_id" | "type" | "purchase_id">,
  granted: Granted,
): void {
  engine.events?.emit(
    {
      type: "credits.granted",
      userId: user_id,
      transactionId: granted.id,
      amount: engine.credits(granted.amount),
      newBalance: engine.credits(granted.available),
      batchId: granted.batch_id,
      transactionType: type,
      ...(granted.expires_at === null ? {} : { expirationDate: new Date(granted.expires_at) }),
      ...(granted.period === null ? {} : { grantPeriod: granted.period }),
      ...(purchase_id === undefined ? {} : { purchaseId: purchase_id }),
    },
    granted,
  );
}
