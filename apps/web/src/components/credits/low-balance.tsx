"use client";

import { useCredits } from "creditkit/react";
import type { ReactNode } from "react";
import { fill } from "./format";

const english = {
  low: "You have {amount} left.",
  empty: "You have no credits left.",
};

const englishAmount = (amount: number) => (amount === 1 ? "1 credit" : `${amount} credits`);

interface LowBalanceProps {
  /** Below this balance it is shown: the configuration's `limitations.lowBalance`. */
  below: number;
  /** What can be done about it: a link to where credits are sold. */
  action?: ReactNode;
  /** How credits are counted. Default: English. */
  amount?: (credits: number) => string;
  /** Default: English. */
  labels?: Partial<typeof english>;
}

/** That credits run low, on every page where they are spent: before they are out. */
export function LowBalance({ below, action, amount = englishAmount, labels }: LowBalanceProps) {
  const text = { ...english, ...labels };
  const { balance } = useCredits();
  if (balance === undefined || balance >= below) return null;
  return (
    <aside className="border-b border-destructive/30 bg-destructive/10 text-sm text-destructive">
      <p className="mx-auto flex max-w-6xl flex-wrap items-center justify-between gap-x-4 gap-y-1 px-4 py-2.5 sm:px-6">
        {balance === 0 ? text.empty : fill(text.low, { amount: amount(balance) })}
        {action}
      </p>
    </aside>
  );
}
