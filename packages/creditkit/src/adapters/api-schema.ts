import { z } from "@hono/zod-openapi";
import { descriptionLengthMax, overages, ttlSecondsMax, validityDaysMax } from "../core/argument.ts";
import { jobNames } from "../core/job-run.ts";

// What goes in and what comes out, as JSON. The ledger checks again, and more exactly: these are for the document and for the first
// refusal. An instant is ISO 8601; an amount is a number of credits.

export const instant = z.iso.datetime().openapi({ example: "2026-03-01T09:00:00.000Z" });
/** An instant that comes in. */
export const date = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .openapi({ type: "string", format: "date-time", example: "2026-03-01T09:00:00Z" });
/** A whole number in a query, where all is text: an empty one is none. */
export const whole = z
  .string()
  .refine((text) => /^\d{1,16}$/.test(text), "expected a whole number")
  .transform(Number)
  .openapi({ type: "integer" });
export const credits = z.number().openapi({ description: "Credits.", example: 5 });
export const amount = z.number().positive().openapi({ description: "Credits, positive.", example: 5 });
export const id = z.string();
export const service = z.string().openapi({ description: "What is paid for.", example: "google:chat" });
export const description = z
  .string()
  .max(descriptionLengthMax)
  .openapi({ description: "The user reads it in the history." });
export const metadata = z
  .record(z.string(), z.unknown())
  .openapi({ description: "Up to 16 KiB and depth 8." });
export const validityDays = z
  .int()
  .min(1)
  .max(validityDaysMax)
  .openapi({ description: "Days of 24 h; omitted: it never expires." });
export const ttlSeconds = z.int().min(1).max(ttlSecondsMax).openapi({ description: "Default 900." });
export const overage = z.enum(overages).openapi({
  description: "What a settlement above the amount does: `reject`, `take_available` (default) or `debt`.",
});
const replayed = z
  .literal(true)
  .optional()
  .openapi({ description: "Present when it had been done before: this is the first answer again." });
const newBalance = z.number().openapi({ description: "Available credits right after it.", example: 95 });

const consumptionLog = z
  .array(z.object({ batchId: id, consumed: credits, batchRemaining: credits }))
  .openapi("ConsumptionLog", { description: "What was taken from which batch, in drain order." });

export const Balance = z
  .object({
    availableCredits: z.number().openapi({ description: "What can be spent now.", example: 95 }),
    heldCredits: z.number().openapi({ description: "What open holds have set aside." }),
    debt: z.number().openapi({ description: "What is owed." }),
    nextExpiringBatch: z.object({ amount: credits, expiresAt: instant }).nullable(),
    nextGrantInfo: z.object({ amount: credits, grantDate: instant, planName: z.string() }).nullable(),
  })
  .openapi("Balance");

const Transaction = z
  .object({
    id,
    type: z.string(),
    amount: z.number().openapi({ description: "Positive into the wallet, negative out of it." }),
    description: z.string().nullable(),
    status: z.string(),
    sourcePlan: z.string().nullable(),
    createdAt: instant,
  })
  .openapi("Transaction");

export const TransactionPage = z
  .object({
    items: z.array(Transaction),
    total: z.int(),
    pageIndex: z.int(),
    pageSize: z.int(),
    pageCount: z.int(),
  })
  .openapi("TransactionPage");

export const Statement = z
  .object({
    total: z.int().nullable().openapi({ description: "Null with `afterSequence`, which counts nothing." }),
    entries: z.array(
      z.object({
        sequence: z.int(),
        id,
        type: z.string(),
        amount: credits,
        debitAccount: z.string(),
        creditAccount: z.string(),
        service: z.string().nullable(),
        description: z.string().nullable(),
        metadata: metadata.nullable(),
        sourcePlan: z.string().nullable(),
        grantPeriod: z.string().nullable(),
        packageId: z.string().nullable(),
        purchaseId: z.string().nullable(),
        reverses: z.string().nullable(),
        reversedAmount: z.number().nullable(),
        createdAt: instant,
        availableAfter: credits,
        runningTotal: z.number().nullable(),
        allocations: z.array(
          z.object({
            batchId: id,
            amount: credits,
            batchRemaining: credits,
            grantedBy: z.string(),
            batchExpiresAt: instant.nullable(),
          }),
        ),
      }),
    ),
  })
  .openapi("Statement");

export const Wallet = z
  .object({
    userId: id,
    status: z.enum(["active", "frozen", "closed"]),
    transactionCount: z.int(),
    held: credits,
    debt: credits,
    createdAt: instant,
    batches: z.array(
      z.object({
        id,
        grantedBy: z.string(),
        priority: z.int(),
        amount: credits,
        remaining: credits,
        held: credits,
        grantedAt: instant,
        expiresAt: instant.nullable(),
        expired: z.boolean(),
      }),
    ),
  })
  .openapi("Wallet");

export const DailyUsage = z
  .object({ day: z.iso.date(), service: z.string(), amount: credits, spends: z.int() })
  .openapi("DailyUsage");

export const Grant = z
  .object({
    transactionId: id,
    batchId: id.optional(),
    expirationDate: instant.optional(),
    amount: credits.optional().openapi({ description: "Less than asked for where a limit cut it." }),
    grantPeriod: z.string().optional(),
    replayed,
  })
  .openapi("Grant");

export const Spend = z
  .object({ transactionId: id, consumedAmount: credits, newBalance, consumptionLog, replayed })
  .openapi("Spend");

export const Hold = z
  .object({ holdId: id, amount: credits, expiresAt: instant, newBalance, replayed })
  .openapi("Hold");

export const OpenHold = z
  .object({
    holdId: id,
    amount: credits,
    service: z.string(),
    overage,
    metadata: metadata.nullable(),
    createdAt: instant,
    expiresAt: instant,
  })
  .openapi("OpenHold");

export const Settlement = z
  .object({
    transactionId: z.string().openapi({ description: "Empty where nothing was charged." }),
    consumedAmount: credits,
    shortfall: credits.openapi({ description: "What the work cost beyond what could be charged." }),
    newBalance,
    consumptionLog,
    settledFrom: z.enum(["hold", "balance"]),
    replayed,
  })
  .openapi("Settlement");

export const Release = z
  .object({ released: z.literal(true), releasedAmount: credits, newBalance, replayed })
  .openapi("Release");

export const Reversal = z
  .object({ transactionId: id, reversedAmount: credits, newBalance, replayed })
  .openapi("Reversal");

export const Deduction = z
  .object({ transactionId: id, deductedAmount: credits, newBalance, consumptionLog, replayed })
  .openapi("Deduction");

export const Erasure = z
  .object({ pseudonym: z.string(), forfeitedAmount: credits, replayed })
  .openapi("Erasure");

export const Subscription = z
  .object({
    subscriptionId: id,
    planId: id,
    status: z.string(),
    interval: z.enum(["month", "year"]),
    anchor: instant,
    currentPeriodEnd: instant,
    cancelsAtPeriodEnd: z.boolean(),
    provider: z.string().nullable(),
  })
  .openapi("Subscription");

export const Payment = z
  .object({
    userId: id,
    provider: z.string(),
    paymentId: id,
    kind: z.enum(["package", "plan"]),
    priceId: id,
    amountPaid: z.int(),
    currency: z.string(),
    amountRefunded: z.int(),
    disputed: z.boolean(),
    credits: z.number().nullable(),
    receiptUrl: z.string().nullable(),
    createdAt: instant,
  })
  .openapi("Payment");

export const JobRun = z
  .object({
    id,
    job: z.enum(jobNames),
    startedAt: instant,
    finishedAt: instant.nullable(),
    result: z.record(z.string(), z.unknown()).nullable(),
    error: z.string().nullable(),
  })
  .openapi("JobRun");
