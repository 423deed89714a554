/**
 * The rules of the ledger again, as plain data and pure functions: slow, obvious, and knowing nothing of SQL.
 * Numbers in comments are rule numbers. Instants are milliseconds since 1970, amounts are units.
 */

interface Plan {
  enabled: boolean;
  monthlyGrant: number;
  validityDays: number;
}

/** The part of a configuration that decides amounts. */
export interface Rules {
  registration: { amount: number; validityDays: number };
  balanceMax: number;
  plans: Readonly<Record<string, Plan>>;
  /** By price. */
  packages: Readonly<Record<string, { id: string; amount: number; validityDays?: number }>>;
  /** By service; any other costs 1. */
  prices: Readonly<Record<string, number>>;
  /** How long after a hold's timeout its work can still be charged. */
  holdGraceSeconds: number;
}

export interface Batch {
  /** Sequence of the transaction that granted it: its name in the model. */
  sequence: number;
  priority: number;
  amount: number;
  /** Neither held nor gone. */
  remaining: number;
  /** What holds have set aside, those included that have timed out and whose end is not booked. */
  held: number;
  grantedAt: number;
  expiresAt: number | null;
}

export type Allocation = { batch: number; taken: number; remaining: number };

/** What a repetition has to agree with. */
type Meaning = Readonly<Record<string, unknown>>;

export interface Transaction {
  sequence: number;
  type: string;
  /** Positive; what leaves the wallet is shown negated. */
  amount: number;
  at: number;
  description: string | null;
  sourcePlan: string | null;
  period: string | null;
  /** When the batch that it granted expires. */
  expiresAt: number | null;
  /** The name under which it must never be done again (13). */
  name: string | null;
  /** What a repetition must agree with (14). */
  meaning: Meaning;
  allocations: readonly Allocation[];
  /** What `newBalance` said. */
  available: number;
  /** The sequence of the spend that it gives back. */
  reverses: number | null;
}

export type Overage = "reject" | "take_available" | "debt";

/** Credits set aside (22). Holds are not history. */
export interface Hold {
  /** Its place among the wallet's holds, from 1: its name in the model. */
  number: number;
  amount: number;
  service: string;
  overage: Overage;
  idempotencyKey: string | null;
  createdAt: number;
  expiresAt: number;
  /** What is set aside in which batch, in drain order. */
  parts: readonly { batch: number; amount: number }[];
  /** What `newBalance` said. */
  available: number;
  /** As the books have it: one that has timed out is open until something books its end. */
  status: "open" | "settled" | "released" | "expired";
  settlement: Settlement | null;
}

/** What ending a hold answered. */
export interface Settlement {
  /** What the work cost. */
  asked: number;
  charged: number;
  released: number;
  /** Null where nothing was charged. */
  transaction: Transaction | null;
  from: "hold" | "balance";
  available: number;
}

export interface Wallet {
  frozen: boolean;
  createdAt: number;
  lastAt: number;
  /** What was lent and is not repaid. */
  debt: number;
  batches: readonly Batch[];
  holds: readonly Hold[];
  transactions: readonly Transaction[];
}

export interface Subscription {
  id: string;
  planId: string;
  status: string;
  anchor: number;
  interval: "month" | "year";
  paidUntil: number;
  /** Periods that ended by then are not caught up. */
  entitledFrom: number;
}

export interface Account {
  wallet: Wallet | null;
  subscriptions: readonly Subscription[];
}

interface Claim {
  userId: string;
  /** What was asked for with it. */
  meaning: Meaning;
  /** What it was answered: the grant that it paid, or the one that was there already. */
  transaction: Transaction;
}

export interface Books {
  accounts: Readonly<Record<string, Account>>;
  /** What a purchase id belongs to for ever (13, 15). */
  purchases: Readonly<Record<string, Claim>>;
}

interface Refusal {
  code: string;
  /** `IDEMPOTENCY_CONFLICT`: everything that differs; the ledger names one of these. */
  fields?: readonly string[];
  required?: number;
  available?: number;
  limit?: number;
}

/**
 * An operation's outcome: new books, or a refusal that leaves the books as they were (9). Its `books` differ at most in that
 * the end of holds that had timed out is booked, which was true already.
 */
export type Step<Answer> = { books: Books; answer: Answer } | { books: Books; refusal: Refusal };
export type Posted = { transaction: Transaction; replayed: boolean };

export const emptyBooks: Books = { accounts: {}, purchases: {} };
export const dayMs = 24 * 60 * 60 * 1000;

export function accountOf(books: Books, userId: string): Account {
  return books.accounts[userId] ?? { wallet: null, subscriptions: [] };
}

/** T: the clock, but never before the wallet's previous T (2). */
export function instant(account: Account, clock: number): number {
  return Math.max(clock, account.wallet?.lastAt ?? clock);
}

// ---- Balance ----

export function isValid(batch: Batch, at: number): boolean {
  return batch.grantedAt <= at && (batch.expiresAt === null || at < batch.expiresAt);
}

/** Drain order (4). */
export function drainOrder(one: Batch, other: Batch): number {
  return (
    one.priority - other.priority ||
    (one.expiresAt === other.expiresAt ? 0 : (one.expiresAt ?? Infinity) - (other.expiresAt ?? Infinity)) ||
    one.grantedAt - other.grantedAt ||
    one.sequence - other.sequence
  );
}

/** What is valid, less what is owed: below 0 where more is owed than there is (6). What is held does not count. */
export function funds(wallet: Wallet | null, at: number): number {
  if (wallet === null) return 0;
  const now = endTimedOut(wallet, at);
  return validRemaining(now, at) - now.debt;
}

function validRemaining({ batches }: Wallet, at: number): number {
  return sum(batches.filter((batch) => isValid(batch, at)).map(({ remaining }) => remaining));
}

/** What is held and would be free again (19, 22). */
function aside(wallet: Wallet | null, at: number): number {
  const batches = wallet === null ? [] : endTimedOut(wallet, at).batches;
  return sum(batches.filter((batch) => isValid(batch, at)).map(({ held }) => held));
}

/** What is owed at T, whether or not what a timeout repaid is booked. */
export function debtOf(wallet: Wallet | null, at: number): number {
  return wallet === null ? 0 : endTimedOut(wallet, at).debt;
}

export function available(wallet: Wallet | null, at: number): number {
  return Math.max(0, funds(wallet, at));
}

/** The holds that have not ended at T, whether or not a timeout is booked (22). */
export function openHolds(wallet: Wallet | null, at: number): Hold[] {
  return (wallet?.holds ?? []).filter(({ status, expiresAt }) => status === "open" && at < expiresAt);
}

/** The first valid batch in drain order that expires and has something left (7). */
export function nextExpiring(
  wallet: Wallet | null,
  at: number,
): { amount: number; expiresAt: number } | null {
  const batches = wallet === null ? [] : endTimedOut(wallet, at).batches;
  for (const batch of [...batches].sort(drainOrder)) {
    const { remaining, expiresAt } = batch;
    if (remaining > 0 && expiresAt !== null && isValid(batch, at)) return { amount: remaining, expiresAt };
  }
  return null;
}

// ---- Grants ----

export interface GrantRequest {
  userId: string;
  type: string;
  amount: number;
  validityDays?: number;
  /** The exact end instead. */
  expiresAt?: number;
  priority?: number;
  sourcePlan?: string;
  grantPeriod?: string;
  packageId?: string;
  priceId?: string;
  purchaseId?: string;
  idempotencyKey?: string;
  description?: string;
  force?: boolean;
  /** The caller named no period: an invoice sent again means the one it paid, whatever period it is now. */
  isAnyPeriod?: boolean;
  /** The job's grants expire counted from here; others from T. */
  periodStart?: number;
}

/** What a grant is known by (13); a key only when nothing else names it. */
function grantName(request: GrantRequest): string | null {
  const { type, purchaseId, sourcePlan, grantPeriod, idempotencyKey } = request;
  if (type === "registration_bonus") return "registration";
  const isLabelled = type === "monthly_grant" && grantPeriod !== undefined;
  if (purchaseId !== undefined && !isLabelled) return `purchase ${purchaseId}`;
  if (grantPeriod !== undefined) return `period ${grantPeriod} of ${sourcePlan}`;
  return idempotencyKey === undefined ? null : `key ${idempotencyKey}`;
}

/**
 * What a repetition must agree with (14). Description and metadata are not meaning; for a bonus and a monthly grant
 * the first amount wins. A purchase's price or package that was not said agrees with any.
 */
function grantMeaning(request: GrantRequest): Record<string, unknown> {
  const { type, sourcePlan, grantPeriod } = request;
  if (type === "registration_bonus") return { type };
  if (type === "monthly_grant" && grantPeriod !== undefined) return { type, sourcePlan, grantPeriod };
  const { amount, expiresAt, priority = 0, packageId, priceId, purchaseId } = request;
  const validityDays = expiresAt === undefined ? request.validityDays : "until expiresAt";
  if (purchaseId !== undefined) {
    const plan = type === "monthly_grant" ? { sourcePlan } : {};
    return { type, purchaseId, amount, packageId, priceId, ...plan };
  }
  if (grantPeriod !== undefined) return { type };
  return { type, amount, sourcePlan, validityDays, expiresAt, priority, packageId };
}

function differences(one: Meaning, other: Meaning): string[] {
  const isSold = one.purchaseId !== undefined && other.purchaseId !== undefined;
  const isPriced = one.priceId !== undefined && other.priceId !== undefined;
  const agrees = (field: string) => {
    if (one[field] === other[field]) return true;
    // What the configuration says a price is worth may change in between.
    if (field === "amount") return isPriced;
    const isUnsaid = one[field] === undefined || other[field] === undefined;
    return isSold && isUnsaid && (field === "priceId" || field === "packageId");
  };
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((field) => !agrees(field));
}

/** What was already done under this name or for this purchase: an answer when it meant the same, else a conflict (14). */
function findReplay(books: Books, request: GrantRequest, name: string | null, meaning: Meaning) {
  const { userId, purchaseId, type, sourcePlan } = request;
  const claim = purchaseId === undefined ? undefined : books.purchases[purchaseId];
  const named = accountOf(books, userId).wallet?.transactions.find(
    (row) => row.name !== null && row.name === name,
  );
  const done = claim ?? (named && { userId, meaning: named.meaning, transaction: named });
  if (done === undefined) return null;
  const { type: doneType, sourcePlan: donePlan } = done.meaning;
  const fields =
    claim !== undefined && request.isAnyPeriod
      ? differences({ type: doneType, sourcePlan: donePlan }, { type, sourcePlan })
      : differences(done.meaning, meaning);
  if (done.userId !== userId) fields.push("userId");
  return fields.length > 0 ? { fields } : done.transaction;
}

/** The first answer that a purchase id got is its answer for ever. */
function withClaim(
  books: Books,
  { userId, purchaseId }: GrantRequest,
  meaning: Meaning,
  transaction: Transaction,
): Books {
  if (purchaseId === undefined || books.purchases[purchaseId] !== undefined) return books;
  return { ...books, purchases: { ...books.purchases, [purchaseId]: { userId, meaning, transaction } } };
}

export function grant(rules: Rules, books: Books, clock: number, request: GrantRequest): Step<Posted> {
  const step = grantOnly(rules, books, clock, request);
  if ("refusal" in step || step.answer.replayed) return step;
  return { ...step, books: withRepayment(step.books, request.userId) };
}

/** A grant whose credits repay nothing yet: several of one call repay together. */
function grantOnly(rules: Rules, before: Books, clock: number, request: GrantRequest): Step<Posted> {
  const { userId, type, grantPeriod } = request;
  const { books, wallet, at } = begin(before, userId, clock);
  const name = grantName(request);
  const meaning = grantMeaning(request);
  const replay = (transaction: Transaction): Step<Posted> => ({
    books: withClaim(books, request, meaning, transaction),
    answer: { transaction, replayed: true },
  });

  const done = findReplay(books, request, name, meaning);
  if (done !== null)
    return "fields" in done ? { books, refusal: { code: "IDEMPOTENCY_CONFLICT", ...done } } : replay(done);

  let amount = request.amount;
  if (type === "monthly_grant" && grantPeriod !== undefined) {
    // Only the difference to what the period already received, under whichever plan (18).
    const received = (wallet?.transactions ?? []).filter(
      (row) => row.type === "monthly_grant" && row.period === grantPeriod,
    );
    amount -= sum(received.map((row) => row.amount));
    const newest = received.at(-1);
    if (newest !== undefined && amount <= 0) return replay(newest);
  }
  if (request.expiresAt !== undefined && request.expiresAt <= at)
    return { books, refusal: { code: "INVALID_ARGUMENT", fields: ["expiresAt"] } };
  if (type !== "purchase" && request.force !== true) {
    const room = rules.balanceMax - funds(wallet, at) - aside(wallet, at);
    if (room <= 0) {
      const facts = { limit: rules.balanceMax, available: available(wallet, at) };
      return { books, refusal: { code: "BALANCE_LIMIT", ...facts } };
    }
    amount = Math.min(amount, room);
  }
  const { validityDays } = request;
  const start = request.periodStart ?? at;
  const batch: Batch = {
    sequence: (wallet?.transactions.length ?? 0) + 1,
    priority: request.priority ?? 0,
    amount,
    remaining: amount,
    held: 0,
    grantedAt: at,
    expiresAt: request.expiresAt ?? (validityDays === undefined ? null : start + validityDays * dayMs),
  };
  const opened = wallet ?? emptyWallet(at);
  const transaction: Transaction = {
    ...line(opened, at),
    type,
    amount,
    description: request.description ?? null,
    sourcePlan: request.sourcePlan ?? null,
    period: grantPeriod ?? null,
    expiresAt: batch.expiresAt,
    name,
    meaning,
    allocations: [{ batch: batch.sequence, taken: amount, remaining: amount }],
    available: Math.max(0, funds(opened, at) + amount),
  };
  const filled = { ...opened, batches: [...opened.batches, batch] };
  const next = withWallet(books, userId, post(filled, transaction));
  return {
    books: withClaim(next, request, meaning, transaction),
    answer: { transaction, replayed: false },
  };
}

export function grantRegistrationBonus(rules: Rules, books: Books, clock: number, userId: string) {
  return grant(rules, books, clock, { userId, type: "registration_bonus", ...rules.registration });
}

export function grantPurchased(
  rules: Rules,
  books: Books,
  clock: number,
  { userId, priceId, purchaseId }: { userId: string; priceId: string; purchaseId: string },
): Step<Posted> {
  const sold = rules.packages[priceId];
  if (sold === undefined) return { books, refusal: { code: "UNKNOWN_PRICE" } };
  const { id: packageId, ...content } = sold;
  return grant(rules, books, clock, { userId, type: "purchase", priceId, purchaseId, packageId, ...content });
}

export interface GrantSubscriptionRequest {
  userId: string;
  amount: number;
  planId: string;
  validityDays: number;
  grantPeriod?: string;
  purchaseId?: string;
}

export function grantSubscription(
  rules: Rules,
  books: Books,
  clock: number,
  { planId, grantPeriod, ...request }: GrantSubscriptionRequest,
): Step<Posted> {
  const account = accountOf(books, request.userId);
  return grant(rules, books, clock, {
    ...request,
    type: "monthly_grant",
    sourcePlan: planId,
    grantPeriod: grantPeriod ?? currentLabel(account, planId, instant(account, clock)),
    isAnyPeriod: grantPeriod === undefined,
  });
}

// ---- Spending ----

export interface ConsumeRequest {
  userId: string;
  service: string;
  amount: number;
  /** False for the configured price: it is not part of what a repetition must agree with. */
  amountGiven?: boolean;
  idempotencyKey?: string;
  description?: string;
}

/** All or nothing, in drain order (4, 20); the checks in the order of rule 9. */
export function consume(before: Books, clock: number, request: ConsumeRequest): Step<Posted> {
  const { service, amount, amountGiven } = request;
  return takeOut(before, clock, request, { type: "consumption", service, amount }, amountGiven !== false);
}

/** By hand: as a spend, but for no service, and a frozen wallet does not hinder it. */
export function deduct(before: Books, clock: number, request: Omit<ConsumeRequest, "service">): Step<Posted> {
  return takeOut(before, clock, request, { type: "deduction", amount: request.amount }, true);
}

function takeOut(
  before: Books,
  clock: number,
  request: Omit<ConsumeRequest, "service">,
  meaning: Meaning & { type: "consumption" | "deduction" },
  amountGiven: boolean,
): Step<Posted> {
  const { userId, amount, idempotencyKey } = request;
  const { books, wallet, at } = begin(before, userId, clock);
  const name = idempotencyKey === undefined ? null : `key ${idempotencyKey}`;
  const done = name === null ? undefined : wallet?.transactions.find((row) => row.name === name);
  if (done !== undefined) {
    const fields = differences(done.meaning, meaning);
    // A configured price is not part of what the caller meant: it may have changed in between.
    const isSame = fields.every((field) => field === "amount" && !amountGiven);
    if (!isSame) return { books, refusal: { code: "IDEMPOTENCY_CONFLICT", fields } };
    return { books, answer: { transaction: done, replayed: true } };
  }
  if (wallet === null) return { books, refusal: { code: "USER_BALANCE_NOT_FOUND" } };
  if (wallet.frozen && meaning.type === "consumption") return { books, refusal: { code: "WALLET_FROZEN" } };
  const rest = funds(wallet, at) - amount;
  if (rest < 0) {
    const facts = { required: amount, available: available(wallet, at) };
    return { books, refusal: { code: "INSUFFICIENT_CREDITS", ...facts } };
  }
  const allocations = allocate(wallet, at, amount);
  const transaction: Transaction = {
    ...line(wallet, at),
    type: meaning.type,
    amount,
    description: request.description ?? null,
    name,
    meaning,
    allocations,
    available: rest,
  };
  return {
    books: withWallet(books, userId, post(drain(wallet, allocations), transaction)),
    answer: { transaction, replayed: false },
  };
}

/** What an amount takes from which batch, in drain order (4). */
export function allocate(wallet: Wallet, at: number, amount: number): Allocation[] {
  const allocations: Allocation[] = [];
  let wanted = amount;
  for (const batch of [...wallet.batches].sort(drainOrder)) {
    const taken = isValid(batch, at) ? Math.min(batch.remaining, wanted) : 0;
    if (taken > 0) allocations.push({ batch: batch.sequence, taken, remaining: batch.remaining - taken });
    wanted -= taken;
  }
  return allocations;
}

export function setFrozen(books: Books, userId: string, frozen: boolean): Step<null> {
  const { wallet } = accountOf(books, userId);
  if (wallet === null) return { books, refusal: { code: "USER_BALANCE_NOT_FOUND" } };
  return { books: withWallet(books, userId, { ...wallet, frozen }), answer: null };
}

// ---- What time does ----

/**
 * Gives back what holds whose time is over had set aside (22), and repays what is owed from it as of each timeout (24). T
 * judges that; whatever writes to the wallet books it first, or the job.
 */
function endTimedOut(wallet: Wallet, at: number): Wallet {
  const isDue = ({ status, expiresAt }: Hold) => status === "open" && expiresAt <= at;
  const timeouts = new Set(wallet.holds.filter(isDue).map(({ expiresAt }) => expiresAt));
  let next = wallet;
  for (const timeout of [...timeouts].sort((one, other) => one - other)) {
    const due = next.holds.filter((hold) => isDue(hold) && hold.expiresAt === timeout);
    for (const hold of due) next = { ...freed(next, hold), lastAt: Math.max(timeout, next.lastAt) };
    next = repaid(next, timeout);
  }
  return next;
}

function freed(wallet: Wallet, hold: Hold): Wallet {
  const batches = wallet.batches.map((batch) => {
    const part = hold.parts.find((one) => one.batch === batch.sequence);
    if (part === undefined) return batch;
    return { ...batch, held: batch.held - part.amount, remaining: batch.remaining + part.amount };
  });
  return { ...withHold(wallet, { ...hold, status: "expired" }), batches };
}

/** T, and a wallet in which the end of holds that have timed out is booked. */
export function begin(books: Books, userId: string, clock: number) {
  const account = accountOf(books, userId);
  const at = instant(account, clock);
  if (account.wallet === null) return { books, wallet: null, at };
  const wallet = endTimedOut(account.wallet, at);
  return { books: withWallet(books, userId, wallet), wallet, at };
}

/** Repays what is owed from what is free, in drain order (24). What is available stays the same: it was owed. */
export function withRepayment(books: Books, userId: string): Books {
  const { wallet } = accountOf(books, userId);
  return wallet === null ? books : withWallet(books, userId, repaid(wallet, wallet.lastAt));
}

function repaid(wallet: Wallet, at: number): Wallet {
  const { debt } = wallet;
  const amount = Math.min(debt, validRemaining(wallet, at));
  if (amount === 0) return wallet;
  const allocations = allocate(wallet, at, amount);
  const rest = Math.max(0, validRemaining(wallet, at) - debt);
  const row = { ...line(wallet, at), type: "debt_repayment", amount, allocations, available: rest };
  return post(drain({ ...wallet, debt: debt - amount }, allocations), row);
}

/**
 * Books the end of holds that have timed out, and then what has expired, one transaction per batch, what expired first before
 * the rest (6). A wallet whose T is ahead of the clock waits until the clock has passed an end.
 */
export function processExpired(books: Books, clock: number) {
  const booked: { userId: string; transaction: Transaction }[] = [];
  let timedOutHolds = 0;
  let next = books;
  const visit = (userId: string) => {
    const { holds = [] } = accountOf(next, userId).wallet ?? {};
    const { books: ended, wallet, at } = begin(next, userId, clock);
    next = ended;
    timedOutHolds += holds.filter(({ status }, index) => status !== wallet?.holds[index]?.status).length;
    for (const transaction of expirations(wallet, at)) {
      const { wallet: fuller } = accountOf(next, userId);
      if (fuller === null) continue;
      next = withWallet(next, userId, post(drain(fuller, transaction.allocations), transaction));
      booked.push({ userId, transaction });
    }
  };
  const users = Object.keys(books.accounts);
  const walletOf = (userId: string) => accountOf(next, userId).wallet;
  const isOver = (end: number | null) => end !== null && end <= clock;
  for (const userId of users) {
    const holds = walletOf(userId)?.holds ?? [];
    if (holds.some(({ status, expiresAt }) => status === "open" && isOver(expiresAt))) visit(userId);
  }
  for (const userId of users) {
    const batches = walletOf(userId)?.batches ?? [];
    if (batches.some(({ remaining, expiresAt }) => remaining > 0 && isOver(expiresAt))) visit(userId);
  }
  return { books: next, booked, timedOutHolds };
}

/** One for each batch that has expired and has something free left. */
function expirations(wallet: Wallet | null, at: number): Transaction[] {
  if (wallet === null) return [];
  const expiryOrder = (one: Batch, other: Batch) =>
    (one.expiresAt ?? Infinity) - (other.expiresAt ?? Infinity) || drainOrder(one, other);
  const gone = wallet.batches.filter(
    ({ remaining, expiresAt }) => remaining > 0 && expiresAt !== null && expiresAt <= at,
  );
  return gone.sort(expiryOrder).map(({ sequence: batch, remaining: taken }, index) => ({
    ...line(wallet, at),
    sequence: wallet.transactions.length + 1 + index,
    type: "expiration",
    amount: taken,
    allocations: [{ batch, taken, remaining: 0 }],
    available: available(wallet, at),
  }));
}

// ---- Periods ----

/** Anchor + k months, clamped to the month's end each time, UTC (16). */
export function periodStart(anchor: number, index: number): number {
  const date = new Date(anchor);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + index];
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const timeOfDay = anchor - Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  return Date.UTC(year, month, Math.min(date.getUTCDate(), lastDay)) + timeOfDay;
}

/** `YYYY-MM` of the period's start (16). */
export function periodLabel(start: number): string {
  return new Date(start).toISOString().slice(0, 7);
}

/** The index of the period that contains an instant; negative before the anchor. */
export function periodIndex(anchor: number, at: number): number {
  let index = 0;
  while (periodStart(anchor, index + 1) <= at) index++;
  while (periodStart(anchor, index) > at) index--;
  return index;
}

/** The first instant of the instant's calendar month: the free plan's anchor (16). */
export function monthStart(at: number): number {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

// ---- Subscriptions ----

const entitledStatuses = new Set(["active", "trialing", "canceled"]);
const suspendedStatuses = new Set(["unpaid", "incomplete", "incomplete_expired", "paused"]);

function hasEnded({ status, paidUntil }: Subscription, at: number): boolean {
  return status === "incomplete_expired" || (status === "canceled" && at >= paidUntil);
}

/** A subscription to the free plan is not a paid one: the calendar month decides there (16). */
function liveSubscriptions({ subscriptions }: Account, at: number): Subscription[] {
  return subscriptions.filter((one) => one.planId !== "free" && !hasEnded(one, at));
}

function isSuspended(subscription: Subscription, at: number): boolean {
  return suspendedStatuses.has(subscription.status) || hasEnded(subscription, at);
}

/** Whether a subscription's state entitles to a period that starts then (17). */
function entitles(subscription: Subscription, start: number): boolean {
  const { status, interval } = subscription;
  if (!entitledStatuses.has(status)) return false;
  return (status !== "canceled" && interval === "month") || start < grantsEnd(subscription);
}

/** The instant from which no period is paid for; a day past a year's end pays for no thirteenth month (16). */
function grantsEnd({ anchor, interval, paidUntil }: Subscription): number {
  const index = periodIndex(anchor, paidUntil);
  const start = periodStart(anchor, index);
  const isYearsEnd = interval === "year" && index > 0 && index % 12 === 0 && paidUntil - start <= dayMs;
  return isYearsEnd ? start : paidUntil;
}

/** Where the plan renews, give or take a day, is no new anchor: the original one stays (16). */
function anchorOf(before: Subscription | undefined, given: Omit<Subscription, "entitledFrom">): number {
  if (before === undefined || before.interval !== given.interval) return given.anchor;
  const index = periodIndex(before.anchor, given.anchor + dayMs);
  const isRenewal = index > 0 && (given.interval === "month" || index % 12 === 0);
  const isClose = given.anchor - periodStart(before.anchor, index) <= dayMs;
  return isRenewal && isClose ? before.anchor : given.anchor;
}

export function upsertSubscription(
  rules: Rules,
  books: Books,
  clock: number,
  userId: string,
  given: Omit<Subscription, "entitledFrom">,
): Step<null> {
  if (rules.plans[given.planId] === undefined) return { books, refusal: { code: "UNKNOWN_PLAN" } };
  const account = accountOf(books, userId);
  const at = instant(account, clock);
  const before = account.subscriptions.find((one) => one.id === given.id);
  const resumed =
    before !== undefined && isSuspended(before, at) && !isSuspended({ ...before, ...given }, at);
  const after = {
    ...given,
    anchor: anchorOf(before, given),
    entitledFrom: resumed ? at : (before?.entitledFrom ?? Number.NEGATIVE_INFINITY),
  };
  const others = account.subscriptions.filter((one) => one.id !== given.id);
  const subscriptions = [...others, after].sort((one, other) => (one.id < other.id ? -1 : 1));
  const wallet = account.wallet && { ...endTimedOut(account.wallet, at), lastAt: at };
  return { books: withAccount(books, userId, { wallet, subscriptions }), answer: null };
}

function currentLabel({ subscriptions }: Account, planId: string, at: number): string {
  const isCurrent = ({ status }: Subscription) =>
    ["active", "trialing", "past_due"].includes(status) ? 1 : 0;
  const [subscription] = subscriptions
    .filter((one) => one.planId === planId && planId !== "free" && one.anchor <= at)
    .sort((one, other) => isCurrent(other) - isCurrent(one) || other.anchor - one.anchor);
  if (subscription === undefined) return periodLabel(at);
  return periodLabel(periodStart(subscription.anchor, periodIndex(subscription.anchor, at)));
}

interface DuePeriod {
  planId: string;
  start: number;
  plan: Plan;
}

/** Every period that a user is entitled to, whether or not it was granted, whose batch would still be valid (17). */
function duePeriods(rules: Rules, account: Account, at: number): DuePeriod[] {
  const live = liveSubscriptions(account, at);
  const due: DuePeriod[] = [];
  const collect = (
    planId: string,
    anchor: number,
    isEntitled: (start: number) => boolean,
    endsAfter: number,
  ) => {
    const plan = rules.plans[planId];
    if (plan === undefined || !plan.enabled || plan.monthlyGrant === 0) return;
    for (let index = 0; periodStart(anchor, index) <= at; index++) {
      const start = periodStart(anchor, index);
      const isMissedForEver =
        start + plan.validityDays * dayMs <= at || periodStart(anchor, index + 1) <= endsAfter;
      if (!isMissedForEver && isEntitled(start)) due.push({ planId, start, plan });
    }
  };
  for (const one of live) collect(one.planId, one.anchor, (start) => entitles(one, start), one.entitledFrom);
  if (live.length === 0 && account.wallet !== null) {
    const { createdAt } = account.wallet;
    collect("free", monthStart(createdAt), () => true, createdAt);
  }
  // The larger plan of a period first: the smaller one then finds nothing left to add (18).
  return due.sort((one, other) => one.start - other.start || other.plan.monthlyGrant - one.plan.monthlyGrant);
}

/** The next period start strictly after T of an entitled plan; several when they start together. */
export function nextGrants(rules: Rules, account: Account, at: number) {
  const live = liveSubscriptions(account, at);
  const starts = live
    .map((one) => {
      const start = periodStart(one.anchor, Math.max(0, periodIndex(one.anchor, at) + 1));
      // A year that is not canceled renews: what it lacks is only to be paid.
      const isPaid = one.status !== "canceled" || start < grantsEnd(one);
      return { planId: one.planId, start, isEntitled: entitledStatuses.has(one.status) && isPaid };
    })
    .filter((next) => next.isEntitled);
  if (live.length === 0 && account.wallet !== null) {
    starts.push({ planId: "free", start: periodStart(monthStart(at), 1), isEntitled: true });
  }
  const granting = starts.filter(({ planId }) => {
    const plan = rules.plans[planId];
    return plan?.enabled && plan.monthlyGrant > 0;
  });
  const soonest = Math.min(...granting.map(({ start }) => start));
  return granting.filter(({ start }) => start === soonest);
}

export interface DailyGrant {
  books: Books;
  granted: { userId: string; transaction: Transaction }[];
  failed: { userId: string; planId: string }[];
  counts: { processed: number; successful: number; skipped: number; failed: number };
}

/** Grants what is due and was not granted (28). A full balance is skipped, a plan that is not configured fails. */
export function processDailyGrant(rules: Rules, books: Books, clock: number): DailyGrant {
  const userIds = Object.keys(books.accounts);
  const granted: DailyGrant["granted"] = [];
  const failed: DailyGrant["failed"] = [];
  let next = books;
  for (const userId of userIds) {
    const account = accountOf(books, userId);
    const at = instant(account, clock);
    for (const { planId, status } of liveSubscriptions(account, at)) {
      if (entitledStatuses.has(status) && rules.plans[planId] === undefined) failed.push({ userId, planId });
    }
    const earlier = granted.length;
    for (const { planId, start, plan } of duePeriods(rules, account, at)) {
      const request: GrantRequest = {
        userId,
        type: "monthly_grant",
        amount: plan.monthlyGrant,
        validityDays: plan.validityDays,
        sourcePlan: planId,
        grantPeriod: periodLabel(start),
        periodStart: start,
      };
      const name = grantName(request);
      // Granted before: there is nothing to do.
      if (account.wallet?.transactions.some((row) => row.name === name)) continue;
      const step = grantOnly(rules, next, clock, request);
      next = step.books;
      if ("refusal" in step || step.answer.replayed) continue;
      granted.push({ userId, transaction: step.answer.transaction });
    }
    if (granted.length > earlier) next = withRepayment(next, userId);
  }
  const failures = new Set(failed.map(({ userId }) => userId));
  const successes = new Set(granted.map(({ userId }) => userId).filter((userId) => !failures.has(userId)));
  const counts = { processed: userIds.length, successful: successes.size, failed: failures.size };
  const skipped = counts.processed - counts.successful - counts.failed;
  return { books: next, granted, failed, counts: { ...counts, skipped } };
}

// ---- Writing ----

function emptyWallet(at: number): Wallet {
  return { frozen: false, createdAt: at, lastAt: at, debt: 0, batches: [], holds: [], transactions: [] };
}

/** A wallet's next transaction, as far as they are all alike. */
export function line(wallet: Wallet, at: number) {
  return {
    sequence: wallet.transactions.length + 1,
    at,
    description: null,
    sourcePlan: null,
    period: null,
    expiresAt: null,
    name: null,
    meaning: {},
    reverses: null,
  };
}

export function post(wallet: Wallet, transaction: Transaction): Wallet {
  return { ...wallet, lastAt: transaction.at, transactions: [...wallet.transactions, transaction] };
}

export function drain(wallet: Wallet, allocations: readonly Allocation[]): Wallet {
  const batches = wallet.batches.map((batch) => {
    const allocation = allocations.find((one) => one.batch === batch.sequence);
    return allocation === undefined ? batch : { ...batch, remaining: allocation.remaining };
  });
  return { ...wallet, batches };
}

/** A new hold, or what became of it. */
export function withHold(wallet: Wallet, hold: Hold): Wallet {
  const others = wallet.holds.filter(({ number }) => number !== hold.number);
  return { ...wallet, holds: [...others, hold].sort((one, other) => one.number - other.number) };
}

export function withWallet(books: Books, userId: string, wallet: Wallet): Books {
  return withAccount(books, userId, { ...accountOf(books, userId), wallet });
}

function withAccount(books: Books, userId: string, account: Account): Books {
  return { ...books, accounts: { ...books.accounts, [userId]: account } };
}

export function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0);
}
