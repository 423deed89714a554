import type { CreditsInfo } from "creditkit";
import type { ReactNode } from "react";
import { creditsFormat, fill } from "./format";

const english = {
  available: "Available",
  ready: "Ready to spend",
  nothing: "Nothing left to spend",
  held: "Held",
  heldDetail: "Set aside for work that is under way. What it does not use comes back.",
  debt: "Owed",
  debtDetail: "The next credits that arrive pay this first.",
  expires: "Expires next",
  expiresDetail: "{when}, on {date}",
  expiresNever: "Nothing is about to expire",
  grant: "Next monthly grant",
  grantDetail: "{when}, on {date}, with the {plan} plan",
  grantNone: "No monthly credits are due",
  none: "None",
};

interface BalanceCardProps {
  /** What `credits.getInfo` answers. */
  info: CreditsInfo;
  /** For words such as "in 3 days". Default: the clock. */
  now?: Date;
  /** BCP 47. Default: `en`. */
  locale?: string;
  /** Default: English. */
  labels?: Partial<typeof english>;
}

/** What there is, what of it is not free, what goes next and what comes next. */
export function BalanceCard({ info, now = new Date(), locale = "en", labels }: BalanceCardProps) {
  const text = { ...english, ...labels };
  const format = creditsFormat(locale);
  const { availableCredits, heldCredits, debt, nextExpiringBatch, nextGrantInfo } = info;
  const when = (instant: Date) => ({ when: format.distance(instant, now), date: format.day(instant) });
  return (
    <div className="overflow-hidden rounded-xl border border-border bg-card">
      <dl className="grid divide-border max-md:divide-y md:grid-cols-[1.2fr_1fr_1fr] md:divide-x">
        <Figure label={text.available} detail={availableCredits > 0 ? text.ready : text.nothing}>
          <span
            data-testid="available-credits"
            className="text-5xl/none font-semibold tracking-tight tabular-nums"
          >
            {format.number(availableCredits)}
          </span>
        </Figure>
        <Figure
          label={text.expires}
          detail={
            nextExpiringBatch
              ? fill(text.expiresDetail, when(nextExpiringBatch.expiresAt))
              : text.expiresNever
          }
        >
          <SmallFigure>{nextExpiringBatch ? format.number(nextExpiringBatch.amount) : text.none}</SmallFigure>
        </Figure>
        <Figure
          label={text.grant}
          detail={
            nextGrantInfo
              ? fill(text.grantDetail, { ...when(nextGrantInfo.grantDate), plan: nextGrantInfo.planName })
              : text.grantNone
          }
        >
          <SmallFigure>{nextGrantInfo ? format.signed(nextGrantInfo.amount) : text.none}</SmallFigure>
        </Figure>
      </dl>
      {heldCredits + debt > 0 && (
        <dl>
          {heldCredits > 0 && (
            <Line label={text.held} amount={format.number(heldCredits)} detail={text.heldDetail} />
          )}
          {debt > 0 && (
            <Line label={text.debt} amount={format.number(debt)} detail={text.debtDetail} isAlert />
          )}
        </dl>
      )}
    </div>
  );
}

function Figure({ label, detail, children }: { label: string; detail: string; children: ReactNode }) {
  return (
    <div className="flex flex-col p-5 sm:p-6">
      <dt className="text-sm font-medium text-muted-foreground">{label}</dt>
      <dd className="mt-2 flex flex-1 flex-col justify-end gap-1.5">
        {children}
        <span className="text-sm text-muted-foreground">{detail}</span>
      </dd>
    </div>
  );
}

function SmallFigure({ children }: { children: ReactNode }) {
  return <span className="text-2xl font-semibold tracking-tight tabular-nums">{children}</span>;
}

interface LineProps {
  label: string;
  amount: string;
  detail: string;
  isAlert?: boolean;
}

function Line({ label, amount, detail, isAlert = false }: LineProps) {
  return (
    <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1 border-t border-border px-5 py-3 text-sm sm:px-6">
      <dt className={`font-medium ${isAlert ? "text-destructive" : ""}`}>{label}</dt>
      <dd className="flex flex-1 flex-wrap items-baseline gap-x-3 gap-y-1">
        <span className={`font-semibold tabular-nums ${isAlert ? "text-destructive" : ""}`}>{amount}</span>
        <span className="text-muted-foreground">{detail}</span>
      </dd>
    </div>
  );
}
