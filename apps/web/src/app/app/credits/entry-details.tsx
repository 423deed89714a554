import type { StatementEntry } from "creditkit";
import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { useFormat } from "@/i18n/format";

/** Which batches a row took from or filled, and what it is known by. */
export function EntryDetails({ entry, title }: { entry: StatementEntry; title: string }) {
  const t = useTranslations("credits.history");
  const tBatch = useTranslations("credits.batches");
  const format = useFormat();
  const { allocations, amount, sequence, id, reversedAmount, availableAfter } = entry;
  return (
    <details className="group mt-1">
      <summary
        aria-label={t("detailsOf", { what: `${title} ${format.signed(amount)}` })}
        className="inline-flex cursor-pointer list-none items-center gap-1 rounded text-xs font-medium text-accent underline-offset-4 hover:underline [&::-webkit-details-marker]:hidden"
      >
        {t("details")}
        <svg
          viewBox="0 0 16 16"
          className="size-3 transition-transform group-open:rotate-180"
          fill="none"
          stroke="currentColor"
          strokeWidth="1.75"
          aria-hidden="true"
        >
          <path d="m4 6 4 4 4-4" />
        </svg>
      </summary>
      <dl className="mt-2 grid gap-x-4 gap-y-1.5 rounded-lg bg-sunken px-3 py-2.5 text-xs sm:grid-cols-[auto_1fr]">
        <Fact name={t(amount < 0 ? "drained" : "filled")}>
          <ul className="grid gap-1">
            {allocations.map((part) => (
              <li key={part.batchId}>
                <span className="font-medium">
                  {t("part", {
                    amount: format.number(part.amount),
                    source: format.type(part.grantedBy),
                  })}
                </span>
                <span className="text-ink-soft">
                  {" · "}
                  {t("partLeft", { left: format.number(part.batchRemaining) })}
                  {" · "}
                  {part.batchExpiresAt === null ? tBatch("never") : format.dateText(part.batchExpiresAt)}
                </span>
              </li>
            ))}
          </ul>
        </Fact>
        {reversedAmount !== null && reversedAmount > 0 && (
          <Fact name={t("givenBack")}>{format.number(reversedAmount)}</Fact>
        )}
        <Fact name={t("balanceAfter")}>{format.number(availableAfter)}</Fact>
        <Fact name={t("number")}>{format.number(sequence)}</Fact>
        <Fact name={t("reference")}>
          <span className="font-mono break-all">{id}</span>
        </Fact>
      </dl>
    </details>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-ink-soft">{name}</dt>
      <dd className="tabular-nums">{children}</dd>
    </>
  );
}
