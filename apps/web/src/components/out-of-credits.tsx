import Link from "next/link";
import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { buttonStyle } from "@/components/button-style";
import type { Refusal } from "@/credits/refusal";

interface OutOfCreditsProps {
  refusal: Refusal;
  /** What there are too few credits for, where there are some. */
  title: string;
  /** What it takes and what there is; undefined: nobody said. */
  price: string | undefined;
  children?: ReactNode;
}

/** There is too little to pay with: says so, and what can be done about it. Nothing was charged. */
export function OutOfCredits({ refusal, title, price, children }: OutOfCreditsProps) {
  const t = useTranslations("common");
  return (
    <div role="alert" className="rounded-xl border border-line-strong bg-surface p-4 sm:p-5">
      <p className="font-semibold tracking-tight">
        {(refusal.available ?? 0) > 0 ? title : t("outOfCredits")}
      </p>
      <p className="mt-1 text-sm text-ink-soft">
        {price ?? t("refusals.USER_BALANCE_NOT_FOUND")} {t("nothingCharged")}
      </p>
      <div className="mt-4 flex flex-wrap gap-2">
        <Link href="/pricing" className={buttonStyle("primary")}>
          {t("seePackages")}
        </Link>
        {children}
      </div>
    </div>
  );
}
