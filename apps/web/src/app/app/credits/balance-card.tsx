import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import type { UserCreditsInfo } from "@/credits/actions";
import { now } from "@/credits/now";
import { useFormat } from "@/i18n/format";

/** What there is, what of it is not free, what goes next and what comes next. */
export function BalanceCard({ info }: { info: UserCreditsInfo }) {
  const t = useTranslations("credits.balance");
  const format = useFormat();
  const { availableCredits, heldCredits, debt, nextExpiringBatch, nextGrantInfo } = info;
  const when = (instant: Date) => ({
    when: format.distance(instant, now()),
    date: format.dateText(instant),
  });
  return (
    <div className="overflow-hidden rounded-xl border border-line bg-surface">
      <dl className="grid divide-line max-md:divide-y md:grid-cols-[1.2fr_1fr_1fr] md:divide-x">
        <Figure label={t("available")} detail={t(availableCredits > 0 ? "ready" : "nothing")}>
          <span
            data-testid="available-credits"
            className="text-5xl/none font-semibold tracking-tight tabular-nums"
          >
            {format.number(availableCredits)}
          </span>
        </Figure>
        <Figure
          label={t("expires")}
          detail={
            nextExpiringBatch ? t("expiresDetail", when(nextExpiringBatch.expiresAt)) : t("expiresNever")
          }
        >
          <SmallFigure>{nextExpiringBatch ? format.number(nextExpiringBatch.amount) : t("none")}</SmallFigure>
        </Figure>
        <Figure
          label={t("grant")}
          detail={
            nextGrantInfo
              ? t("grantDetail", { ...when(nextGrantInfo.grantDate), plan: nextGrantInfo.planName })
              : t("grantNone")
          }
        >
          <SmallFigure>{nextGrantInfo ? format.signed(nextGrantInfo.amount) : t("none")}</SmallFigure>
        </Figure>
      </dl>
      {heldCredits + debt > 0 && (
        <dl>
          {heldCredits > 0 && (
            <Line label={t("held")} amount={format.number(heldCredits)} detail={t("heldDetail")} />
          )}
          {debt > 0 && (
            <Line label={t("debt")} amount={format.number(debt)} detail={t("debtDetail")} isAlert />
          )}
        </dl>
      )}
    </div>
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

function Line({
  label,
  amount,
  detail,
  isAlert = false,
}: {
  label: string;
  amount: string;
  detail: string;
  isAlert?: boolean;
}) {
  return (
    <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1 border-t border-line px-5 py-3 text-sm sm:px-6">
      <dt className={`font-medium ${isAlert ? "text-alert" : ""}`}>{label}</dt>
      <dd className="flex flex-1 flex-wrap items-baseline gap-x-3 gap-y-1">
        <span className={`font-semibold tabular-nums ${isAlert ? "text-alert" : ""}`}>{amount}</span>
        <span className="text-ink-soft">{detail}</span>
      </dd>
    </div>
  );
}
