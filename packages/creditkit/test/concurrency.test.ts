import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { CreditsError } from "../src/core/errors.ts";
import type { Credits } from "../src/core/operations.ts";
import { isCitus, newUser, onServer, openPostgresLedger, refusal } from "./ledger.ts";
import { type Program, startProgram } from "./programs/program.ts";
import type { WorkerOrder, WorkerReport } from "./programs/worker.ts";
import { seededRandom } from "./seed.ts";

interface Condition {
  name: string;
  isolation: "read committed" | "repeatable read" | "serializable";
  /** Of each process: the pool's size. */
  connections: number;
  groupCommit: boolean;
  /** As on a cluster; on Citus always. */
  sharded: boolean;
}

const conditions: Condition[] = [
  { name: "20 connections at READ COMMITTED", isolation: "read committed", connections: 20 },
  { name: "a pool of one connection", isolation: "read committed", connections: 1 },
  { name: "20 connections, REPEATABLE READ by default", isolation: "repeatable read", connections: 20 },
  { name: "20 connections, SERIALIZABLE by default", isolation: "serializable", connections: 20 },
].flatMap((condition) => [
  { ...condition, groupCommit: false, sharded: isCitus() } as Condition,
  {
    ...condition,
    name: `${condition.name}, group commit`,
    groupCommit: true,
    sharded: isCitus(),
  } as Condition,
]);
conditions.push(
  {
    name: "20 connections, sharded",
    isolation: "read committed",
    connections: 20,
    groupCommit: false,
    sharded: true,
  },
  {
    name: "20 connections, sharded, group commit",
    isolation: "read committed",
    connections: 20,
    groupCommit: true,
    sharded: true,
  },
);

type PostgresLedger = Awaited<ReturnType<typeof openPostgresLedger>>;

async function openUnder({
  isolation,
  connections,
  groupCommit,
  sharded,
}: Condition): Promise<PostgresLedger> {
  const ledger = await openPostgresLedger({ max: connections, groupCommit, sharded });
  const database = new URL(ledger.url).pathname.slice(1);
  // Before its pool opened a connection: the setting is for new ones.
  await onServer(`alter database ${database} set default_transaction_isolation = '${isolation}'`);
  return ledger;
}

/** How many of some calls were answered, and with which codes the others were refused. */
async function outcomes<Answer>(calls: readonly Promise<Answer>[]) {
  const settled = await Promise.allSettled(calls);
  const codes: Record<string, number> = {};
  const answers: Answer[] = [];
  for (const call of settled) {
    if (call.status === "fulfilled") answers.push(call.value);
    else if (CreditsError.is(call.reason)) codes[call.reason.code] = (codes[call.reason.code] ?? 0) + 1;
    else throw call.reason;
  }
  return { answers, codes };
}

const times = <Value>(count: number, make: (index: number) => Value) =>
  Array.from({ length: count }, (_, index) => make(index));

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

type Worker = Program<WorkerOrder, WorkerReport>;
let workers: Worker[] = [];

beforeAll(async () => {
  workers = await Promise.all(times(4, () => startProgram<WorkerOrder, WorkerReport>("worker")));
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
});

describe.each(conditions.map((condition) => [condition.name, condition] as const))(
  "concurrency with %s (rule 30)",
  (_name, condition) => {
    let ledger: PostgresLedger;
    /** An engine that has not met a conflict yet. */
    let credits: Credits;

    const orderOf = (on: PostgresLedger, work: WorkerOrder["work"], now?: string): WorkerOrder => ({
      url: on.url,
      connections: condition.connections,
      groupCommit: condition.groupCommit,
      sharded: condition.sharded,
      work,
      ...(now === undefined ? {} : { now }),
    });
    const expectCleanBooks = async (on: PostgresLedger) =>
      expect(await on.credits.audit()).toEqual({ ok: true, violations: [] });
    const historyOf = (userId: string) =>
      ledger.sql<{ sequence: number; id: string; type: string; amount: number }>(
        `select sequence::integer, id, type, amount::integer
       from credits.transaction where user_id = $1 order by sequence`,
        [userId],
      );

    beforeAll(async () => {
      ledger = await openUnder(condition);
      const [setting] = await ledger.sql("show default_transaction_isolation");
      expect(setting).toEqual({ default_transaction_isolation: condition.isolation });
    });
    afterAll(() => ledger.close());

    const fresh = () => {
      credits = ledger.with(defaultCreditsConfig);
      return newUser();
    };

    it("lets exactly 142 of 200 parallel spends of 7 from 1000 succeed, and 6 remain (rules 6, 20)", async () => {
      const userId = fresh();
      await credits.grant({ userId, amount: 1000, type: "purchase" });
      const { answers, codes } = await outcomes(
        times(200, () => credits.consume({ userId, amount: 7, service: "chat" })),
      );
      expect(codes).toEqual({ INSUFFICIENT_CREDITS: 58 });
      // Each saw the balance that the one before it left.
      expect(answers.map(({ newBalance }) => newBalance).sort((a, b) => b - a)).toEqual(
        times(142, (index) => 993 - 7 * index),
      );
      expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 6 });
      expect((await historyOf(userId)).map(({ sequence }) => sequence)).toEqual(
        times(143, (index) => index + 1),
      );
      await expectCleanBooks(ledger);
    });

    it("lets exactly 100 of 4 processes × 50 spends of 1 from 100 succeed (rule 30)", async () => {
      const userId = fresh();
      await credits.grant({ userId, amount: 60, type: "purchase", validityDays: 30 });
      await credits.grant({ userId, amount: 40, type: "purchase" });
      const now = ledger.clock.now().toISOString();
      const reports = await Promise.all(
        workers.map((worker) => worker.ask(orderOf(ledger, { name: "spend", userId, times: 50 }, now))),
      );
      const total: Record<string, number> = {};
      for (const { spends, error } of reports) {
        expect(error).toBeUndefined();
        for (const [answer, count] of Object.entries(spends ?? {}))
          total[answer] = (total[answer] ?? 0) + count;
      }
      expect(total).toEqual({ done: 100, INSUFFICIENT_CREDITS: 100 });
      expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 0 });
      await expectCleanBooks(ledger);
    });

    it("takes all of 20 parallel first grants of a new user, in one wallet without a gap (rule 5)", async () => {
      const userId = fresh();
      const { answers, codes } = await outcomes(
        times(20, (index) => credits.grant({ userId, amount: index + 1, type: "adjustment" })),
      );
      expect(codes).toEqual({});
      expect(new Set(answers.map(({ transactionId }) => transactionId)).size).toBe(20);
      expect((await historyOf(userId)).map(({ sequence }) => sequence)).toEqual(
        times(20, (index) => index + 1),
      );
      expect(await ledger.sql("select from credits.wallet where user_id = $1", [userId])).toHaveLength(1);
      expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 210 });
      await expectCleanBooks(ledger);
    });

    it("gives the registration bonus once to 50 callers, and all the same answer (rules 13, 14)", async () => {
      const userId = fresh();
      const { answers, codes } = await outcomes(times(50, () => credits.grantRegistrationBonus(userId)));
      expect(codes).toEqual({});
      expect(new Set(answers.map(({ transactionId }) => transactionId)).size).toBe(1);
      expect(new Set(answers.map(({ batchId }) => batchId)).size).toBe(1);
      expect(answers.filter(({ replayed }) => replayed)).toHaveLength(49);
      expect(await historyOf(userId)).toMatchObject([{ sequence: 1, amount: 20 }]);
      await expectCleanBooks(ledger);
    });

    it("grants one purchase id once to 20 callers, through whichever function (rules 13, 15)", async () => {
      const userId = fresh();
      const purchaseId = `purchase-${userId}`;
      const { answers, codes } = await outcomes(
        times(20, (index) =>
          index % 2 === 0
            ? credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId })
            : credits.grant({ userId, amount: 110, type: "purchase", validityDays: 90, purchaseId }),
        ),
      );
      expect(codes).toEqual({});
      expect(new Set(answers.map(({ transactionId }) => transactionId)).size).toBe(1);
      expect(answers.filter(({ replayed }) => replayed)).toHaveLength(19);
      expect(await historyOf(userId)).toMatchObject([{ sequence: 1, amount: 110 }]);
      await expectCleanBooks(ledger);
    });

    it("gives a purchase id that two users race for to one, and leaves the other no wallet (rules 8, 15)", async () => {
      for (let race = 0; race < 5; race++) {
        const users = [fresh(), newUser()] as const;
        const purchaseId = `purchase-${users[0]}`;
        const calls = times(20, (index) => {
          const userId = users[index % 2] ?? "";
          return credits.grantPurchased({ userId, priceId: "price_credits_lite", purchaseId }).then(
            (answer) => ({ userId, answer }),
            (error: CreditsError) => ({ userId, refused: { code: error.code, field: error.field } }),
          );
        });
        const settled = await Promise.all(calls);
        const granted = settled.filter((call) => "answer" in call);
        const refused = settled.filter((call) => "refused" in call);
        expect(new Set(granted.map(({ answer }) => answer.transactionId)).size).toBe(1);
        const winner = granted[0]?.userId;
        expect(granted.map(({ userId }) => userId)).toEqual(times(10, () => winner));
        const loser = users.find((userId) => userId !== winner) ?? "";
        expect(refused).toEqual(
          times(10, () => ({ userId: loser, refused: { code: "IDEMPOTENCY_CONFLICT", field: "userId" } })),
        );
        expect(await credits.getWallet({ userId: loser })).toBeNull();
        expect(await refusal(credits.consume({ userId: loser, amount: 1, service: "chat" }))).toMatchObject({
          code: "USER_BALANCE_NOT_FOUND",
        });
      }
      await expectCleanBooks(ledger);
    });

    it("acts once on a keyed spend that is sent 30 times at once (rules 14, 21)", async () => {
      const userId = fresh();
      await credits.grant({ userId, amount: 100, type: "purchase" });
      const request = { userId, amount: 3, service: "chat", idempotencyKey: "k" };
      const { answers, codes } = await outcomes(times(30, () => credits.consume(request)));
      expect(codes).toEqual({});
      const first = answers.find(({ replayed }) => !replayed);
      expect(answers.filter((answer) => answer !== first)).toEqual(
        times(29, () => ({ ...first, replayed: true })),
      );
      expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 97 });
      await expectCleanBooks(ledger);
    });

    it("lets exactly 6 of 20 parallel holds of 75 on 500 credits succeed (rule 22)", async () => {
      const userId = fresh();
      await credits.grant({ userId, amount: 310, type: "purchase", validityDays: 30 });
      await credits.grant({ userId, amount: 190, type: "purchase" });
      const { answers, codes } = await outcomes(
        times(20, () => credits.hold({ userId, amount: 75, service: "chat" })),
      );
      expect(codes).toEqual({ INSUFFICIENT_CREDITS: 14 });
      expect(answers.map(({ newBalance }) => newBalance).sort((a, b) => b - a)).toEqual(
        times(6, (index) => 425 - 75 * index),
      );
      expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 50, heldCredits: 450 });
      expect(await credits.getHolds({ userId })).toHaveLength(6);
      await expectCleanBooks(ledger);
    });

    it("holds once for a key that is sent 20 times at once (rules 14, 22)", async () => {
      const userId = fresh();
      await credits.grant({ userId, amount: 100, type: "purchase" });
      const request = { userId, amount: 30, service: "chat", idempotencyKey: "k" };
      const { answers, codes } = await outcomes(times(20, () => credits.hold(request)));
      expect(codes).toEqual({});
      const first = answers.find(({ replayed }) => !replayed);
      expect(answers.filter((answer) => answer !== first)).toEqual(
        times(19, () => ({ ...first, replayed: true })),
      );
      expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 70, heldCredits: 30 });
      await expectCleanBooks(ledger);
    });

    it("ends a hold once, settled and released and swept at its timeout, 100 times (rule 22)", async () => {
      const random = seededRandom(`ends of holds, ${condition.name}`);
      const on = await openUnder(condition);
      const engines = times(3, () => on.with(defaultCreditsConfig));
      const userId = newUser();
      await on.credits.grant({ userId, amount: 1000, type: "purchase" });
      const seen = { settled: 0, released: 0, expired: 0 };
      for (let round = 0; round < 100; round++) {
        const { holdId, expiresAt } = await on.credits.hold({
          userId,
          amount: 50,
          service: "chat",
          ttlSeconds: 60,
        });
        on.clock.set(new Date(expiresAt.getTime() - 1));
        // The clock passes the timeout while they are on their way.
        const moves = [
          () => random.pick(engines).settle({ userId, holdId, amount: 1 }),
          () => random.pick(engines).settle({ userId, holdId, amount: 1 }),
          () => random.pick(engines).release({ userId, holdId }),
          () => random.pick(engines).release({ userId, holdId }),
          () => random.pick(engines).processExpired(),
          async () => on.clock.set(expiresAt),
        ];
        const calls: Promise<unknown>[] = [];
        while (moves.length > 0)
          calls.push(...moves.splice(random.below(moves.length), 1).map((call) => call()));
        const { answers, codes } = await outcomes(calls);
        await on.credits.processExpired();
        const [hold] = await on.sql<{ status: keyof typeof seen }>(
          "select status from credits.hold where user_id = $1 and id = $2",
          [userId, holdId],
        );
        const status = hold?.status ?? "expired";
        seen[status] += 1;
        const settlements = answers.filter(
          (answer) => (answer as { consumedAmount?: number })?.consumedAmount,
        );
        const releases = answers.filter((answer) => (answer as { released?: true })?.released);
        expect(settlements.length, JSON.stringify(codes)).toBe(
          status === "settled" ? settlements.length || 1 : 0,
        );
        expect(releases.length, JSON.stringify(codes)).toBe(status === "released" ? releases.length || 1 : 0);
        // Of those that acted, one did, and the other was told the same again.
        const firsts = [...settlements, ...releases].filter((answer) => !("replayed" in (answer as object)));
        expect(firsts).toHaveLength(status === "expired" ? 0 : 1);
      }
      expect(await on.credits.getInfo({ userId })).toMatchObject({
        availableCredits: 1000 - seen.settled,
        heldCredits: 0,
      });
      expect(sum(Object.values(seen))).toBe(100);
      await expectCleanBooks(on);
      await on.close();
    });

    it("ends 100 holds once each in four processes, around their timeout (rules 22, 30)", async () => {
      const on = await openUnder(condition);
      const users = times(100, (index) => `holder-${String(index).padStart(2, "0")}`);
      const held = await Promise.all(
        users.map(async (userId) => {
          await on.credits.grant({ userId, amount: 100, type: "purchase" });
          const { holdId } = await on.credits.hold({ userId, amount: 60, service: "chat", ttlSeconds: 60 });
          return { userId, holdId };
        }),
      );
      const timeout = on.clock.now().getTime() + 60_000;
      const early = new Date(timeout - 1).toISOString();
      const late = new Date(timeout).toISOString();
      // From both ends, and from the middle: who is first is another one each time.
      const middle = [...held.slice(40), ...held.slice(0, 40)];
      const ask = (index: number, work: WorkerOrder["work"], now: string) =>
        workers[index]?.ask(orderOf(on, work, now));
      const [settled, released, spent, again] = await Promise.all([
        ask(0, { name: "end holds", by: "settle", holds: held }, early),
        ask(1, { name: "end holds", by: "release", holds: held.toReversed() }, early),
        ask(2, { name: "end holds", by: "spend", holds: middle }, late),
        ask(3, { name: "end holds", by: "settle", holds: middle }, early),
      ]);
      on.clock.set(late);
      const { timedOutHolds = 0 } = await on.credits.processExpired();
      for (const report of [settled, released, spent, again]) expect(report?.error).toBeUndefined();

      const rows = await on.sql<{ user_id: string; status: string; spends: number }>(
        `select hold.user_id, hold.status,
           (select count(*)::integer from credits.transaction
            where transaction.user_id = hold.user_id and transaction.type = 'consumption') as spends
         from credits.hold`,
      );
      expect(rows).toHaveLength(100);
      const endOf = new Map(rows.map(({ user_id, status }) => [user_id, status]));
      const expectOnly = (status: string, holds: typeof held, endings: readonly string[] = []) => {
        for (const [index, ending] of endings.entries())
          if (ending === "done") expect(endOf.get(holds[index]?.userId ?? "")).toBe(status);
      };
      expectOnly("settled", held, settled?.endings);
      expectOnly("settled", middle, again?.endings);
      expectOnly("released", held.toReversed(), released?.endings);
      const count = (status: string) => rows.filter((row) => row.status === status).length;
      expect(count("open")).toBe(0);
      expect(timedOutHolds).toBeLessThanOrEqual(count("expired"));
      expect(spent?.endings).toEqual(times(100, () => "done"));
      // One credit each for the spend, and one where the hold was settled.
      for (const { status, spends } of rows) expect(spends).toBe(status === "settled" ? 2 : 1);
      await expectCleanBooks(on);
      await on.close();
    });

    it("never gives more of a spend back than was spent, reversed 20 times at once (rule 23)", async () => {
      const userId = fresh();
      await credits.grant({ userId, amount: 60, type: "purchase", validityDays: 30 });
      await credits.grant({ userId, amount: 60, type: "purchase" });
      const { transactionId } = await credits.consume({ userId, amount: 100, service: "chat" });
      const { answers, codes } = await outcomes(
        times(20, () => credits.reverse({ userId, transactionId, amount: 7 })),
      );
      expect(codes).toEqual({ NOT_REVERSIBLE: 6 });
      expect(new Set(answers.map((answer) => answer.transactionId)).size).toBe(14);
      expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 118 });
      await expectCleanBooks(ledger);
    });

    it("gives a whole spend back once, whoever else reverses it (rules 14, 23)", async () => {
      const userId = fresh();
      await credits.grant({ userId, amount: 100, type: "purchase" });
      const { transactionId } = await credits.consume({ userId, amount: 90, service: "chat" });
      const whole = times(10, () => credits.reverse({ userId, transactionId }));
      const part = times(10, () =>
        credits.reverse({ userId, transactionId, amount: 1, idempotencyKey: "k" }),
      );
      const { answers } = await outcomes([...whole, ...part]);
      const firsts = answers.filter(({ replayed }) => !replayed);
      expect(sum(firsts.map(({ reversedAmount }) => reversedAmount))).toBe(90);
      expect(await credits.getInfo({ userId })).toMatchObject({ availableCredits: 100 });
      await expectCleanBooks(ledger);
    });

    it("holds and spends no credit twice, nor one that expires meanwhile (rules 6, 22)", async () => {
      const on = await openUnder(condition);
      const engines = times(3, () => on.with(defaultCreditsConfig));
      const engineOf = (index: number) => engines[index % engines.length] as Credits;
      const userId = newUser();
      await on.credits.grant({ userId, amount: 200, type: "purchase", validityDays: 1 });
      await on.credits.grant({ userId, amount: 300, type: "purchase" });
      on.clock.advanceDays(1);
      on.clock.advance(-1);
      const calls = times(60, (index) => {
        // Half of them before the first batch expires, half of them after.
        if (index === 30) on.clock.advance(1);
        const engine = engineOf(index);
        if (index % 10 === 9) return engine.processExpired();
        return index % 2 === 0
          ? engine.hold({ userId, amount: 11, service: "chat" })
          : engine.consume({ userId, amount: 9, service: "chat" });
      });
      const { answers } = await outcomes<object>(calls);
      const held = answers.filter((answer) => "holdId" in answer).length * 11;
      const spent = answers.filter((answer) => "consumptionLog" in answer).length * 9;
      await on.credits.processExpired();
      const [gone] = await on.sql<{ amount: number }>(
        `select coalesce(sum(amount), 0)::integer as amount from credits.transaction where type = 'expiration'`,
      );
      const { availableCredits, heldCredits } = await on.credits.getInfo({ userId });
      expect(heldCredits).toBe(held);
      expect(availableCredits + held + spent + (gone?.amount ?? 0)).toBe(500);
      await expectCleanBooks(on);
      // What they held of the batch that is gone is breakage in the end.
      on.clock.advanceDays(1);
      await on.credits.processExpired();
      expect(await on.credits.getInfo({ userId })).toMatchObject({ heldCredits: 0 });
      await expectCleanBooks(on);
      await on.close();
    });

    describe("the jobs in two processes at once, with spends going on (rule 28)", () => {
      let jobs: PostgresLedger;
      const users = times(60, (index) => `job-${index}`);
      beforeAll(async () => {
        jobs = await openUnder(condition);
        await Promise.all(
          users.map((userId) =>
            jobs.credits.grant({ userId, amount: 2000, type: "purchase", validityDays: 20 }),
          ),
        );
      });
      afterAll(() => jobs.close());

      /** Runs a job in both, and spends 1 credit at a time of everybody until both are done. */
      const inTwoProcesses = async (work: WorkerOrder["work"]) => {
        const spender = jobs.with(defaultCreditsConfig);
        const now = jobs.clock.now().toISOString();
        let running = true;
        let spent = 0;
        const spendOn = async (lane: number) => {
          for (let turn = lane; running; turn += 3) {
            await spender.consume({ userId: users[turn % users.length] ?? "", amount: 1, service: "chat" });
            spent += 1;
          }
        };
        const spending = Promise.all(times(3, spendOn));
        const reports = await Promise.all(
          workers.slice(0, 2).map((worker) => worker.ask(orderOf(jobs, work, now))),
        );
        running = false;
        await spending;
        for (const { error } of reports) expect(error).toBeUndefined();
        expect(spent).toBeGreaterThan(0);
        return { reports, spent };
      };

      it("grants each due period once (rules 13, 16)", async () => {
        // Subscribers without a wallet: the job opens it.
        for (let index = 0; index < 20; index++) {
          await jobs.credits.upsertSubscription({
            userId: `subscriber-${index}`,
            subscriptionId: "s",
            planId: "pro",
            status: "active",
            anchor: new Date("2026-01-10T00:00:00Z"),
            interval: "month",
            currentPeriodEnd: new Date("2026-02-10T00:00:00Z"),
          });
        }
        const { reports } = await inTwoProcesses({ name: "daily grant" });
        expect(sum(reports.map(({ granted }) => granted?.successful ?? 0))).toBe(80);
        expect(reports.map(({ granted }) => granted?.failed)).toEqual([0, 0]);
        const rows = await jobs.sql<{ plan: string; users: number; amount: number }>(
          `select source_plan as plan, count(distinct user_id)::integer as users, sum(amount)::integer as amount
         from credits.transaction where type = 'monthly_grant' group by source_plan order by source_plan`,
        );
        expect(rows).toEqual([
          { plan: "free", users: 60, amount: 600 },
          { plan: "pro", users: 20, amount: 4000 },
        ]);
        await expectCleanBooks(jobs);
      });

      it("books each expired batch once (rules 6, 25)", async () => {
        await Promise.all(
          users.map((userId) => jobs.credits.grant({ userId, amount: 2000, type: "purchase" })),
        );
        const [before] = await jobs.sql<{ remaining: number }>(
          "select sum(remaining)::integer as remaining from credits.batch where expires_at is not null",
        );
        jobs.clock.advanceDays(40);
        const { reports, spent } = await inTwoProcesses({ name: "expire" });
        expect(sum(reports.map(({ expired }) => expired?.totalExpiredAmount ?? 0))).toBe(before?.remaining);
        expect(sum(reports.map(({ expired }) => expired?.processedBatches ?? 0))).toBe(60 + 60 + 20);
        const [left] = await jobs.sql(
          `select sum(remaining)::integer as remaining,
           count(*) filter (where expires_at is not null and is_open)::integer as unbooked
         from credits.batch`,
        );
        expect(left).toEqual({ remaining: 60 * 2000 - spent, unbooked: 0 });
        await expectCleanBooks(jobs);
      });
    });

    it("keeps the books exact while everything happens to a few users at once (rules 2, 25, 27)", async () => {
      const random = seededRandom(`concurrency, ${condition.name}`);
      const mixed = await openUnder(condition);
      const engines = times(3, () => mixed.with(defaultCreditsConfig));
      const users = times(4, (index) => `mixed-${index}`);
      const allowed = new Set([
        "INSUFFICIENT_CREDITS",
        "USER_BALANCE_NOT_FOUND",
        "IDEMPOTENCY_CONFLICT",
        "HOLD_SETTLED",
        "HOLD_RELEASED",
        "HOLD_EXPIRED",
        "NOT_REVERSIBLE",
      ]);
      const held: { userId: string; holdId: string }[] = [];
      const reversible: { userId: string; transactionId: string }[] = [];
      let spent = 0;
      const spentKeys = new Map<string, string>();

      const operations: ((credits: Credits, userId: string) => Promise<unknown>)[] = [
        (on, userId) =>
          on.grant({
            userId,
            amount: 1 + random.below(30),
            type: "purchase",
            validityDays: 1 + random.below(3),
          }),
        (on, userId) =>
          on.grant({ userId, amount: 1 + random.below(9), type: "adjustment", priority: random.below(3) }),
        (on, userId) =>
          on.grantPurchased({
            userId,
            priceId: "price_credits_lite",
            purchaseId: `shared-${random.below(6)}`,
          }),
        (on, userId) =>
          on.grantSubscription({
            userId,
            amount: random.pick([5, 50, 200]),
            planId: random.pick(["free", "pro"]),
            validityDays: 30,
          }),
        (on, userId) => on.grantRegistrationBonus(userId),
        ...times(4, () => async (on: Credits, userId: string) => {
          const amount = 1 + random.below(25);
          const { transactionId } = await on.consume({ userId, amount, service: "chat" });
          reversible.push({ userId, transactionId });
          spent += amount;
        }),
        ...times(3, () => async (on: Credits, userId: string) => {
          const { holdId } = await on.hold({
            userId,
            amount: 1 + random.below(40),
            service: "chat",
            ttlSeconds: random.pick([1, 900, 86_400]),
            overage: random.pick(["reject", "take_available", "debt"] as const),
            ...(random.below(3) === 0 ? { idempotencyKey: `hold-${random.below(4)}` } : {}),
          });
          held.push({ userId, holdId });
        }),
        ...times(3, () => async (on: Credits) => {
          if (held.length === 0) return;
          const { consumedAmount, replayed } = await on.settle({
            ...random.pick(held),
            amount: random.below(60),
          });
          if (!replayed) spent += consumedAmount;
        }),
        async (on) => held.length > 0 && (await on.release(random.pick(held))),
        async (on) =>
          reversible.length > 0 &&
          (await on.reverse({
            ...random.pick(reversible),
            ...(random.below(2) === 0 ? { amount: 1 + random.below(5) } : {}),
          })),
        (on, userId) => on.getHolds({ userId }),
        async (on, userId) => {
          const idempotencyKey = `key-${random.below(8)}`;
          const { transactionId, replayed } = await on.consume({
            userId,
            amount: 4,
            service: "chat",
            idempotencyKey,
          });
          if (replayed !== true) spent += 4;
          const name = `${userId} ${idempotencyKey}`;
          expect(spentKeys.get(name) ?? transactionId).toBe(transactionId);
          spentKeys.set(name, transactionId);
        },
        (on, userId) =>
          on.upsertSubscription({
            userId,
            subscriptionId: `s-${random.below(2)}`,
            planId: random.pick(["free", "pro"]),
            status: random.pick(["active", "past_due", "canceled", "unpaid"]),
            anchor: new Date("2025-12-31T00:00:00Z"),
            interval: random.pick(["month", "year"]),
            currentPeriodEnd: new Date("2026-03-31T00:00:00Z"),
          }),
        (on) => on.processDailyGrant(),
        (on) => on.processExpired(),
        (on, userId) => on.getInfo({ userId }),
        async () => mixed.clock.advance(random.below(6) * 60 * 60 * 1000),
      ];

      const lane = async () => {
        for (let step = 0; step < 40; step++) {
          try {
            await random.pick(operations)(random.pick(engines), random.pick(users));
          } catch (error) {
            if (!CreditsError.is(error) || !allowed.has(error.code)) throw error;
          }
        }
      };
      // A cluster has no snapshot of all its nodes: there an audit beside spends sees half of some.
      const audits = isCitus() ? [] : times(3, async () => expectCleanBooks(mixed));
      await Promise.all([...times(12, lane), ...audits]);

      const [consumed] = await mixed.sql<{ amount: number }>(
        "select sum(amount)::integer as amount from credits.transaction where type = 'consumption'",
      );
      expect(consumed?.amount).toBe(spent);
      await expectCleanBooks(mixed);
      await mixed.close();
    });
  },
);

describe("a host's own transactions at stricter isolation", () => {
  let ledger: PostgresLedger;
  beforeAll(async () => {
    ledger = await openPostgresLedger();
  });
  afterAll(() => ledger.close());

  it.each(["repeatable read", "serializable"])(
    "surfaces the driver's own 40001 of a %s transaction to the host, which alone can retry (rule 29)",
    async (isolation) => {
      const userId = newUser();
      await ledger.credits.grant({ userId, amount: 10, type: "purchase" });
      const [first, second] = [new pg.Client(ledger.url), new pg.Client(ledger.url)];
      await Promise.all([first.connect(), second.connect()]);
      for (const client of [first, second]) {
        await client.query(`begin isolation level ${isolation}`);
        // The snapshot is taken by the first statement.
        await client.query("select from credits.wallet");
      }
      await ledger.credits.using(first).consume({ userId, amount: 1, service: "chat" });
      await first.query("commit");

      const error = await ledger.credits
        .using(second)
        .consume({ userId, amount: 1, service: "chat" })
        .catch((thrown) => thrown);
      expect(CreditsError.is(error)).toBe(false);
      expect(error).toBeInstanceOf(pg.DatabaseError);
      expect(error.code).toBe("40001");
      await second.query("rollback");
      await Promise.all([first.end(), second.end()]);
      expect(await ledger.credits.getInfo({ userId })).toMatchObject({ availableCredits: 9 });
    },
  );

  // On a cluster nobody waits for two users at once: a job has one user's wallet at a time.
  it.skipIf(isCitus())(
    "lets a job win that a host's transaction deadlocked with: the engine retries it (rules 28, 29)",
    async () => {
      const jobs = await openPostgresLedger();
      const users = ["ada", "bob"] as const;
      for (const userId of users) {
        await jobs.credits.grant({ userId, amount: 5, type: "purchase", validityDays: 1 });
        await jobs.credits.grant({ userId, amount: 10, type: "purchase" });
      }
      // PostgreSQL ends whoever has waited for its deadlock_timeout: the job, long before the host.
      const host = new pg.Client({ connectionString: jobs.url, options: "-c deadlock_timeout=60s" });
      await host.connect();
      await host.query("begin");
      const credits = jobs.credits.using(host);
      await credits.consume({ userId: users[1], amount: 1, service: "chat" });
      jobs.clock.advanceDays(2);
      const expiring = jobs.credits.processExpired();
      const waiting = () =>
        jobs.sql(
          "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
      while ((await waiting()).length === 0);
      await credits.consume({ userId: users[0], amount: 1, service: "chat" });
      await host.query("commit");

      // 9 = twice 5, less the 1 that the host spent before the clock moved.
      expect(await expiring).toEqual({ processedBatches: 2, processedUsers: 2, totalExpiredAmount: 9 });
      // The server publishes its statistics a moment later.
      const deadlocks = () =>
        jobs.sql("select from pg_stat_database where datname = current_database() and deadlocks = 1");
      while ((await deadlocks()).length === 0);
      expect(await jobs.credits.audit()).toEqual({ ok: true, violations: [] });
      await host.end();
      await jobs.close();
    },
  );

  it("is exact when hosts retry their serializable transactions beside plain spends (rule 30)", async () => {
    const userId = newUser();
    await ledger.credits.grant({ userId, amount: 60, type: "purchase" });
    await ledger.sql("create table host_order (id integer primary key)");
    const pool = new pg.Pool({ connectionString: ledger.url, max: 6 });

    const order = async (id: number): Promise<void> => {
      const client = await pool.connect();
      try {
        await client.query("begin isolation level serializable");
        await client.query("insert into host_order values ($1)", [id]);
        await ledger.credits.using(client).consume({ userId, amount: 1, service: "chat" });
        await client.query("commit");
        return;
      } catch (error) {
        await client.query("rollback");
        if ((error as { code?: string }).code !== "40001") throw error;
      } finally {
        client.release();
      }
      return order(id);
    };
    const { codes } = await outcomes([
      ...times(40, order),
      ...times(40, async () => {
        await ledger.credits.consume({ userId, amount: 1, service: "chat" });
      }),
    ]);
    await pool.end();

    expect(codes).toEqual({ INSUFFICIENT_CREDITS: 20 });
    const [orders] = await ledger.sql<{ count: number }>("select count(*)::integer as count from host_order");
    const [spends] = await ledger.sql<{ count: number }>(
      "select count(*)::integer as count from credits.transaction where user_id = $1 and type = 'consumption'",
      [userId],
    );
    expect(spends?.count).toBe(60);
    // Every order that committed was paid, and none that was refused exists.
    expect(orders?.count).toBeGreaterThanOrEqual(20);
    expect(orders?.count).toBeLessThanOrEqual(40);
    expect(await ledger.credits.audit()).toEqual({ ok: true, violations: [] });
  });
});
