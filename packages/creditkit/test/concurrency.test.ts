import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import type { Credits } from "../src/core/credits.ts";
import { CreditsError } from "../src/core/errors.ts";
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
      const allowed = new Set(["INSUFFICIENT_CREDITS", "USER_BALANCE_NOT_FOUND", "IDEMPOTENCY_CONFLICT"]);
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
          await on.consume({ userId, amount, service: "chat" });
          spent += amount;
        }),
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
