import { randomUUID } from "node:crypto";
import type { StatementEntry } from "creditkit";
import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import type { AdminAction } from "@/admin/action";
import { useServiceName } from "@/app/app/credits/service-name";
import { buttonStyle } from "@/components/button-style";
import { Field, fieldStyle } from "@/components/field";
import type { SearchParameters } from "@/history/filter";
import { useFormat } from "@/i18n/format";
import { typedBefore } from "../../typed";
import { ReasonField } from "./reason-field";

interface TransactionListProps {
  userId: string;
  entries: readonly StatementEntry[];
  /** That made some of the entries. */
  actions: readonly AdminAction[];
  parameters: SearchParameters;
}

/** Every row with its accounts, its batches and who did it; a spend with a way to give it back. */
export function TransactionList({ userId, entries, actions, parameters }: TransactionListProps) {
  const format = useFormat();
  const serviceName = useServiceName();
  return (
    <ul className="divide-y divide-line">
      {entries.map((entry) => (
        <li key={entry.id}>
          <details className="group" open={typedBefore(parameters, "reverse")("transactionId") === entry.id}>
            <summary className="flex cursor-pointer list-none items-baseline justify-between gap-4 rounded py-2.5 text-sm hover:bg-sunken [&::-webkit-details-marker]:hidden">
              <span className="min-w-0">
                <span className="text-ink-soft tabular-nums">{entry.sequence}. </span>
                <span className="font-medium">{format.type(entry.type)}</span>
                {entry.service !== null && (
                  <span className="text-ink-soft"> · {serviceName(entry.service)}</span>
                )}
                {entry.description && (
                  <span className="block break-words text-ink-soft">{entry.description}</span>
                )}
                <span className="block text-xs">{format.instant(entry.createdAt)}</span>
              </span>
              <span className={`font-medium tabular-nums ${entry.amount > 0 ? "text-gain" : ""}`}>
                {format.signed(entry.amount)}
              </span>
            </summary>
            <Details
              userId={userId}
              entry={entry}
              action={actions.find(({ transactionId }) => transactionId === entry.id)}
              parameters={parameters}
            />
          </details>
        </li>
      ))}
    </ul>
  );
}

function Details({
  userId,
  entry,
  action,
  parameters,
}: {
  userId: string;
  entry: StatementEntry;
  action: AdminAction | undefined;
  parameters: SearchParameters;
}) {
  const t = useTranslations("admin.user");
  const tHistory = useTranslations("credits.entry");
  const format = useFormat();
  const { reversedAmount, amount } = entry;
  const returnable = reversedAmount === null ? 0 : -amount - reversedAmount;
  return (
    <div className="mb-3 grid gap-3 rounded-lg bg-sunken p-3 text-xs">
      <dl className="grid gap-x-4 gap-y-1.5 sm:grid-cols-[auto_1fr]">
        <Fact name={t("accounts")}>
          <span className="font-mono break-all">
            {entry.debitAccount} → {entry.creditAccount}
          </span>
        </Fact>
        <Fact name={t("allocations")}>
          {entry.allocations.map((part) => (
            <span key={part.batchId} className="block">
              <span className="font-medium">
                {tHistory("part", {
                  amount: format.number(part.amount),
                  source: format.type(part.grantedBy),
                })}
              </span>{" "}
              · {tHistory("partLeft", { left: format.number(part.batchRemaining) })} ·{" "}
              <span className="font-mono break-all">{part.batchId}</span>
            </span>
          ))}
        </Fact>
        <Fact name={tHistory("balanceAfter")}>{format.number(entry.availableAfter)}</Fact>
        <Fact name={tHistory("reference")}>
          <span className="font-mono break-all">{entry.id}</span>
        </Fact>
        {entry.purchaseId !== null && (
          <Fact name={t("purchase")}>
            <span className="font-mono break-all">{entry.purchaseId}</span>
          </Fact>
        )}
        {entry.grantPeriod !== null && (
          <Fact name={t("period")}>
            {entry.sourcePlan} {entry.grantPeriod}
          </Fact>
        )}
        {reversedAmount !== null && reversedAmount > 0 && (
          <Fact name={tHistory("givenBack")}>{format.number(reversedAmount)}</Fact>
        )}
        {entry.metadata !== null && (
          <Fact name={t("metadata")}>
            <code className="break-all">{JSON.stringify(entry.metadata)}</code>
          </Fact>
        )}
      </dl>
      {action && <p className="text-ink-soft">{t("by", { admin: action.adminEmail })}</p>}
      {returnable > 0 && <ReverseForm userId={userId} transactionId={entry.id} parameters={parameters} />}
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-ink-soft">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </>
  );
}

function ReverseForm({
  userId,
  transactionId,
  parameters,
}: {
  userId: string;
  transactionId: string;
  parameters: SearchParameters;
}) {
  const t = useTranslations("admin.adjust");
  const before = typedBefore(parameters, "reverse");
  const typed = (name: string) => (before("transactionId") === transactionId ? before(name) : "");
  return (
    <form
      method="post"
      action="/api/admin/reverse"
      aria-label={t("reverse")}
      className="grid items-start gap-3 border-t border-line pt-3 sm:grid-cols-[8rem_1fr_auto]"
    >
      <input type="hidden" name="userId" value={userId} />
      <input type="hidden" name="transactionId" value={transactionId} />
      {typeof parameters.page === "string" && <input type="hidden" name="page" value={parameters.page} />}
      <input type="hidden" name="key" value={randomUUID()} />
      <Field label={t("reverseAmount")}>
        {(id) => (
          <input
            id={id}
            name="amount"
            inputMode="decimal"
            autoComplete="off"
            defaultValue={typed("amount")}
            className={fieldStyle}
          />
        )}
      </Field>
      <ReasonField typed={typed("reason")} />
      {/* Level with the fields: below a label's height. */}
      <button type="submit" className={`${buttonStyle("secondary")} sm:mt-5`}>
        {t("reverseSubmit")}
      </button>
    </form>
  );
}
