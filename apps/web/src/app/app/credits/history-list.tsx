import type { StatementEntry } from "creditkit";
import { useLocale, useMessages } from "next-intl";
import { HistoryTable } from "@/components/credits/history-table";

/** Rows of a history, in the reader's language. */
export function HistoryList({ entries }: { entries: readonly StatementEntry[] }) {
  const messages = useMessages();
  const locale = useLocale();
  if (entries.length === 0) return <Empty>{messages.credits.history.empty}</Empty>;
  return (
    <HistoryTable
      entries={entries}
      locale={locale}
      labels={messages.credits.entry}
      types={messages.common.transactionTypes}
      services={messages.credits.services}
    />
  );
}

export function Empty({ children }: { children: string }) {
  return <p className="rounded-lg bg-sunken px-4 py-8 text-center text-sm text-ink-soft">{children}</p>;
}
