import { expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import type { Credits } from "../src/core/operations.ts";
import { describeLedger, newUser, refusal, snapshot } from "./ledger.ts";

/** Called with what TypeScript would refuse: JavaScript callers and parsed JSON reach these functions too. */
type Untyped = { [Operation in keyof Credits]: (...values: unknown[]) => Promise<unknown> };

const loneSurrogate = "a\ud800b";
const deep = (depth: number): unknown => (depth === 0 ? 1 : { in: deep(depth - 1) });
const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;
class Money {
  amount = 1;
}

const badAmounts: [string, unknown][] = [
  ["0", 0],
  ["-0", -0],
  ["a negative", -1],
  ["a fraction finer than the unit", 0.5],
  ["a sum of floating point", 0.1 + 0.2],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
  ["more than the cap", 1e9 + 1],
  ["more than a double holds exactly", 2 ** 53],
  ["the largest double", Number.MAX_VALUE],
  ["the smallest double", Number.MIN_VALUE],
  ["a string", "5"],
  ["an empty string", ""],
  ["a BigInt", 5n],
  ["a boxed number", Object(5)],
  ["null", null],
  ["an array", [5]],
  ["an object", {}],
  ["an object with valueOf", { valueOf: () => 5 }],
  ["true", true],
  ["a Date", new Date(5)],
  ["a function", () => 5],
  ["a symbol", Symbol("5")],
];

const badIds: [string, unknown][] = [
  ["empty", ""],
  ["of 256 characters", "x".repeat(256)],
  ["of 256 characters outside the basic plane", "😀".repeat(256)],
  ["with NUL", "a\u0000"],
  ["with a line break", "a\nb"],
  ["with DEL", "a\u007f"],
  ["with a C1 control", "a\u0085"],
  ["with a lone surrogate", loneSurrogate],
  ["a number", 7],
  ["null", null],
  ["an array", ["a"]],
  ["an object", { toString: () => "a" }],
  ["a boxed string", Object("a")],
];

const badServices: [string, unknown][] = [
  ["empty", ""],
  ["of 129 characters", "x".repeat(129)],
  ["with a tab", "a\tb"],
  ["with a lone surrogate", loneSurrogate],
  ["a number", 1],
  ["null", null],
  ["missing", undefined],
];

const badDescriptions: [string, unknown][] = [
  ["of 1 001 characters", "x".repeat(1001)],
  ["with NUL", "a\u0000b"],
  ["with a lone surrogate", loneSurrogate],
  ["a number", 1],
  ["null", null],
  ["an object", {}],
];

const badMetadata: [string, unknown][] = [
  ["null", null],
  ["a string", "{}"],
  ["an array", []],
  ["a Date", new Date(0)],
  ["a Map", new Map()],
  ["of a class", new Money()],
  ["with a function", { run: () => 1 }],
  ["with a BigInt", { big: 1n }],
  ["with NaN", { value: Number.NaN }],
  ["with Infinity", { value: Number.POSITIVE_INFINITY }],
  ["with a Date", { at: new Date(0) }],
  ["with a symbol", { value: Symbol("x") }],
  ["with NUL in a value", { text: "\u0000" }],
  ["with a lone surrogate in a key", { [loneSurrogate]: 1 }],
  ["with a toJSON of its own", { toJSON: () => "x" }],
  ["of depth 9", deep(9)],
  ["with itself inside", cyclic],
  ["over 16 KiB", { text: "x".repeat(16 * 1024) }],
  ["over 16 KiB in bytes", { text: "é".repeat(9 * 1024) }],
];

const badValidity: [string, unknown][] = [
  ["0", 0],
  ["negative", -1],
  ["fractional", 1.5],
  ["above 36 500", 36_501],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["a string", "30"],
  ["null", null],
];

const badPeriods: [string, unknown][] = [
  ["month 13", "2026-13"],
  ["month 00", "2026-00"],
  ["without a zero", "2026-1"],
  ["with a day", "2026-01-01"],
  ["with a line break after it", "2026-01\n"],
  ["a Date", new Date(0)],
  ["null", null],
  ["a number", 202601],
];

const badTypes: [string, unknown][] = [
  ["consumption", "consumption"],
  ["expiration", "expiration"],
  ["one nobody knows", "gift"],
  ["a property of every object", "constructor"],
  ["null", null],
  ["missing", undefined],
];

const badPaging: [string, string, unknown][] = [
  ["pageIndex", "negative", -1],
  ["pageIndex", "fractional", 0.5],
  ["pageIndex", "NaN", Number.NaN],
  ["pageIndex", "Infinity", Number.POSITIVE_INFINITY],
  ["pageIndex", "a string", "0"],
  ["pageIndex", "null", null],
  ["pageSize", "0", 0],
  ["pageSize", "101", 101],
  ["pageSize", "negative", -1],
  ["pageSize", "fractional", 1.5],
  ["pageSize", "a string", "10"],
  ["pageSize", "null", null],
];

const badPriorities: [string, unknown][] = [
  ["fractional", 0.5],
  ["too large", 1001],
  ["a string", "1"],
  ["null", null],
];

const badDates: [string, unknown][] = [
  ["invalid", new Date(Number.NaN)],
  ["an ISO string", "2026-01-01"],
  ["a number", 0],
  ["beyond the year 9000", new Date(8.64e15)],
  ["before 1970", new Date(-1)],
  ["null", null],
];

type Row = [
  sentence: string,
  code: string,
  field: string,
  call: (credits: Untyped, userId: string) => Promise<unknown>,
];

const spend = (userId: string, change: object) => ({ userId, amount: 1, service: "chat", ...change });
const gift = (userId: string, change: object) => ({ userId, amount: 1, type: "purchase", ...change });
const anyId = "019ac000-0000-7000-8000-000000000000";
const aside = (userId: string, change: object) => ({ userId, amount: 1, service: "chat", ...change });
const end = (userId: string, change: object) => ({ userId, holdId: anyId, amount: 1, ...change });
const back = (userId: string, change: object) => ({ userId, transactionId: anyId, ...change });
const nothing = async () => undefined;
const monthly = (userId: string, change: object) => ({
  userId,
  amount: 1,
  planId: "pro",
  validityDays: 30,
  ...change,
});
const sale = (userId: string, change: object) => ({
  userId,
  priceId: "price_credits_lite",
  purchaseId: `pi-${userId}`,
  ...change,
});
const state = (userId: string, change: object) => ({
  userId,
  subscriptionId: "sub",
  planId: "pro",
  status: "active",
  anchor: new Date(0),
  interval: "month",
  currentPeriodEnd: new Date(0),
  ...change,
});

const said = { provider: "stripe", eventId: "evt_1", occurredAt: new Date(0), paymentIds: ["pi_1"] };
const paid = (userId: string, change: object) => ({
  ...said,
  type: "purchase.paid",
  userId,
  priceId: "price_credits_lite",
  amountPaid: 999,
  currency: "usd",
  ...change,
});
const paidPlan = (userId: string, change: object) =>
  paid(userId, {
    type: "plan.paid",
    subscriptionId: "sub",
    periodStart: new Date(0),
    periodEnd: new Date(1),
    ...change,
  });
const told = (userId: string, change: object) => ({
  ...state(userId, {}),
  ...said,
  type: "subscription.changed",
  priceId: "p",
  ...change,
});

const badPaymentEvents: Row[] = (
  [
    ["params", () => null],
    ["type", (id) => paid(id, { type: "constructor" })],
    ["type", (id) => paid(id, { type: undefined })],
    ...badIds.flatMap(([, value]): [string, (userId: string) => unknown][] => [
      ["userId", (id) => paid(id, { userId: value })],
      ["eventId", (id) => paid(id, { eventId: value })],
      ["provider", (id) => paid(id, { provider: value })],
      ["priceId", (id) => paid(id, { priceId: value })],
      ["paymentIds", (id) => paid(id, { paymentIds: [value] })],
      ["customerId", (id) => paid(id, { customerId: value })],
      ["subscriptionId", (id) => paidPlan(id, { subscriptionId: value })],
      [
        "disputeId",
        (id) => paid(id, { type: "dispute.changed", status: "open", amount: 1, disputeId: value }),
      ],
      ["refund.id", (id) => paid(id, { type: "payment.refunded", refund: { id: value, amount: 1 } })],
    ]),
    ...[undefined, null, [], "pi_1", Array(11).fill("pi")].map(
      (value): [string, (userId: string) => unknown] => [
        "paymentIds",
        (id) => paid(id, { paymentIds: value }),
      ],
    ),
    ...[-1, 0.5, Number.NaN, 2 ** 53, "5", null, 5n].flatMap(
      (value): [string, (userId: string) => unknown][] => [
        ["amountPaid", (id) => paid(id, { amountPaid: value })],
        ["amountRefunded", (id) => paid(id, { type: "payment.refunded", amountRefunded: value })],
        [
          "amount",
          (id) => paid(id, { type: "dispute.changed", status: "open", disputeId: "d", amount: value }),
        ],
      ],
    ),
    ...["today", 0, new Date(Number.NaN), undefined].flatMap(
      (value): [string, (userId: string) => unknown][] => [
        ["occurredAt", (id) => paid(id, { occurredAt: value })],
        ["periodStart", (id) => paidPlan(id, { periodStart: value })],
        ["anchor", (id) => told(id, { anchor: value })],
      ],
    ),
    ...["javascript:alert(1)", "/receipt", 5, `https://x/${"y".repeat(2048)}`].map(
      (value): [string, (userId: string) => unknown] => [
        "receiptUrl",
        (id) => paid(id, { receiptUrl: value }),
      ],
    ),
    ["status", (id) => told(id, { status: "alive" })],
    ["status", (id) => paid(id, { type: "dispute.changed", disputeId: "d", amount: 1, status: "lent" })],
    ["amountRefunded", (id) => paid(id, { type: "payment.refunded" })],
  ] as [string, (userId: string) => unknown][]
).map(([field, event], index) => [
  `applyPaymentEvent: ${field} (${index})`,
  "INVALID_ARGUMENT",
  field,
  (credits, id) => credits.applyPaymentEvent(event(id)),
]);

const rows: Row[] = [
  ...badAmounts.flatMap(([what, amount]): Row[] => [
    [
      `consume: amount ${what}`,
      "INVALID_AMOUNT",
      "amount",
      (credits, id) => credits.consume(spend(id, { amount })),
    ],
    [
      `grant: amount ${what}`,
      "INVALID_AMOUNT",
      "amount",
      (credits, id) => credits.grant(gift(id, { amount })),
    ],
    [
      `consumeForService: amount ${what}`,
      "INVALID_AMOUNT",
      "amount",
      (credits, id) => credits.consumeForService(spend(id, { amount })),
    ],
    [
      `grantSubscription: amount ${what}`,
      "INVALID_AMOUNT",
      "amount",
      (credits, id) => credits.grantSubscription(monthly(id, { amount })),
    ],
  ]),
  [
    "consume: amount missing",
    "INVALID_AMOUNT",
    "amount",
    (credits, id) => credits.consume(spend(id, { amount: undefined })),
  ],
  ...badIds.flatMap(([what, value]): Row[] => [
    [
      `consume: userId ${what}`,
      "INVALID_ARGUMENT",
      "userId",
      (credits) => credits.consume(spend("", { userId: value })),
    ],
    [
      `grant: userId ${what}`,
      "INVALID_ARGUMENT",
      "userId",
      (credits) => credits.grant(gift("", { userId: value })),
    ],
    [
      `getInfo: userId ${what}`,
      "INVALID_ARGUMENT",
      "userId",
      (credits) => credits.getInfo({ userId: value }),
    ],
    [
      `getTransactions: userId ${what}`,
      "INVALID_ARGUMENT",
      "userId",
      (credits) => credits.getTransactions({ userId: value }),
    ],
    [
      `grantRegistrationBonus: userId ${what}`,
      "INVALID_ARGUMENT",
      "userId",
      (credits) => credits.grantRegistrationBonus(value),
    ],
    [`freeze: userId ${what}`, "INVALID_ARGUMENT", "userId", (credits) => credits.freeze({ userId: value })],
    [
      `grantPurchased: purchaseId ${what}`,
      "INVALID_ARGUMENT",
      "purchaseId",
      (credits, id) => credits.grantPurchased(sale(id, { purchaseId: value })),
    ],
    [
      `grantPurchased: priceId ${what}`,
      "INVALID_ARGUMENT",
      "priceId",
      (credits, id) => credits.grantPurchased(sale(id, { priceId: value })),
    ],
    [
      `consume: idempotencyKey ${what}`,
      "INVALID_ARGUMENT",
      "idempotencyKey",
      (credits, id) => credits.consume(spend(id, { idempotencyKey: value })),
    ],
    [
      `grantSubscription: planId ${what}`,
      "INVALID_ARGUMENT",
      "planId",
      (credits, id) => credits.grantSubscription(monthly(id, { planId: value })),
    ],
    [
      `upsertSubscription: subscriptionId ${what}`,
      "INVALID_ARGUMENT",
      "subscriptionId",
      (credits, id) => credits.upsertSubscription(state(id, { subscriptionId: value })),
    ],
  ]),
  ...badServices.flatMap(([what, service]): Row[] => [
    [
      `consume: service ${what}`,
      "INVALID_ARGUMENT",
      "service",
      (credits, id) => credits.consume(spend(id, { service })),
    ],
    [
      `consumeForService: service ${what}`,
      "INVALID_ARGUMENT",
      "service",
      (credits, id) => credits.consumeForService({ userId: id, service }),
    ],
  ]),
  ...badDescriptions.flatMap(([what, description]): Row[] => [
    [
      `consume: description ${what}`,
      "INVALID_ARGUMENT",
      "description",
      (credits, id) => credits.consume(spend(id, { description })),
    ],
    [
      `grant: description ${what}`,
      "INVALID_ARGUMENT",
      "description",
      (credits, id) => credits.grant(gift(id, { description })),
    ],
  ]),
  ...badMetadata.map(
    ([what, metadata]): Row => [
      `consume: metadata ${what}`,
      "INVALID_ARGUMENT",
      "metadata",
      (credits, id) => credits.consume(spend(id, { metadata })),
    ],
  ),
  ...badValidity.flatMap(([what, validityDays]): Row[] => [
    [
      `grant: validityDays ${what}`,
      "INVALID_ARGUMENT",
      "validityDays",
      (credits, id) => credits.grant(gift(id, { validityDays })),
    ],
    [
      `grantSubscription: validityDays ${what}`,
      "INVALID_ARGUMENT",
      "validityDays",
      (credits, id) => credits.grantSubscription(monthly(id, { validityDays })),
    ],
  ]),
  ...badDates.map(
    ([what, expiresAt]): Row => [
      `grant: expiresAt ${what}`,
      "INVALID_ARGUMENT",
      "expiresAt",
      (credits, id) => credits.grant(gift(id, { expiresAt })),
    ],
  ),
  [
    "grant: expiresAt beside validityDays",
    "INVALID_ARGUMENT",
    "expiresAt",
    (credits, id) => credits.grant(gift(id, { expiresAt: new Date("2030-01-01"), validityDays: 1 })),
  ],
  ...badPeriods.flatMap(([what, grantPeriod]): Row[] => [
    [
      `grant: grantPeriod ${what}`,
      "INVALID_ARGUMENT",
      "grantPeriod",
      (credits, id) => credits.grant(gift(id, { grantPeriod })),
    ],
    [
      `grantSubscription: grantPeriod ${what}`,
      "INVALID_ARGUMENT",
      "grantPeriod",
      (credits, id) => credits.grantSubscription(monthly(id, { grantPeriod })),
    ],
  ]),
  ...badTypes.map(
    ([what, type]): Row => [
      `grant: type ${what}`,
      "INVALID_ARGUMENT",
      "type",
      (credits, id) => credits.grant(gift(id, { type })),
    ],
  ),
  ...badPaging.map(
    ([field, what, value]): Row => [
      `getTransactions: ${field} ${what}`,
      "INVALID_ARGUMENT",
      field,
      (credits, id) => credits.getTransactions({ userId: id, [field]: value }),
    ],
  ),
  ...badPriorities.map(
    ([what, priority]): Row => [
      `grant: priority ${what}`,
      "INVALID_ARGUMENT",
      "priority",
      (credits, id) => credits.grant(gift(id, { priority })),
    ],
  ),
  [
    "grant: force a string",
    "INVALID_ARGUMENT",
    "force",
    (credits, id) => credits.grant(gift(id, { force: "yes" })),
  ],
  ...badDates.flatMap(([what, value]): Row[] => [
    [
      `upsertSubscription: anchor ${what}`,
      "INVALID_ARGUMENT",
      "anchor",
      (credits, id) => credits.upsertSubscription(state(id, { anchor: value })),
    ],
    [
      `upsertSubscription: currentPeriodEnd ${what}`,
      "INVALID_ARGUMENT",
      "currentPeriodEnd",
      (credits, id) => credits.upsertSubscription(state(id, { currentPeriodEnd: value })),
    ],
  ]),
  ...badPaymentEvents,
  [
    "checkPurchase: price unknown",
    "UNKNOWN_PRICE",
    "priceId",
    (credits, id) => credits.checkPurchase({ userId: id, priceId: "constructor" }),
  ],
  [
    "getPaymentEvents: limit 0",
    "INVALID_ARGUMENT",
    "limit",
    (credits) => credits.getPaymentEvents({ limit: 0 }),
  ],
  [
    "getPaymentEvents: status unknown",
    "INVALID_ARGUMENT",
    "status",
    (credits) => credits.getPaymentEvents({ status: "lost" }),
  ],
  [
    "upsertSubscription: status unknown",
    "INVALID_ARGUMENT",
    "status",
    (credits, id) => credits.upsertSubscription(state(id, { status: "alive" })),
  ],
  [
    "upsertSubscription: interval unknown",
    "INVALID_ARGUMENT",
    "interval",
    (credits, id) => credits.upsertSubscription(state(id, { interval: "week" })),
  ],
  [
    "upsertSubscription: plan unknown",
    "UNKNOWN_PLAN",
    "planId",
    (credits, id) => credits.upsertSubscription(state(id, { planId: "gold" })),
  ],
  [
    "upsertSubscription: plan __proto__",
    "UNKNOWN_PLAN",
    "planId",
    (credits, id) => credits.upsertSubscription(state(id, { planId: "__proto__" })),
  ],
  [
    "grantPurchased: price unknown",
    "UNKNOWN_PRICE",
    "priceId",
    (credits, id) => credits.grantPurchased(sale(id, { priceId: "price_gold" })),
  ],
  [
    "grantPurchased: price constructor",
    "UNKNOWN_PRICE",
    "priceId",
    (credits, id) => credits.grantPurchased(sale(id, { priceId: "constructor" })),
  ],
  ...badAmounts.flatMap(([what, amount]): Row[] => [
    [
      `hold: amount ${what}`,
      "INVALID_AMOUNT",
      "amount",
      (credits, id) => credits.hold(aside(id, { amount })),
    ],
    [
      `reverse: amount ${what}`,
      "INVALID_AMOUNT",
      "amount",
      (credits, id) => credits.reverse(back(id, { amount })),
    ],
    [
      `deduct: amount ${what}`,
      "INVALID_AMOUNT",
      "amount",
      (credits, id) => credits.deduct({ userId: id, amount }),
    ],
    [
      `meter: estimate ${what}`,
      "INVALID_AMOUNT",
      "amount",
      (credits, id) => credits.meter({ userId: id, service: "chat", estimate: amount }, nothing),
    ],
  ]),
  // 0 releases.
  ...badAmounts
    .filter(([, amount]) => !Object.is(amount, 0))
    .map(
      ([what, amount]): Row => [
        `settle: amount ${what}`,
        "INVALID_AMOUNT",
        "amount",
        (credits, id) => credits.settle(end(id, { amount })),
      ],
    ),
  ...badIds.flatMap(([what, value]): Row[] => [
    [
      `hold: userId ${what}`,
      "INVALID_ARGUMENT",
      "userId",
      (credits) => credits.hold(aside("", { userId: value })),
    ],
    [
      `hold: idempotencyKey ${what}`,
      "INVALID_ARGUMENT",
      "idempotencyKey",
      (credits, id) => credits.hold(aside(id, { idempotencyKey: value })),
    ],
    [
      `settle: holdId ${what}`,
      "INVALID_ARGUMENT",
      "holdId",
      (credits, id) => credits.settle(end(id, { holdId: value })),
    ],
    [
      `release: holdId ${what}`,
      "INVALID_ARGUMENT",
      "holdId",
      (credits, id) => credits.release(end(id, { holdId: value })),
    ],
    [
      `reverse: transactionId ${what}`,
      "INVALID_ARGUMENT",
      "transactionId",
      (credits, id) => credits.reverse(back(id, { transactionId: value })),
    ],
    [
      `reverse: idempotencyKey ${what}`,
      "INVALID_ARGUMENT",
      "idempotencyKey",
      (credits, id) => credits.reverse(back(id, { idempotencyKey: value })),
    ],
    [
      `deduct: idempotencyKey ${what}`,
      "INVALID_ARGUMENT",
      "idempotencyKey",
      (credits, id) => credits.deduct({ userId: id, amount: 1, idempotencyKey: value }),
    ],
    ...(["deduct", "eraseUser", "getStatement", "getUsage"] as const).map(
      (operation): Row => [
        `${operation}: userId ${what}`,
        "INVALID_ARGUMENT",
        "userId",
        (credits) => credits[operation]({ userId: value, amount: 1 }),
      ],
    ),
    [
      `getHolds: userId ${what}`,
      "INVALID_ARGUMENT",
      "userId",
      (credits) => credits.getHolds({ userId: value }),
    ],
  ]),
  ...badServices.map(
    ([what, service]): Row => [
      `hold: service ${what}`,
      "INVALID_ARGUMENT",
      "service",
      (credits, id) => credits.hold(aside(id, { service })),
    ],
  ),
  ...([0, -1, 0.5, 86_401, Number.NaN, "900", null] as unknown[]).map(
    (ttlSeconds): Row => [
      `hold: ttlSeconds ${String(ttlSeconds)}`,
      "INVALID_ARGUMENT",
      "ttlSeconds",
      (credits, id) => credits.hold(aside(id, { ttlSeconds })),
    ],
  ),
  ...(["", "REJECT", "constructor", null, 1] as unknown[]).map(
    (overage): Row => [
      `hold: overage ${String(overage)}`,
      "INVALID_ARGUMENT",
      "overage",
      (credits, id) => credits.hold(aside(id, { overage })),
    ],
  ),
  ...badMetadata.flatMap(([what, metadata]): Row[] => [
    [
      `hold: metadata ${what}`,
      "INVALID_ARGUMENT",
      "metadata",
      (credits, id) => credits.hold(aside(id, { metadata })),
    ],
    [
      `deduct: metadata ${what}`,
      "INVALID_ARGUMENT",
      "metadata",
      (credits, id) => credits.deduct({ userId: id, amount: 1, metadata }),
    ],
    [
      `settle: metadata ${what}`,
      "INVALID_ARGUMENT",
      "metadata",
      (credits, id) => credits.settle(end(id, { metadata })),
    ],
    [
      `meter: metadata ${what}`,
      "INVALID_ARGUMENT",
      "metadata",
      (credits, id) => credits.meter({ userId: id, service: "chat", metadata }, nothing),
    ],
  ]),
  ...badDescriptions.flatMap(([what, description]): Row[] => [
    [
      `settle: description ${what}`,
      "INVALID_ARGUMENT",
      "description",
      (credits, id) => credits.settle(end(id, { description })),
    ],
    [
      `reverse: description ${what}`,
      "INVALID_ARGUMENT",
      "description",
      (credits, id) => credits.reverse(back(id, { description })),
    ],
    [
      `deduct: description ${what}`,
      "INVALID_ARGUMENT",
      "description",
      (credits, id) => credits.deduct({ userId: id, amount: 1, description }),
    ],
    [
      `meter: description ${what}`,
      "INVALID_ARGUMENT",
      "description",
      (credits, id) => credits.meter({ userId: id, service: "chat", description }, nothing),
    ],
  ]),
  ...badIds.flatMap(([what, value]): Row[] => [
    [
      `settle: userId ${what}`,
      "INVALID_ARGUMENT",
      "userId",
      (credits) => credits.settle(end("", { userId: value })),
    ],
    [
      `release: userId ${what}`,
      "INVALID_ARGUMENT",
      "userId",
      (credits) => credits.release(end("", { userId: value })),
    ],
    [
      `reverse: userId ${what}`,
      "INVALID_ARGUMENT",
      "userId",
      (credits) => credits.reverse(back("", { userId: value })),
    ],
    [
      `meter: userId ${what}`,
      "INVALID_ARGUMENT",
      "userId",
      (credits) => credits.meter({ userId: value, service: "chat" }, nothing),
    ],
    [
      `meter: idempotencyKey ${what}`,
      "INVALID_ARGUMENT",
      "idempotencyKey",
      (credits, id) => credits.meter({ userId: id, service: "chat", idempotencyKey: value }, nothing),
    ],
  ]),
  ...badServices.map(
    ([what, service]): Row => [
      `meter: service ${what}`,
      "INVALID_ARGUMENT",
      "service",
      (credits, id) => credits.meter({ userId: id, service }, nothing),
    ],
  ),
  ...([Number.POSITIVE_INFINITY, 1e300, 5n, [900], Object(900)] as unknown[]).map(
    (ttlSeconds): Row => [
      `hold: ttlSeconds ${typeof ttlSeconds} ${String(ttlSeconds)}`,
      "INVALID_ARGUMENT",
      "ttlSeconds",
      (credits, id) => credits.hold(aside(id, { ttlSeconds })),
    ],
  ),
  ...[undefined].flatMap((value): Row[] => [
    [
      "settle: amount missing",
      "INVALID_AMOUNT",
      "amount",
      (credits, id) => credits.settle(end(id, { amount: value })),
    ],
    [
      "settle: holdId missing",
      "INVALID_ARGUMENT",
      "holdId",
      (credits, id) => credits.settle(end(id, { holdId: value })),
    ],
    [
      "reverse: transactionId missing",
      "INVALID_ARGUMENT",
      "transactionId",
      (credits, id) => credits.reverse(back(id, { transactionId: value })),
    ],
  ]),
  [
    "meter: work nothing",
    "INVALID_ARGUMENT",
    "work",
    (credits, id) => credits.meter(aside(id, {}), undefined),
  ],
  ...([undefined, null, "a", 1, []] as unknown[]).flatMap((params): Row[] => [
    [
      `hold: parameters ${JSON.stringify(params)}`,
      "INVALID_ARGUMENT",
      "params",
      (credits) => credits.hold(params),
    ],
    [
      `settle: parameters ${JSON.stringify(params)}`,
      "INVALID_ARGUMENT",
      "params",
      (credits) => credits.settle(params),
    ],
    [
      `release: parameters ${JSON.stringify(params)}`,
      "INVALID_ARGUMENT",
      "params",
      (credits) => credits.release(params),
    ],
    [
      `getHolds: parameters ${JSON.stringify(params)}`,
      "INVALID_ARGUMENT",
      "params",
      (credits) => credits.getHolds(params),
    ],
    [
      `reverse: parameters ${JSON.stringify(params)}`,
      "INVALID_ARGUMENT",
      "params",
      (credits) => credits.reverse(params),
    ],
    [
      `meter: parameters ${JSON.stringify(params)}`,
      "INVALID_ARGUMENT",
      "params",
      (credits) => credits.meter(params, nothing),
    ],
    [
      `consume: parameters ${JSON.stringify(params)}`,
      "INVALID_ARGUMENT",
      "params",
      (credits) => credits.consume(params),
    ],
    [
      `grant: parameters ${JSON.stringify(params)}`,
      "INVALID_ARGUMENT",
      "params",
      (credits) => credits.grant(params),
    ],
    [
      `getInfo: parameters ${JSON.stringify(params)}`,
      "INVALID_ARGUMENT",
      "params",
      (credits) => credits.getInfo(params),
    ],
  ]),
];

it("bad input is refused before anything is sent to the database (rule 11)", async () => {
  let sent = 0;
  const send = async () => {
    sent += 1;
    throw new Error("sent");
  };
  const database = { inTransaction: false, query: send, transaction: send };
  const credits = createCredits({ database, config: defaultCreditsConfig }) as unknown as Untyped;
  for (const [sentence, code, field, call] of rows)
    expect(await refusal(call(credits, "ada")), sentence).toMatchObject({ code, field });
  expect(sent).toBe(0);
});

describeLedger("bad input (rules 3, 10, 11)", (ledger) => {
  const untyped = () => ledger().credits as unknown as Untyped;

  // One user for all rows: nothing may change, so that each finds what the last one found.
  const userId = newUser();
  let before: string | undefined;

  it.each(rows)("%s is %s of %s and changes nothing", async (_sentence, code, field, call) => {
    if (before === undefined) {
      await ledger().credits.grant({ userId, amount: 10, type: "purchase" });
      await ledger().credits.hold({ userId, amount: 1, service: "chat" });
      before = await snapshot(ledger());
    }
    expect(await refusal(call(untyped(), userId))).toMatchObject({ code, field });
    expect(await snapshot(ledger())).toBe(before);
  });

  it.each<[string, object]>([
    ["an id of 255 characters outside the basic plane", { idempotencyKey: "😀".repeat(255) }],
    ["a service of 128 characters", { service: "x".repeat(128) }],
    [
      "a description of 1 000 characters in two lines",
      { description: `${"x".repeat(499)}\n${"y".repeat(500)}` },
    ],
    ["metadata of depth 8", { metadata: deep(8) }],
    ["metadata with an undefined property", { metadata: { kept: 1, left: undefined } }],
    ["metadata with a key named __proto__", { metadata: JSON.parse('{"__proto__": {"x": 1}}') }],
    ["metadata with quotes, backslashes and emoji", { metadata: { text: `'";\\ -- 😀 $1` } }],
    ["an unknown service named __proto__", { service: "__proto__" }],
  ])("takes %s", async (_what, change) => {
    const userId = newUser();
    await ledger().credits.grant({ userId, amount: 10, type: "purchase" });
    expect(await untyped().consume(spend(userId, change))).toMatchObject({ newBalance: 9 });
  });

  it("takes a user id of 255 characters, with spaces, quotes and emoji, and finds it again", async () => {
    const userId = `o'Neil "😀" ${"x".repeat(255 - 12)}`;
    await ledger().credits.grant({ userId, amount: 10, type: "purchase", idempotencyKey: "k".repeat(255) });
    expect(await ledger().credits.getInfo({ userId })).toMatchObject({ availableCredits: 10 });
  });
});
