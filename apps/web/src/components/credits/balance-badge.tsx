"use client";

import { CreditBalance } from "creditkit/react";
import type { ReactNode } from "react";
import { creditsFormat } from "./format";

interface BalanceBadgeProps {
  /** What stands before the number: an icon. */
  icon?: ReactNode;
  /** The word after the number. Default: English. */
  unit?: (balance: number) => string;
  /** BCP 47. Default: `en`. */
  locale?: string;
}

const englishUnit = (balance: number) => (balance === 1 ? "credit" : "credits");

/** What the user has, where it is spent. */
export function BalanceBadge({ icon, unit = englishUnit, locale = "en" }: BalanceBadgeProps) {
  return (
    <p className="flex h-9 items-center gap-2 rounded-full border border-border bg-card px-3 text-sm whitespace-nowrap">
      {icon}
      <CreditBalance>
        {({ balance }) => (
          <>
            <span data-testid="available-credits" className="font-semibold tabular-nums">
              {balance === undefined ? "–" : creditsFormat(locale).number(balance)}
            </span>{" "}
            <span className="text-muted-foreground">{unit(balance ?? 0)}</span>
          </>
        )}
      </CreditBalance>
    </p>
  );
}
