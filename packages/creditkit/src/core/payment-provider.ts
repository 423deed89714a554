import type { PaymentEvent } from "./payment-event.ts";

/** What is to be bought, by whom. */
export interface CheckoutParams {
  /** From the session, never from the request's body. */
  userId: string;
  /** Of a package or of a plan of the configuration. */
  priceId: string;
  /** Where the browser goes after paying; absolute. */
  successUrl: string;
  /** Where it goes otherwise; absolute. */
  cancelUrl: string;
  email?: string | undefined;
  /**
   * The same key asks for the same checkout: a double click opens one. Omitted, each call is a checkout of its own.
   */
  idempotencyKey?: string | undefined;
}

export interface PortalParams {
  userId: string;
  returnUrl: string;
}

/** A webhook as it arrived: the body's bytes, since the signature is over them. */
export interface WebhookMessage {
  body: string;
  headers: Headers;
}

/** A payment provider: any object of this shape; `test/provider-conformance.ts` says what it must do. */
export interface PaymentProvider {
  /** Stands on what it reports, e.g. `stripe`. */
  readonly name: string;
  /**
   * Verifies a message and says what it means; null: nothing that concerns credits.
   * @throws `INVALID_WEBHOOK` when it is not authentic, too old, of the other mode, or makes no sense.
   */
  readEvent(message: WebhookMessage): Promise<PaymentEvent | null>;
  /**
   * Opens a checkout at the provider.
   * @throws what `credits.checkPurchase` throws, `PROVIDER_UNAVAILABLE`.
   */
  createCheckout(params: CheckoutParams): Promise<{ url: string }>;
  /**
   * Where a user manages a subscription.
   * @throws `UNKNOWN_CUSTOMER` when the user has never bought, `PROVIDER_UNAVAILABLE`.
   */
  createPortal(params: PortalParams): Promise<{ url: string }>;
}

/** What a provider's adapter needs of the ledger. */
export interface PaymentBooks {
  /**
   * What a price sells, if this user may buy it now.
   * @throws `UNKNOWN_PRICE`, `PURCHASE_NOT_ALLOWED` for a user without a paid plan where packages are for subscribers,
   *   `BALANCE_LIMIT` when the package would not fit under `maxUserBalance`, `CREDITS_DISABLED`, `INVALID_ARGUMENT`.
   */
  checkPurchase(params: { userId: string; priceId: string }): Promise<Sold>;
  /** The user's customer id at a provider, or null. */
  getCustomer(params: { userId: string; provider: string }): Promise<string | null>;
  /** Remembers a customer; the first one stands, and is returned. */
  linkCustomer(params: { userId: string; provider: string; customerId: string }): Promise<string>;
}

/** What a price sells. */
export type Sold =
  | { kind: "package"; packageId: string; priceId: string }
  | { kind: "plan"; planId: string; priceId: string; interval: "month" | "year" };
