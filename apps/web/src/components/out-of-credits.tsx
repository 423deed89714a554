import Link from "next/link";
import type { ReactNode } from "react";
import { buttonStyle } from "@/components/button-style";
import { formatCredits } from "@/components/format";
import type { Refusal } from "@/credits/refusal";

interface OutOfCreditsProps {
  refusal: Refusal;
  /** What there are too few credits for. */
  wanted: string;
  /** The beginning of a sentence that ends with how many are needed. */
  price: string;
  children?: ReactNode;
}

/** There is too little to pay with: says so, and what can be done about it. Nothing was charged. */
export function OutOfCredits({ refusal, wanted, price, children }: OutOfCreditsProps) {
  const { required, available = 0, message } = refusal;
  const isKnown = required !== undefined;
  return (
    <div role="alert" className="rounded-xl border border-line-strong bg-surface p-4 sm:p-5">
      <p className="font-semibold tracking-tight">
        {available > 0 ? `Out of credits for ${wanted}` : "Out of credits"}
      </p>
      <p className="mt-1 text-sm text-ink-soft">
        {isKnown ? `${price} ${formatCredits(required)}, and you have ${available}.` : message} Nothing was
        charged.
      </p>
      <div className="mt-4 flex flex-wrap gap-2">
        <Link href="/pricing" className={buttonStyle("primary")}>
          See packages
        </Link>
        {children}
      </div>
    </div>
  );
}
