"use client";

import Link from "next/link";
import { LowBalance } from "@/components/credits/low-balance";
import { useFormat } from "@/i18n/format";

interface LowBalanceNoticeProps {
  below: number;
  labels: { low: string; empty: string; lowAction: string };
}

/** The banner in the reader's language; its words come by props, so that no page is sent the whole namespace. */
export function LowBalanceNotice({ below, labels }: LowBalanceNoticeProps) {
  const format = useFormat();
  return (
    <LowBalance
      below={below}
      amount={format.credits}
      labels={labels}
      action={
        <Link href="/pricing" className="rounded font-semibold underline underline-offset-4">
          {labels.lowAction}
        </Link>
      }
    />
  );
}
