import type { PaymentEvent } from "creditkit";
import { eq } from "drizzle-orm";
import { user } from "../src/auth/schema.ts";
import { getAuth } from "../src/auth/server.ts";
import { creditsConfig, getCreditConsumption, getCreditPackageById } from "../src/config/credits.ts";
import { chatModels, imageService } from "../src/config/models.ts";
import { getCredits } from "../src/credits/server.ts";
import { setTestClock } from "../src/credits/test-clock.ts";
import { getDatabase } from "../src/database/server.ts";
import { readEnvironment } from "../src/env.ts";

export const demoUser = { name: "Ada Demo", email: "demo@example.com", password: "demo-demo-demo" };
export const demoAdmin = { name: "Grace Demo", email: "admin@example.com", password: "admin-admin-admin" };

const others = ["Linus", "Margaret", "Dennis", "Barbara"].map((name) => ({
  name: `${name} Demo`,
  email: `${name.toLowerCase()}@example.com`,
  password: "demo-demo-demo",
}));

const dayMs = 24 * 60 * 60 * 1000;
const hourMs = 60 * 60 * 1000;
const storyDays = 150;
const planDay = 70;
/** The ledger never goes back behind what it has seen: the story ends before the real clock goes on. */
const marginMs = 10 * 60 * 1000;

const questions = [
  "Summary of a report",
  "Names for a boat",
  "Letter to the landlord",
  "Recipe for six",
  "Bug in a query",
];
const pictures = ["A harbour at dawn", "A fox in the snow", "Poster for a concert"];

/** Tells the story, once. */
export async function tellStory(): Promise<{ days: number; transactions: number; users: number }> {
  const { NODE_ENV, DATABASE_URL } = readEnvironment();
  if (NODE_ENV === "production" && DATABASE_URL)
    throw new Error("This is a production database: demo accounts with known passwords do not belong there.");
  const { drizzle } = await getDatabase();
  const known = await drizzle.select().from(user).where(eq(user.email, demoUser.email));
  if (known.length > 0) throw new Error(`${demoUser.email} exists already: the seed has been sown.`);

  const end = Date.now() - marginMs;
  const start = new Date(end - storyDays * dayMs);
  const random = seededRandom(20_260_115);
  setTestClock(start);
  const demo = await signUp(demoUser);
  const admin = await signUp(demoAdmin);
  await drizzle.update(user).set({ role: "admin" }).where(eq(user.id, admin));
  const minor = await Promise.all(others.map(signUp));

  const credits = await getCredits();
  for (let day = 0; day < storyDays; day++) {
    const morning = start.getTime() + day * dayMs;
    setTestClock(new Date(morning));
    await credits.processExpired();
    await credits.processDailyGrant();
    for (const event of paymentsOf(demo, minor, day, new Date(morning)))
      await credits.applyPaymentEvent(event);
    await spendDay(demo, morning, busyness(day), random);
    for (const userId of minor) await spendDay(userId, morning, 0.4, random);
    await incident(demo, day, morning);
  }
  setTestClock(new Date(end));
  await credits.audit();
  // Under way when the reader first looks.
  await credits.hold({ userId: demo, amount: 12, service: "google:reasoning", ttlSeconds: 86_400 });
  setTestClock(null);

  const overview = await credits.getOverview();
  const transactions = overview.flows.reduce((sum, flow) => sum + flow.transactions, 0);
  return { days: storyDays, transactions, users: overview.wallets.total };
}

async function signUp(account: typeof demoUser): Promise<string> {
  const { user } = await (await getAuth()).api.signUpEmail({ body: account });
  return user.id;
}

/** Less at weekends, and more as the months go by. */
function busyness(day: number): number {
  const isWeekend = day % 7 >= 5;
  return (isWeekend ? 0.5 : 1.6) * (0.6 + day / storyDays);
}

async function spendDay(
  userId: string,
  morning: number,
  spends: number,
  random: () => number,
): Promise<void> {
  const credits = await getCredits();
  const services = [...Object.keys(chatModels), imageService];
  const count = Math.floor(spends * 2 * random() + random());
  const hours = Array.from({ length: count }, () => 1 + 12 * random()).sort((one, other) => one - other);
  for (const hour of hours) {
    setTestClock(new Date(morning + hour * hourMs));
    const service = services[Math.floor(random() ** 1.4 * services.length)] ?? imageService;
    const texts = service === imageService ? pictures : questions;
    const price = getCreditConsumption(service);
    const amount = service === imageService ? price : price + Math.floor(3 * random());
    const { availableCredits } = await credits.getInfo({ userId });
    if (availableCredits < amount) continue;
    const description = texts[Math.floor(random() * texts.length)] ?? "";
    await credits.consume({ userId, service, amount, description });
  }
}

/** What sets a history apart from a list of spends. */
async function incident(userId: string, day: number, morning: number): Promise<void> {
  const credits = await getCredits();
  setTestClock(new Date(morning + 20 * hourMs));
  if (day === 33 || day === 121) {
    const { entries } = await credits.getStatement({ userId, types: ["consumption"], pageSize: 1 });
    const [spend] = entries;
    if (spend)
      await credits.reverse({ userId, transactionId: spend.id, description: "The answer broke off" });
  }
  if (day === 52) {
    const description = "Sorry for the outage on Monday";
    await credits.grant({ userId, amount: 25, type: "adjustment", validityDays: 120, description });
  }
  if (day === 88) await credits.deduct({ userId, amount: 3, description: "Granted twice by mistake" });
}

/** Packages, one of them refunded in half, and a plan that renews. */
function paymentsOf(demo: string, minor: readonly string[], day: number, now: Date): PaymentEvent[] {
  const said = (name: string) =>
    ({ provider: "demo", eventId: `seed_${name}_${day}`, occurredAt: now }) as const;
  const bought = (userId: string, packageId: "lite" | "standard" | "pro", name: string): PaymentEvent => {
    const { priceId, amount, currency } = packageOf(packageId);
    return {
      ...said(name),
      type: "purchase.paid",
      userId,
      customerId: `customer_${userId}`,
      paymentIds: [`seed_payment_${name}`],
      priceId,
      amountPaid: Math.round(amount * 100),
      currency: currency.toLowerCase(),
    };
  };
  const events: PaymentEvent[] = [];
  if (day === 4) events.push(bought(demo, "lite", "first"));
  if (day === 18)
    events.push({
      ...said("refund"),
      type: "payment.refunded",
      paymentIds: ["seed_payment_first"],
      amountRefunded: Math.round(packageOf("lite").amount * 50),
    });
  if (day === 47) events.push(bought(demo, "standard", "second"));
  if (day === 130) events.push(bought(demo, "lite", "third"));
  if (day >= planDay) {
    const anchor = new Date(now.getTime() - (day - planDay) * dayMs);
    const month = [0, 1, 2, 3].find((count) => isSameDay(addMonths(anchor, count), now));
    if (month !== undefined) events.push(...planPaid(demo, said("plan"), anchor, month));
  }
  if (day === 61) events.push(bought(minor[0] ?? demo, "pro", "other"));
  return events;
}

function packageOf(id: string) {
  const sold = getCreditPackageById(id);
  if (sold === null) throw new Error(`The configuration sells no package ${id}.`);
  return sold;
}

function planPaid(
  userId: string,
  said: { provider: "demo"; eventId: string; occurredAt: Date },
  anchor: Date,
  month: number,
): PaymentEvent[] {
  const price = creditsConfig.planPrices.find(({ interval }) => interval === "month");
  if (price === undefined) return [];
  const whose = { userId, customerId: `customer_${userId}` };
  const plan = { subscriptionId: `seed_subscription_${userId}`, priceId: price.priceId };
  const [periodStart, periodEnd] = [addMonths(anchor, month), addMonths(anchor, month + 1)];
  return [
    {
      ...said,
      eventId: `${said.eventId}_state`,
      type: "subscription.changed",
      ...whose,
      ...plan,
      status: "active",
      anchor,
      currentPeriodEnd: periodEnd,
    },
    {
      ...said,
      type: "plan.paid",
      ...whose,
      ...plan,
      paymentIds: [`${said.eventId}_invoice`],
      periodStart,
      periodEnd,
      amountPaid: Math.round(price.amount * 100),
      currency: price.currency.toLowerCase(),
    },
  ];
}

/** As providers and the ledger count: the 31st becomes a shorter month's last day (rule 16). */
function addMonths(anchor: Date, count: number): Date {
  const date = new Date(anchor);
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + count);
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(anchor.getUTCDate(), lastDay));
  return date;
}

function isSameDay(one: Date, other: Date): boolean {
  return one.toISOString().slice(0, 10) === other.toISOString().slice(0, 10);
}

/** The same story every time (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
