import { describe, expect, it, vi } from "vitest";
import { createCredits } from "../src/core/credits.ts";
import type { Database } from "../src/core/database.ts";
import {
  groupCharactersMax,
  groupRequestsMax,
  laneCount,
  shardedLaneCount,
} from "../src/core/group-commit.ts";
import type { Credits } from "../src/core/operations.ts";
import { describeLedger, failOn, isCitus, type Ledger, mend, newUser } from "./ledger.ts";

/** The requests of each statement that went out, and how many were under way at once. */
interface Traffic {
  statements: string[];
  groups: { user_id: string }[][];
  /** Whom each statement names beside its requests. */
  users: (string | undefined)[];
  /** The users of each statement that reads balances. */
  reads: string[][];
  inFlightMax: number;
}

/** The ledger's own database, watched; `fault` may spoil a statement's answer after it has been committed. */
function watched(
  ledger: Ledger,
  sharded: boolean,
  {
    fault = () => undefined,
    groupCommit = true,
  }: { fault?: () => Error | undefined; groupCommit?: boolean } = {},
) {
  const traffic: Traffic = { statements: [], groups: [], users: [], reads: [], inFlightMax: 0 };
  let inFlight = 0;
  const database: Database = {
    ...ledger.database,
    query: async (text, parameters) => {
      const [, statement, ofOneUser] = /credits\.(consume|grant)(_for)?\(/.exec(text) ?? [];
      if (statement !== undefined) {
        const [userId, requests] = ofOneUser ? parameters : [undefined, ...parameters];
        traffic.statements.push(statement);
        traffic.groups.push(JSON.parse(String(requests)));
        traffic.users.push(userId as string | undefined);
        inFlight += 1;
        traffic.inFlightMax = Math.max(traffic.inFlightMax, inFlight);
      }
      const [, readsMany] = /credits\.get_info(s?)\(/.exec(text) ?? [];
      if (readsMany !== undefined) {
        const asked = String(parameters[0]);
        traffic.reads.push(readsMany === "s" ? JSON.parse(asked) : [asked]);
      }
      try {
        const rows = await ledger.database.query(text, parameters);
        const error = fault();
        if (error !== undefined) throw error;
        return rows;
      } finally {
        if (statement !== undefined) inFlight -= 1;
      }
    },
  };
  const { config } = ledger.credits;
  const credits = createCredits({ database, config, clock: ledger.clock.now, groupCommit, sharded });
  return { credits, traffic };
}

const codeOf = (outcome: PromiseSettledResult<unknown>) =>
  outcome.status === "fulfilled" ? "ok" : (outcome.reason as { code: string }).code;

const modes: [name: string, sharded: boolean][] = [
  ["group commit", false],
  ["group commit by user, for a sharded database,", true],
];

// A statement of many users falls back to single calls on Citus: right, but not what is counted here.
describe.each(modes.filter(([, sharded]) => sharded || !isCitus()))("%s", (_name, sharded) =>
  describeLedger("works", (ledger) => {
    const funded = async (amount: number) => {
      const userId = newUser();
      await ledger().credits.grant({ userId, amount, type: "purchase" });
      return userId;
    };

    it("sends a lone call at once, alone", async () => {
      const userId = await funded(10);
      const { credits, traffic } = watched(ledger(), sharded);
      await credits.consume({ userId, amount: 1, service: "chat" });
      await credits.consume({ userId, amount: 1, service: "chat" });
      expect(traffic.groups.map((group) => group.length)).toEqual([1, 1]);
    });

    it("sends what queued up behind a statement as one, and keeps the order of one user", async () => {
      const userId = await funded(1000);
      const { credits, traffic } = watched(ledger(), sharded);
      const amounts = Array.from({ length: 40 }, (_, index) => index + 1);
      const spends = await Promise.all(
        amounts.map((amount) => credits.consume({ userId, amount, service: "chat" })),
      );
      expect(traffic.groups.map((group) => group.length)).toEqual([1, 39]);
      const balances = amounts.map((amount) => 1000 - (amount * (amount + 1)) / 2);
      expect(spends.map((spend) => spend.newBalance)).toEqual(balances);
      const { items } = await credits.getTransactions({ userId, pageSize: 100 });
      expect(items.map((item) => -item.amount)).toEqual([...amounts].reverse().concat(-1000));
    });

    it("lets the next calls of those who were answered share one statement", async () => {
      const userId = await funded(1000);
      const { credits, traffic } = watched(ledger(), sharded);
      const caller = async () => {
        for (let call = 0; call < 3; call++) await credits.consume({ userId, amount: 1, service: "chat" });
      };
      await Promise.all(Array.from({ length: 10 }, caller));
      expect(traffic.groups.map((group) => group.length)).toEqual([1, 10, 10, 9]);
    });

    it("fails a short, unknown, frozen or conflicting request alone", async () => {
      const [rich, poor, frozen, keyed] = [
        await funded(100),
        await funded(1),
        await funded(9),
        await funded(9),
      ];
      const { credits } = watched(ledger(), sharded);
      await credits.freeze({ userId: frozen });
      await credits.consume({ userId: keyed, amount: 1, service: "chat", idempotencyKey: "k" });
      const spend = (userId: string, amount: number, idempotencyKey?: string) =>
        credits.consume({
          userId,
          amount,
          service: "chat",
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        });
      const outcomes = await Promise.allSettled([
        spend(rich, 1),
        spend(rich, 1),
        spend(poor, 2),
        spend(newUser(), 1),
        spend(frozen, 1),
        spend(keyed, 2, "k"),
        spend(keyed, 1, "k"),
        spend(poor, 1),
        spend(rich, 99),
        spend(rich, 98),
      ]);
      expect(outcomes.map(codeOf)).toEqual([
        "ok",
        "ok",
        "INSUFFICIENT_CREDITS",
        "USER_BALANCE_NOT_FOUND",
        "WALLET_FROZEN",
        "IDEMPOTENCY_CONFLICT",
        "ok",
        "ok",
        "INSUFFICIENT_CREDITS",
        "ok",
      ]);
    });

    it("acts once for a key that many carry in one statement (rules 13, 21)", async () => {
      const userId = await funded(100);
      const { credits } = watched(ledger(), sharded);
      const request = { userId, amount: 3, service: "chat", idempotencyKey: "k" };
      const spends = await Promise.all(Array.from({ length: 30 }, () => credits.consume(request)));
      expect(new Set(spends.map((spend) => spend.transactionId)).size).toBe(1);
      expect(spends.filter((spend) => spend.replayed)).toHaveLength(29);
      const sale = { userId, priceId: "price_credits_lite", purchaseId: `pi-${userId}` };
      const grants = await Promise.all(Array.from({ length: 30 }, () => credits.grantPurchased(sale)));
      expect(grants.filter((grant) => grant.replayed)).toHaveLength(29);
      expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 207 });
    });

    it("lets a refused key succeed later in the same statement", async () => {
      const userId = await funded(2);
      const { credits, traffic } = watched(ledger(), sharded);
      const keyed = (amount: number) =>
        credits.consume({ userId, amount, service: "chat", idempotencyKey: "k" });
      const outcomes = await Promise.allSettled([
        credits.consume({ userId, amount: 1, service: "chat" }),
        keyed(2),
        keyed(1),
      ]);
      expect(traffic.groups.map((group) => group.length)).toEqual([1, 2]);
      expect(outcomes.map(codeOf)).toEqual(["ok", "INSUFFICIENT_CREDITS", "ok"]);
    });

    it("gives a purchase id that two users claim in one statement to one of them", async () => {
      const { credits } = watched(ledger(), sharded);
      const users = Array.from({ length: 12 }, newUser);
      const purchaseId = `pi-${newUser()}`;
      const outcomes = await Promise.allSettled(
        users.map((userId) => credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId })),
      );
      expect(outcomes.map(codeOf).sort()).toEqual([...Array(11).fill("IDEMPOTENCY_CONFLICT"), "ok"].sort());
      const wallets = await Promise.all(users.map((userId) => credits.getWallet({ userId })));
      expect(wallets.filter(Boolean)).toHaveLength(1);
    });

    it("bounds a statement in requests and in size, and the statements in flight", async () => {
      // Of many users, no group of one reaches the limit.
      const userCount = sharded ? 1 : 8;
      const users = await Promise.all(Array.from({ length: userCount }, () => funded(10_000)));
      const { credits, traffic } = watched(ledger(), sharded);
      const metadata = { text: "x".repeat(15_000) };
      await Promise.all([
        ...Array.from({ length: 1_600 }, (_, index) =>
          credits.consume({ userId: users[index % userCount] ?? "", amount: 1, service: "chat" }),
        ),
        ...Array.from({ length: 160 }, (_, index) =>
          credits.consume({ userId: users[index % userCount] ?? "", amount: 1, service: "chat", metadata }),
        ),
      ]);
      expect(Math.max(...traffic.groups.map((group) => group.length))).toBe(groupRequestsMax);
      const sizes = traffic.groups.map((group) => JSON.stringify(group).length - 2 - (group.length - 1));
      expect(Math.max(...sizes)).toBeLessThanOrEqual(groupCharactersMax);
      expect(traffic.inFlightMax).toBeLessThanOrEqual(sharded ? shardedLaneCount : laneCount);
      expect(traffic.groups.flat()).toHaveLength(1_760);
      for (const userId of users) {
        expect(await credits.getInfo({ userId })).toMatchObject({
          availableCredits: 10_000 - 1_760 / userCount,
        });
      }
    });

    it("carries the calls of many users in a statement, or of one whom it names first where users live on shards", async () => {
      const users = await Promise.all(Array.from({ length: 40 }, () => funded(100)));
      const { credits, traffic } = watched(ledger(), sharded);
      await Promise.all(
        Array.from({ length: 400 }, (_, index) =>
          credits.consume({ userId: users[index % 40] ?? "", amount: 1, service: "chat" }),
        ),
      );
      const usersOfGroups = traffic.groups.map((group) => [...new Set(group.map(({ user_id }) => user_id))]);
      if (sharded) {
        expect(usersOfGroups).toEqual(traffic.users.map((userId) => [userId]));
        expect(traffic.statements.length).toBeGreaterThanOrEqual(40);
      } else {
        expect(new Set(traffic.users)).toEqual(new Set([undefined]));
        expect(Math.max(...usersOfGroups.map((group) => group.length))).toBeGreaterThan(10);
      }
      expect(traffic.groups.flat()).toHaveLength(400);
      expect(traffic.inFlightMax).toBeLessThanOrEqual(sharded ? shardedLaneCount : laneCount);
      expect(traffic.inFlightMax).toBeGreaterThan(sharded ? laneCount : 1);
      for (const userId of users)
        expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 90 });
    });

    it("names no user for a purchase id, which is not a row of the user's shard", async () => {
      const userId = newUser();
      const { credits, traffic } = watched(ledger(), sharded);
      await credits.grant({ userId, amount: 1, type: "adjustment" });
      await credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId: `pi-${userId}` });
      expect(traffic.users).toEqual([sharded ? userId : undefined, undefined]);
    });

    it("keeps grants and spends of one user in order, each kind in statements of its own", async () => {
      const userId = newUser();
      const { credits, traffic } = watched(ledger(), sharded);
      const outcomes = await Promise.allSettled([
        credits.grant({ userId, amount: 1, type: "purchase" }),
        credits.consume({ userId, amount: 1, service: "chat" }),
        credits.consume({ userId, amount: 1, service: "chat" }),
        credits.grant({ userId, amount: 5, type: "purchase" }),
        credits.consume({ userId, amount: 5, service: "chat" }),
      ]);
      expect(outcomes.map(codeOf)).toEqual(["ok", "ok", "INSUFFICIENT_CREDITS", "ok", "ok"]);
      expect(traffic.statements).toEqual(["grant", "consume", "grant", "consume"]);
    });

    it("fails alone whom the database itself refuses", async () => {
      const [good, cursed] = [await funded(10), await funded(10)];
      await failOn(ledger(), cursed);
      const { credits } = watched(ledger(), sharded);
      const spend = (userId: string) => credits.consume({ userId, amount: 1, service: "chat" });
      const outcomes = await Promise.allSettled([good, good, cursed, good, cursed, good].map(spend));
      await mend(ledger());
      expect(outcomes.map((outcome) => outcome.status)).toEqual(
        [1, 1, 0, 1, 0, 1].map((ok) => (ok ? "fulfilled" : "rejected")),
      );
      expect(await credits.getInfo({ userId: good })).toMatchObject({ availableCredits: 6 });
    });

    it("repeats a statement whose answer was lost by key and id: nobody is charged twice (rule 29)", async () => {
      const userId = await funded(1000);
      let faults = 0;
      const { credits } = watched(ledger(), sharded, {
        fault: () => {
          faults += 1;
          return faults % 2 === 1
            ? Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })
            : undefined;
        },
      });
      await credits.getWallet({ userId });
      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          credits.consume({
            userId,
            amount: 1,
            service: "chat",
            ...(index % 2 ? { idempotencyKey: `k${index}` } : {}),
          }),
        ),
      );
      expect(faults).toBeGreaterThan(3);
      expect(await ledger().credits.getInfo({ userId })).toMatchObject({ availableCredits: 980 });
    });

    it.each([
      [
        "spends",
        (credits: Credits, userId: string) => credits.consume({ userId, amount: 1, service: "chat" }),
        96,
      ],
      [
        "grants",
        (credits: Credits, userId: string) => credits.grant({ userId, amount: 1, type: "purchase" }),
        104,
      ],
    ] as const)(
      "acts once for %s whose statement was committed unheard and then failed for good (rule 29)",
      async (_, act, available) => {
        const userId = await funded(100);
        let faults: Array<Error | undefined> = [];
        const { credits } = watched(ledger(), sharded, { fault: () => faults.shift() });
        await credits.getWallet({ userId });
        const lost = () => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
        const timedOut = () => Object.assign(new Error("canceled"), { code: "57014" });
        // The lone first call, and the group of three behind it that goes to pieces only when it has failed six times.
        faults = [lost(), timedOut(), undefined, lost(), ...Array.from({ length: 5 }, timedOut)];
        const answers = await Promise.all(Array.from({ length: 4 }, () => act(credits, userId)));
        expect(faults).toEqual([]);
        expect(new Set(answers.map(({ transactionId }) => transactionId)).size).toBe(4);
        expect(answers.filter((answer) => "replayed" in answer)).toEqual([]);
        expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: available });
      },
    );

    it("answers everybody where a test has replaced the timers", async () => {
      const userId = await funded(10);
      const { credits } = watched(ledger(), sharded);
      await credits.getInfo({ userId });
      vi.useFakeTimers({ toFake: ["setImmediate"] });
      try {
        const spends = Array.from({ length: 3 }, () =>
          credits.consume({ userId, amount: 1, service: "chat" }),
        );
        expect(await Promise.all(spends)).toHaveLength(3);
        expect(await credits.consume({ userId, amount: 1, service: "chat" })).toMatchObject({
          newBalance: 6,
        });
      } finally {
        vi.useRealTimers();
      }
    });

    it("reads the balances that are asked for at once in shared statements, each user once", async () => {
      const [poor, rich, subscriber] = [await funded(3), await funded(900), await funded(7)];
      await ledger().credits.grant({ userId: rich, amount: 5, type: "adjustment", validityDays: 3 });
      await ledger().credits.upsertSubscription({
        userId: subscriber,
        subscriptionId: `sub-${subscriber}`,
        planId: "pro",
        status: "active",
        anchor: ledger().clock.now(),
        interval: "month",
        currentPeriodEnd: new Date(ledger().clock.now().getTime() + 30 * 86_400_000),
      });
      const asked = Array.from({ length: 40 }, () => [poor, rich, subscriber, newUser()]).flat();
      const { credits, traffic } = watched(ledger(), sharded);
      const together = await Promise.all(asked.map((userId) => credits.getInfo({ userId })));
      const { reads } = traffic;
      expect(new Set(reads.flat())).toEqual(new Set(asked));
      expect(reads.every((users) => new Set(users).size === users.length)).toBe(true);
      if (sharded) expect(reads.every((users) => users.length === 1)).toBe(true);
      else expect(reads.length).toBeLessThanOrEqual(2 * laneCount);

      const single = watched(ledger(), sharded, { groupCommit: false }).credits;
      for (const userId of new Set(asked)) {
        const alone = await single.getInfo({ userId });
        for (const [index, info] of together.entries())
          if (asked[index] === userId) expect(info).toEqual(alone);
      }
      expect(await single.getInfo({ userId: subscriber })).toMatchObject({
        nextGrantInfo: { planName: "pro" },
      });
    });

    it("lets a read go out beside a spend that is still being committed", async () => {
      const userId = await funded(10);
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const database: Database = {
        ...ledger().database,
        query: async (text, parameters) => {
          const rows = await ledger().database.query(text, parameters);
          if (text.includes("credits.consume")) await held;
          return rows;
        },
      };
      const { config } = ledger().credits;
      const credits = createCredits({ database, config, clock: ledger().clock.now, sharded });
      const spend = credits.consume({ userId, amount: 1, service: "chat" });
      await credits.getInfo({ userId });
      release();
      expect(await spend).toMatchObject({ newBalance: 9 });
      expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 9 });
    });

    describe("is not used", () => {
      it("where it is switched off", async () => {
        const userId = await funded(100);
        const { credits, traffic } = watched(ledger(), sharded, { groupCommit: false });
        await Promise.all(
          Array.from({ length: 9 }, () => credits.consume({ userId, amount: 1, service: "chat" })),
        );
        expect(traffic.groups.map((group) => group.length)).toEqual(Array(9).fill(1));
      });

      it("in a host's own transaction", async () => {
        const userId = await funded(100);
        const rolledBack = new Error("rolled back");
        await ledger()
          .database.transaction(async (connection) => {
            const host = {
              ...connection,
              inTransaction: true,
              transaction: () => Promise.reject(rolledBack),
            };
            const credits = ledger().credits.using(host);
            await Promise.all(
              [1, 2, 3].map((amount) => credits.consume({ userId, amount, service: "chat" })),
            );
            throw rolledBack;
          })
          .catch((error: unknown) => expect(error).toBe(rolledBack));
        expect(await ledger().credits.getInfo({ userId })).toMatchObject({ availableCredits: 100 });
      });
    });

    it("leaves books that the audit finds clean", async () => {
      expect(await ledger().credits.audit()).toEqual({ ok: true, violations: [] });
    });
  }),
);
