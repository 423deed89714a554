import type { Engine } from "./engine.ts";

/** All wallets together. Amounts in credits. */
export interface Overview {
  wallets: { total: number; frozen: number; closed: number };
  /** What moved, by type of transaction; negative: out of wallets. Their sum is what is in wallets. */
  flows: { type: string; amount: number; transactions: number }[];
  /** Spent by service, what was given back deducted; the largest first. */
  services: { service: string; amount: number }[];
  /** What users can still spend: free and held. */
  outstanding: {
    total: number;
    /** Bought, or of a plan that costs money. */
    paid: number;
    free: number;
    held: number;
    /** By the month in which it expires, UTC; null: never. */
    calendar: { month: string | null; paid: number; free: number }[];
  };
  /** Expired, and not booked as such yet: the next expire job does. */
  expiredUnbooked: number;
  /** Owed by users. */
  debt: number;
}

/** What came in and went out of all wallets, and what is still owed to users. Reads all of history: the time grows with it. */
export async function getOverview(engine: Engine): Promise<Overview> {
  const answer = await engine.call<OverviewAnswer>(
    "select credits.get_overview($1::text::timestamptz)::text as answer",
    () => [engine.now()],
  );
  const credits = (units: number) => engine.credits(units);
  const calendar = new Map<string | null, { paid: number; free: number }>();
  for (const { month, paid, amount } of answer.outstanding) {
    const entry = calendar.get(month) ?? { paid: 0, free: 0 };
    entry[paid ? "paid" : "free"] += amount;
    calendar.set(month, entry);
  }
  const sum = (isPaid: boolean) =>
    answer.outstanding.reduce((total, { paid, amount }) => total + (paid === isPaid ? amount : 0), 0);
  return {
    wallets: { total: answer.wallets, frozen: answer.frozen, closed: answer.closed },
    flows: answer.flows.map((flow) => ({ ...flow, amount: credits(flow.amount) })),
    services: answer.services.map((used) => ({ ...used, amount: credits(used.amount) })),
    outstanding: {
      total: credits(sum(true) + sum(false)),
      paid: credits(sum(true)),
      free: credits(sum(false)),
      held: credits(answer.held),
      calendar: [...calendar].map(([month, { paid, free }]) => ({
        month,
        paid: credits(paid),
        free: credits(free),
      })),
    },
    expiredUnbooked: credits(answer.unbooked),
    debt: credits(answer.debt),
  };
}

interface OverviewAnswer {
  wallets: number;
  frozen: number;
  closed: number;
  debt: number;
  held: number;
  flows: { type: string; amount: number; transactions: number }[];
  services: { service: string; amount: number }[];
  outstanding: { paid: boolean; month: string | null; amount: number }[];
  unbooked: number;
}
