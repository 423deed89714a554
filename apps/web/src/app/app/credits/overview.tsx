import type { ReactNode } from "react";
import { formatDate, formatNumber } from "@/components/format";
import type { UserCreditsInfo } from "@/credits/actions";

/** The three figures that matter: what there is, what goes next, what comes next. */
export function Overview({ info }: { info: UserCreditsInfo }) {
  const { availableCredits, nextExpiringBatch, nextGrantInfo } = info;
  return (
    <dl className="grid overflow-hidden rounded-xl border border-line bg-surface max-md:divide-y md:grid-cols-[1.2fr_1fr_1fr] md:divide-x divide-line">
      <Figure label="Available" detail={availableCredits > 0 ? "Ready to spend" : "Nothing left to spend"}>
        <span
          data-testid="available-credits"
          className="text-5xl/none font-semibold tracking-tight tabular-nums"
        >
          {formatNumber(availableCredits)}
        </span>
      </Figure>
      <Figure
        label="Expires next"
        detail={
          nextExpiringBatch ? <>on {formatDate(nextExpiringBatch.expiresAt)}</> : "Nothing is about to expire"
        }
      >
        <SmallFigure>{nextExpiringBatch ? formatNumber(nextExpiringBatch.amount) : "None"}</SmallFigure>
      </Figure>
      <Figure
        label="Next monthly grant"
        detail={
          nextGrantInfo ? (
            <>
              on {formatDate(nextGrantInfo.grantDate)} with the {nextGrantInfo.planName} plan
            </>
          ) : (
            "No monthly credits are due"
          )
        }
      >
        <SmallFigure>{nextGrantInfo ? `+${formatNumber(nextGrantInfo.amount)}` : "None"}</SmallFigure>
      </Figure>
    </dl>
  );
}

function Figure({ label, detail, children }: { label: string; detail: ReactNode; children: ReactNode }) {
  return (
    <div className="flex flex-col p-5 sm:p-6">
      <dt className="text-sm font-medium text-ink-soft">{label}</dt>
      <dd className="mt-2 flex flex-1 flex-col justify-end gap-1.5">
        {children}
        <span className="text-sm text-ink-soft">{detail}</span>
      </dd>
    </div>
  );
}

function SmallFigure({ children }: { children: ReactNode }) {
  return <span className="text-2xl font-semibold tracking-tight tabular-nums">{children}</span>;
}
