import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditResult } from "../src/core/audit.ts";
import { isCitus, type Ledger, newUser, openPgliteLedger, openPostgresLedger } from "./ledger.ts";

/** What an attacker with the owner's password, or a bad restore, can do: constraints and triggers off, then SQL. */
const corruptions: [sentence: string, rule: string, check: string, statements: string[]][] = [
  [
    "a changed amount",
    "25",
    "allocations",
    ["update credits.transaction set amount = amount + 1 where user_id = $1 and type = 'consumption'"],
  ],
  [
    "a changed amount with its allocation changed to match",
    "25",
    "batch_history",
    [
      "update credits.transaction set amount = amount + 1, batch_amounts = array[batch_amounts[1] + 1] where user_id = $1 and sequence = 1",
    ],
  ],
  [
    "a changed allocation",
    "25",
    "batch_history",
    [
      "update credits.transaction set batch_ids = array[batch_ids[2], batch_ids[1]] where user_id = $1 and cardinality(batch_ids) = 2",
    ],
  ],
  [
    "a changed remainder of an allocation",
    "25",
    "remainder",
    [
      "update credits.transaction set batch_remainders = array[99::bigint] where user_id = $1 and sequence = 3",
    ],
  ],
  [
    "a missing row in the middle",
    "5",
    "sequence",
    ["delete from credits.transaction where user_id = $1 and sequence = 3"],
  ],
  [
    "a missing newest row",
    "5",
    "sequence",
    [
      "delete from credits.transaction where user_id = $1 and sequence = (select sequence from credits.wallet where user_id = $1)",
    ],
  ],
  [
    "a gap in the sequence",
    "5",
    "sequence",
    [
      "update credits.transaction set sequence = sequence + 10 where user_id = $1 and sequence = (select sequence from credits.wallet where user_id = $1)",
    ],
  ],
  [
    "a negative remainder",
    "25",
    "batch",
    ["update credits.batch set remaining = -1, consumed = amount + 1 where user_id = $1 and sequence = 1"],
  ],
  [
    "a batch that does not add up",
    "25",
    "batch",
    ["update credits.batch set remaining = remaining + 1 where user_id = $1 and sequence = 2"],
  ],
  [
    "credits moved from consumed back to remaining",
    "25",
    "batch_history",
    [
      "update credits.batch set remaining = remaining + 1, consumed = consumed - 1 where user_id = $1 and sequence = 1",
    ],
  ],
  [
    "a batch that no transaction granted",
    "25",
    "batch_history",
    [
      "insert into credits.batch (user_id, id, sequence, priority, amount, remaining, granted_at) values ($1, gen_random_uuid(), 9, 0, 5, 5, now())",
    ],
  ],
  [
    "a forged key on a purchase",
    "13",
    "key",
    ["update credits.transaction set key = 'purchase:other' where user_id = $1 and sequence = 1"],
  ],
  [
    "a removed key",
    "13",
    "key",
    ["update credits.transaction set key = null where user_id = $1 and key like 'purchase:%'"],
  ],
  [
    "a monthly key on a spend",
    "13",
    "key",
    ["update credits.transaction set key = 'monthly:2026-01:pro' where user_id = $1 and sequence = 3"],
  ],
  [
    "a purchase forged with its key",
    "15",
    "purchase",
    [
      "update credits.transaction set key = 'purchase:forged', purchase_id = 'forged' where user_id = $1 and sequence = 1",
    ],
  ],
  [
    "a purchase id given to another user",
    "15",
    "purchase",
    ["update credits.purchase set user_id = 'thief' where user_id = $1"],
  ],
  [
    "a purchase id without its grant",
    "15",
    "purchase_without_grant",
    [
      "insert into credits.purchase (purchase_id, user_id, type, transaction_id, created_at) values ('pi-lost', $1, 'purchase', gen_random_uuid(), now())",
    ],
  ],
  [
    "a drifted balance",
    "25",
    "balance",
    ["update credits.wallet set balance = balance + 1 where user_id = $1"],
  ],
  [
    "a wallet that remembers another answer",
    "6",
    "available_after",
    ["update credits.wallet set available_after = available_after + 1 where user_id = $1"],
  ],
  [
    "a drifted answer",
    "6",
    "available",
    [
      "update credits.transaction set available_after = available_after + 1 where user_id = $1 and sequence = 3",
    ],
  ],
  [
    "a wrong account pair",
    "25",
    "accounts",
    [
      "update credits.transaction set debit_account = 'SYSTEM:adjustment' where user_id = $1 and sequence = 1",
    ],
  ],
  [
    "a spend booked to another wallet",
    "25",
    "accounts",
    ["update credits.transaction set debit_account = 'WALLET:thief' where user_id = $1 and sequence = 3"],
  ],
  [
    "a spend dated before the grant",
    "2",
    "time_order",
    [
      "update credits.transaction set created_at = created_at - interval '1 day' where user_id = $1 and sequence = 3",
    ],
  ],
  [
    "a spend from an expired batch",
    "3",
    "validity",
    [
      "update credits.batch set expires_at = granted_at + interval '1 millisecond' where user_id = $1 and sequence = 2",
    ],
  ],
  [
    "a spend that skipped a batch",
    "4",
    "drain_order",
    ["update credits.batch set priority = -5 where user_id = $1 and sequence = 2"],
  ],
  [
    "history of a wallet that is gone",
    "5",
    "wallet_missing",
    ["delete from credits.wallet where user_id = $1"],
  ],
  [
    "a disabled guard of history",
    "26",
    "append_only",
    ["alter table credits.transaction disable trigger transaction_append_only"],
  ],
  [
    "a guard of history that is gone",
    "26",
    "append_only",
    ["drop trigger transaction_keep on credits.transaction"],
  ],
  [
    "a guard of the wallets that is gone",
    "26",
    "append_only",
    ["drop trigger wallet_keep on credits.wallet"],
  ],
  [
    "an allocation without a remainder",
    "25",
    "allocations",
    [
      "update credits.transaction set batch_remainders = array[null::bigint] where user_id = $1 and sequence = 3",
    ],
  ],
  [
    "held credits that no hold has",
    "25",
    "batch_held",
    [
      "update credits.batch set held = held + 1, remaining = remaining - 1 where user_id = $1 and remaining > 1",
    ],
  ],
  [
    "a wallet that says it holds less",
    "25",
    "held",
    ["update credits.wallet set held = held - 1 where user_id = $1"],
  ],
  [
    "a hold whose allocations are more than it holds",
    "22",
    "hold",
    [
      "update credits.hold set batch_amounts[1] = batch_amounts[1] + 1 where user_id = $1 and status = 'open'",
    ],
  ],
  ["a missing hold", "25", "held", ["delete from credits.hold where user_id = $1 and status = 'open'"]],
  [
    "a settlement without its hold",
    "22",
    "settlement",
    ["delete from credits.hold where user_id = $1 and status = 'settled'"],
  ],
  [
    "a settled hold without its transaction's id",
    "22",
    "settlement",
    ["update credits.hold set end_id = gen_random_uuid() where user_id = $1 and status = 'settled'"],
  ],
  [
    "a hold that ended elsewhere in history",
    "25",
    "remainder",
    ["update credits.hold set open_until = open_until + 2 where user_id = $1 and status = 'settled'"],
  ],
  ["a debt that nobody lent", "24", "debt", ["update credits.wallet set debt = debt + 5 where user_id = $1"]],
  [
    "a reversal of more than was spent",
    "23",
    "reversal",
    [
      "update credits.transaction set amount = 1000, batch_amounts = array[1000::bigint] where user_id = $1 and type = 'reversal'",
    ],
  ],
  [
    "a reversal of a grant",
    "23",
    "reversal",
    [
      "update credits.transaction set reverses = (select id from credits.transaction where user_id = $1 and sequence = 1) where user_id = $1 and type = 'reversal'",
    ],
  ],
  [
    "a reversal of nothing",
    "23",
    "reversal_type",
    ["update credits.transaction set reverses = null where user_id = $1 and type = 'reversal'"],
  ],
  [
    "a hold of credits that the batch did not have yet",
    "25",
    "free",
    ["update credits.hold set open_after = 0 where user_id = $1 and status = 'open'"],
  ],
  [
    "a settlement of another amount than its hold says",
    "22",
    "settlement",
    ["update credits.hold set settled_amount = settled_amount + 1 where user_id = $1 and status = 'settled'"],
  ],
  [
    "a settlement paid to another service",
    "22",
    "settlement",
    ["update credits.hold set service = 'image' where user_id = $1 and status = 'settled'"],
  ],
  [
    "a hold that was charged and goes on holding",
    "22",
    "settlement",
    [
      "update credits.hold set status = 'open', ended_at = null, open_until = null where user_id = $1 and status = 'settled'",
    ],
  ],
  [
    "a settlement that charged another batch than its hold fixed",
    "22",
    "settlement_parts",
    [
      "update credits.transaction set batch_ids = array[(select batch_ids[1] from credits.transaction where user_id = $1 and sequence = 6)] where user_id = $1 and key like 'hold:%' and cardinality(batch_ids) = 1",
    ],
  ],
  [
    "a repayment that paid for nothing",
    "24",
    "debt",
    ["update credits.transaction set type = 'debt' where user_id = $1 and type = 'debt_repayment'"],
  ],
  [
    "a debt beside free credits",
    "24",
    "debt_unpaid",
    ["update credits.wallet set debt = 1 where user_id = $1"],
  ],
  [
    "a loan that has a key",
    "13",
    "key",
    ["update credits.transaction set key = 'key:loan' where user_id = $1 and type = 'debt'"],
  ],
  [
    "a reversal with the key of another one's",
    "13",
    "key",
    [
      "update credits.transaction set key = 'reversal:' || gen_random_uuid() || ':' where user_id = $1 and type = 'reversal'",
    ],
  ],
  [
    "a reversal taken from another service",
    "23",
    "reversal",
    [
      "update credits.transaction set debit_account = 'SERVICE:image' where user_id = $1 and type = 'reversal'",
    ],
  ],
  [
    "a reversal into a batch that the spend did not touch",
    "23",
    "reversal_parts",
    [
      "update credits.transaction set batch_ids = array[(select batch_ids[1] from credits.transaction where user_id = $1 and sequence = 5)] where user_id = $1 and type = 'reversal'",
    ],
  ],
  [
    "a reversal into the batch that was drained first",
    "23",
    "reversal_parts",
    [
      "update credits.transaction set reverses = (select id from credits.transaction where user_id = $1 and sequence = 4), batch_ids = (select batch_ids[1:1] from credits.transaction where user_id = $1 and sequence = 4) where user_id = $1 and type = 'reversal'",
    ],
  ],
  [
    "a refund of more than went back",
    "24",
    "payment",
    ["update credits.payment set refunded = 0 where user_id = $1"],
  ],
  [
    "a payment that granted more than its batch",
    "24",
    "payment",
    ["update credits.payment set granted = granted + 1 where user_id = $1"],
  ],
  [
    "a refund taken from another batch",
    "25",
    "batch_history",
    [
      "update credits.transaction set batch_ids = array[(select batch_ids[1] from credits.transaction where user_id = $1 and sequence = 2)] where user_id = $1 and type = 'refund'",
    ],
  ],
  [
    "a refund that went to another payment",
    "13",
    "key",
    ["update credits.transaction set purchase_id = 'pi-audit' where user_id = $1 and type = 'refund'"],
  ],
  ["what is due of no batch", "24", "due", ["update credits.wallet set due = due + 1 where user_id = $1"]],
  [
    "credits that are due and were left in their batch",
    "24",
    "due",
    [
      "update credits.batch set refund_due = 1 where user_id = $1 and remaining > 0",
      "update credits.wallet set due = (select sum(refund_due + dispute_due) from credits.batch where user_id = $1) where user_id = $1",
    ],
  ],
  [
    "a dispute won that gave back more than was taken",
    "23",
    "reversal",
    [
      "update credits.transaction set amount = 1000, batch_amounts = array[1000::bigint] where user_id = $1 and type = 'chargeback_reversal'",
    ],
  ],
  ["holds that can be emptied", "26", "append_only", ["drop trigger hold_keep on credits.hold"]],
];

describe.each([
  ["PGlite", openPgliteLedger],
  ["PostgreSQL", openPostgresLedger],
] as const)("audit on %s (rule 27)", (engine, open) => {
  let ledger: Ledger;
  let userId: string;

  beforeAll(async () => {
    ledger = await open();
    userId = newUser();
    const { credits, clock } = ledger;
    await credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId: "pi-audit" });
    clock.advance(1000);
    await credits.grant({ userId, amount: 50, type: "adjustment" });
    clock.advance(1000);
    await credits.consume({ userId, amount: 100, service: "chat" });
    clock.advance(1000);
    await credits.consume({ userId, amount: 25, service: "chat", idempotencyKey: "k" });
    clock.advance(1000);
    await credits.grant({ userId, amount: 7, type: "adjustment", validityDays: 1 });
    clock.advanceDays(2);
    await credits.grant({ userId, amount: 1, type: "adjustment" });
    await credits.processExpired();
    const { holdId } = await credits.hold({ userId, amount: 6, service: "chat" });
    await credits.settle({ userId, holdId, amount: 4 });
    const { transactionId } = await credits.consume({ userId, amount: 3, service: "chat" });
    await credits.reverse({ userId, transactionId, amount: 2 });
    await credits.hold({ userId, amount: 5, service: "chat" });
    const { holdId: lent } = await credits.hold({ userId, amount: 5, service: "chat", overage: "debt" });
    await credits.settle({ userId, holdId: lent, amount: 60 });
    await credits.grant({ userId, amount: 50, type: "adjustment" });
    const paymentIds = ["pi-audit-paid"] as const;
    const said = { provider: "stripe", occurredAt: clock.now(), paymentIds };
    const priced = { priceId: "price_credits_lite", amountPaid: 1000, currency: "usd" };
    await credits.applyPaymentEvent({ ...said, ...priced, type: "purchase.paid", eventId: "e1", userId });
    await credits.applyPaymentEvent({
      ...said,
      type: "payment.refunded",
      eventId: "e2",
      amountRefunded: 200,
    });
    const dispute = { ...said, type: "dispute.changed", disputeId: "dp-audit", amount: 300 } as const;
    await credits.applyPaymentEvent({ ...dispute, eventId: "e3", status: "open" });
    await credits.applyPaymentEvent({ ...dispute, eventId: "e4", status: "won" });
    await credits.grantRegistrationBonus(newUser());
  });

  afterAll(() => ledger.close());

  it("finds clean books clean", async () => {
    expect(await ledger.credits.audit()).toEqual({ ok: true, violations: [] });
  });

  // Citus takes no arithmetic with time zones in an update of many shards.
  const possible = corruptions.filter(
    ([, , , statements]) => engine === "PGlite" || !isCitus() || !statements.join().includes("interval"),
  );

  it.each(possible)("finds %s", async (_sentence, rule, check, statements) => {
    const { violations } = await auditOfCorrupted(ledger, userId, statements);
    const found = violations.filter((violation) => violation.detail.startsWith(`${check}:`));
    expect(found.map((violation) => violation.rule)).toContain(rule);
    if (rule !== "26")
      expect(found.some(({ userId: whose }) => whose === userId || whose === "thief")).toBe(true);
    // The corruption was rolled back: the next one starts from clean books.
    expect(await ledger.credits.audit()).toEqual({ ok: true, violations: [] });
  });
});

/** Corrupts the books with every guard down, audits them, and takes it all back. */
async function auditOfCorrupted(ledger: Ledger, userId: string, statements: string[]): Promise<AuditResult> {
  const undo = new Error("undo");
  let result: AuditResult | undefined;
  await ledger.database
    .transaction(async (connection) => {
      // Like a restore does it: neither triggers nor foreign keys act.
      const distributed = ledger.engine === "PostgreSQL" && isCitus();
      if (distributed) {
        await connection.query("set local citus.propagate_set_commands = 'local'", []);
        await connection.query("set local citus.enable_unsafe_triggers = on", []);
      }
      await connection.query("set local session_replication_role = replica", []);
      const checks = await connection.query(
        `select format('alter table %s drop constraint %I', conrelid::regclass, conname) as statement
         from pg_constraint
         where contype = 'c' and connamespace = 'credits'::regnamespace and conrelid::regclass::text ~ $1`,
        // Citus cannot drop this one of the table that each node has.
        [distributed ? "(wallet|batch|transaction)$" : ""],
      );
      for (const { statement } of checks) await connection.query(String(statement), []);
      for (const statement of statements) {
        await connection.query(statement, statement.includes("$1") ? [userId] : []);
      }
      const transaction = { ...connection, inTransaction: true, transaction: () => Promise.reject(undo) };
      result = await ledger.credits.using(transaction).audit();
      throw undo;
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error;
    });
  if (result === undefined) throw new Error("The audit did not run");
  return result;
}
