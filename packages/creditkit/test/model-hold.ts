/** The rules of the ledger again, as `model.ts`: credits set aside, what that work cost, and spends given back. */
import {
  accountOf,
  allocate,
  available,
  type Batch,
  type Books,
  begin,
  drain,
  funds,
  type Hold,
  line,
  type Overage,
  post,
  type Rules,
  type Settlement,
  type Step,
  sum,
  type Transaction,
  type Wallet,
  withHold,
  withRepayment,
  withWallet,
} from "./model.ts";

// ---- Holds ----

export interface HoldRequest {
  userId: string;
  amount: number;
  service: string;
  ttlSeconds?: number;
  overage?: Overage;
  idempotencyKey?: string;
}

export type Held = { hold: Hold; replayed: boolean };

/** All or nothing, in drain order (4, 22); the checks in the order of rule 9. */
export function hold(before: Books, clock: number, request: HoldRequest): Step<Held> {
  const { userId, amount, service, ttlSeconds = 900, overage = "take_available", idempotencyKey } = request;
  const seen = accountOf(before, userId).wallet;
  const done = seen?.holds.find(
    (one) => one.idempotencyKey !== null && one.idempotencyKey === idempotencyKey,
  );
  if (done !== undefined) {
    const fields = [
      ...(done.service === service ? [] : ["service"]),
      ...(done.amount === amount ? [] : ["amount"]),
      ...(done.overage === overage ? [] : ["overage"]),
      ...(done.expiresAt - done.createdAt === ttlSeconds * 1000 ? [] : ["ttlSeconds"]),
    ];
    if (fields.length > 0) return { books: before, refusal: { code: "IDEMPOTENCY_CONFLICT", fields } };
    return { books: before, answer: { hold: done, replayed: true } };
  }
  if (seen === null) return { books: before, refusal: { code: "USER_BALANCE_NOT_FOUND" } };
  if (seen.frozen) return { books: before, refusal: { code: "WALLET_FROZEN" } };
  const { books, wallet, at } = begin(before, userId, clock);
  const rest = funds(wallet, at) - amount;
  if (wallet === null || rest < 0) {
    const facts = { required: amount, available: available(wallet, at) };
    return { books, refusal: { code: "INSUFFICIENT_CREDITS", ...facts } };
  }
  const parts = allocate(wallet, at, amount).map(({ batch, taken }) => ({ batch, amount: taken }));
  const made: Hold = {
    number: wallet.holds.length + 1,
    amount,
    service,
    overage,
    idempotencyKey: idempotencyKey ?? null,
    createdAt: at,
    expiresAt: at + ttlSeconds * 1000,
    parts,
    available: rest,
    status: "open",
    settlement: null,
  };
  const batches = wallet.batches.map((batch) => {
    const part = partOf(parts, batch);
    return { ...batch, remaining: batch.remaining - part, held: batch.held + part };
  });
  return {
    books: withWallet(books, userId, { ...withHold(wallet, made), batches, lastAt: at }),
    answer: { hold: made, replayed: false },
  };
}

function partOf(parts: Hold["parts"], { sequence }: Batch): number {
  return sum(parts.filter(({ batch }) => batch === sequence).map(({ amount }) => amount));
}

// ---- What the work cost ----

export interface SettleRequest {
  userId: string;
  /** A hold that was never made: any number that none has. */
  hold: number;
  amount: number;
  description?: string;
}

export type Settled = { settlement: Settlement; replayed: boolean };

export function release(books: Books, clock: number, { userId, hold }: { userId: string; hold: number }) {
  return end(books, clock, { userId, hold, amount: 0 }, 0);
}

export function settle(rules: Rules, books: Books, clock: number, request: SettleRequest): Step<Settled> {
  return end(books, clock, request, rules.holdGraceSeconds);
}

/** Ends a hold once: the same again replays, another way is refused by what happened first (22). */
function end(before: Books, clock: number, request: SettleRequest, graceSeconds: number): Step<Settled> {
  const { userId, amount } = request;
  const { books, wallet, at } = begin(before, userId, clock);
  const refuse = (code: string, facts = {}): Step<Settled> => ({ books, refusal: { code, ...facts } });
  if (wallet === null) return refuse("USER_BALANCE_NOT_FOUND");
  const hold = wallet.holds.find(({ number }) => number === request.hold);
  if (hold === undefined) return refuse("HOLD_NOT_FOUND");
  if (hold.settlement !== null) {
    const isSame = hold.settlement.asked === amount;
    if (!isSame) return refuse(hold.status === "settled" ? "HOLD_SETTLED" : "HOLD_RELEASED");
    return { books, answer: { settlement: hold.settlement, replayed: true } };
  }
  const isLate = hold.status === "expired";
  if (isLate && (amount === 0 || at >= hold.expiresAt + graceSeconds * 1000)) return refuse("HOLD_EXPIRED");
  if (isLate && wallet.frozen) return refuse("WALLET_FROZEN");

  // In time, what was held is the user's to spend on this; late, it is only what else is available. A frozen wallet spends
  // nothing more (12), but what it would owe it repays (24).
  const held = isLate ? 0 : Math.min(amount, hold.amount);
  const isStuck = wallet.frozen && hold.overage !== "debt";
  const more = isStuck ? 0 : Math.min(amount - held, available(wallet, at));
  if (hold.overage === "reject" && amount > Math.min(hold.amount, held + more)) {
    const bound = amount > hold.amount ? hold.amount : available(wallet, at);
    return refuse("INSUFFICIENT_CREDITS", { required: amount, available: bound });
  }
  const lent = hold.overage === "debt" ? amount - held - more : 0;

  const opened = isLate ? wallet : unhold(wallet, hold, held);
  const extra = allocate(opened, at, more);
  const indebted = lend(drain(opened, extra), at, lent);
  const taken = [
    ...(isLate ? [] : firstParts(hold.parts, held)),
    ...extra.map(({ batch, taken }) => ({ batch, amount: taken })),
    ...(lent > 0 ? [{ batch: indebted.transactions.length, amount: lent }] : []),
  ];
  const charged = held + more + lent;
  const after = available(indebted, at);
  const row: Transaction = {
    ...line(indebted, at),
    type: "consumption",
    amount: charged,
    description: request.description ?? null,
    meaning: { type: "consumption", service: hold.service, amount: charged },
    allocations: allocationsOf(indebted, taken),
    available: after,
  };
  const transaction = charged > 0 ? row : null;
  const settlement: Settlement = {
    asked: amount,
    charged,
    released: Math.max(0, hold.amount - amount),
    transaction,
    from: isLate ? "balance" : "hold",
    available: after,
  };
  const status = amount === 0 ? "released" : "settled";
  const ended = { ...withHold(indebted, { ...hold, status, settlement }), lastAt: at };
  const next = withWallet(books, userId, transaction === null ? ended : post(ended, transaction));
  return {
    // Only what was owed before: who takes all there is and borrows the rest has nothing to repay it with.
    books: wallet.debt > 0 ? withRepayment(next, userId) : next,
    answer: { settlement, replayed: false },
  };
}

/** The first credits of some parts, as many as are asked for. */
function firstParts(parts: Hold["parts"], amount: number): Hold["parts"] {
  let left = amount;
  return parts.flatMap(({ batch, amount: most }) => {
    const taken = Math.min(left, most);
    left -= taken;
    return taken > 0 ? [{ batch, amount: taken }] : [];
  });
}

/** A wallet in which a hold holds no more: what is charged of it is gone, the rest is free. */
function unhold(wallet: Wallet, hold: Hold, charged: number): Wallet {
  const used = firstParts(hold.parts, charged);
  const batches = wallet.batches.map((batch) => {
    const part = partOf(hold.parts, batch);
    return { ...batch, held: batch.held - part, remaining: batch.remaining + part - partOf(used, batch) };
  });
  return { ...wallet, batches };
}

/** Credits lent: a batch of their own, with nothing left in it (24). */
function lend(wallet: Wallet, at: number, amount: number): Wallet {
  if (amount === 0) return wallet;
  const row = line(wallet, at);
  const { sequence } = row;
  const batch = {
    sequence,
    priority: -32_768,
    amount,
    remaining: 0,
    held: 0,
    grantedAt: at,
    expiresAt: null,
  };
  return post(
    { ...wallet, debt: wallet.debt + amount, batches: [...wallet.batches, batch] },
    {
      ...row,
      type: "debt",
      amount,
      allocations: [{ batch: sequence, taken: amount, remaining: amount }],
      available: available(wallet, at),
    },
  );
}

/** Each batch once, in order of its first part, and what it has left now. */
function allocationsOf(wallet: Wallet, parts: Hold["parts"]) {
  const order = [...new Set(parts.map(({ batch }) => batch))];
  return order.map((sequence) => {
    const batch = wallet.batches.find((one) => one.sequence === sequence);
    if (batch === undefined) throw new Error(`No batch ${sequence}`);
    return { batch: sequence, taken: partOf(parts, batch), remaining: batch.remaining };
  });
}

// ---- Giving back ----

export interface ReverseRequest {
  userId: string;
  /** A transaction that was never made: any number that none has. */
  transaction: number;
  amount?: number;
  idempotencyKey?: string;
  description?: string;
}

export type Reversed = { transaction: Transaction; replayed: boolean };

/** Whole or in parts that together never exceed it, in reverse order of consumption (23). */
export function reverse(before: Books, clock: number, request: ReverseRequest): Step<Reversed> {
  const { userId, amount, idempotencyKey } = request;
  const seen = accountOf(before, userId).wallet;
  const refuse = (code: string, facts = {}): Step<Reversed> => ({
    books: before,
    refusal: { code, ...facts },
  });
  const isNameless = idempotencyKey === undefined && amount !== undefined;
  const name = isNameless ? null : `reversal of ${request.transaction} ${idempotencyKey ?? "as a whole"}`;
  const done = seen?.transactions.find((row) => row.name !== null && row.name === name);
  if (done !== undefined) {
    if (amount !== undefined && amount !== done.amount)
      return refuse("IDEMPOTENCY_CONFLICT", { fields: ["amount"] });
    return { books: before, answer: { transaction: done, replayed: true } };
  }
  if (seen === null) return refuse("USER_BALANCE_NOT_FOUND");
  const spend = seen.transactions.find(({ sequence }) => sequence === request.transaction);
  if (spend === undefined) return refuse("TRANSACTION_NOT_FOUND");
  const given = seen.transactions.filter(({ reverses }) => reverses === spend.sequence);
  const back = sum(given.map((row) => row.amount));
  const left = spend.type === "consumption" ? spend.amount - back : 0;
  const wanted = amount ?? left;
  if (left === 0 || wanted > left) return refuse("NOT_REVERSIBLE", { available: left });

  const { books, wallet, at } = begin(before, userId, clock);
  if (wallet === null) throw new Error("The wallet is gone");
  // Credit by credit, the last one taken first; those given back before are passed over.
  const credits = [...spend.allocations]
    .reverse()
    .flatMap(({ batch, taken }) => Array<number>(taken).fill(batch));
  const returned = credits.slice(back, back + wanted);
  const parts = [...new Set(returned)].map((batch) => ({
    batch,
    amount: returned.filter((one) => one === batch).length,
  }));
  const full = wallet.batches.map((batch) => ({
    ...batch,
    remaining: batch.remaining + partOf(parts, batch),
  }));
  const isGone = (batch: Batch) => batch.expiresAt !== null && batch.expiresAt <= at;
  const gone = full.filter((batch) => isGone(batch) && partOf(parts, batch) > 0);
  const allocations = allocationsOf({ ...wallet, batches: full }, parts);
  const after = available({ ...wallet, batches: full }, at);
  const transaction: Transaction = {
    ...line(wallet, at),
    type: "reversal",
    amount: wanted,
    description: request.description ?? null,
    name,
    allocations,
    available: after,
    reverses: spend.sequence,
  };
  let next = post({ ...wallet, batches: full }, transaction);
  // What belongs to a batch that has expired meanwhile goes straight to breakage.
  for (const { batch, taken } of allocations) {
    const expired = gone.find(({ sequence }) => sequence === batch);
    if (expired === undefined) continue;
    const lost = [{ batch, taken, remaining: expired.remaining - taken }];
    const row = { ...line(next, at), type: "expiration", amount: taken, allocations: lost, available: after };
    next = post(drain(next, lost), row);
  }
  return {
    books: withRepayment(withWallet(books, userId, next), userId),
    answer: { transaction, replayed: false },
  };
}
