"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { useEffect, useState } from "react";
import { buttonStyle } from "@/components/button-style";
import { useFormat } from "@/i18n/format";

/** How often and how long the page asks for the payment. */
const askEveryMs = 1_500;
const askFor = 40;

interface WaitingProps {
  isThere: boolean;
  /** What it brought, when that is known. */
  credits: number | null;
  balance: number;
}

export function Waiting({ isThere, credits, balance }: WaitingProps) {
  const router = useRouter();
  const t = useTranslations("billing");
  const format = useFormat();
  const [asked, setAsked] = useState(0);
  const isOver = isThere || asked >= askFor;
  useEffect(() => {
    if (isOver) return;
    const timer = setTimeout(() => {
      router.refresh();
      setAsked(asked + 1);
    }, askEveryMs);
    return () => clearTimeout(timer);
  }, [asked, isOver, router]);

  return (
    <div className="rounded-xl border border-line bg-surface p-6 text-center sm:p-8" aria-live="polite">
      {isThere ? (
        <>
          <h1 className="text-2xl font-semibold tracking-tight">{t("thanks")}</h1>
          <p className="mt-2 text-ink-soft">
            {credits === null ? t("arrived") : t("arrivedCredits", { credits: format.credits(credits) })}
          </p>
          <p className="mt-6 text-sm text-ink-soft">{t("now")}</p>
          <p className="text-5xl font-semibold tracking-tight tabular-nums">{format.number(balance)}</p>
        </>
      ) : (
        <>
          <h1 className="text-2xl font-semibold tracking-tight">{t(isOver ? "onItsWay" : "waiting")}</h1>
          <p className="mt-2 text-ink-soft">{t(isOver ? "onItsWayText" : "waitingText")}</p>
          {!isOver && (
            <div aria-hidden="true" className="mx-auto mt-6 h-1 w-40 overflow-hidden rounded-full bg-sunken">
              <div className="h-full w-1/3 animate-pulse rounded-full bg-accent" />
            </div>
          )}
        </>
      )}
      <div className="mt-8 flex flex-wrap justify-center gap-2">
        <Link href="/app/credits" className={buttonStyle("primary")}>
          {t("yours")}
        </Link>
        <Link href="/app/billing" className={buttonStyle("secondary")}>
          {t("title")}
        </Link>
      </div>
    </div>
  );
}
