import Link from "next/link";
import { buttonStyle } from "@/components/button-style";
import { formatAmount, formatInstant, formatType } from "@/components/format";
import type { UserTransactions } from "@/credits/actions";

/** One page of a user's history, with links to the pages beside it. */
export function HistoryTable({ history }: { history: UserTransactions }) {
  if (history.total === 0) {
    return (
      <p className="rounded-lg bg-sunken px-4 py-8 text-center text-sm text-ink-soft">
        Nothing has happened yet. Credits you get and spend will show up here.
      </p>
    );
  }
  return (
    <>
      <table className="w-full text-sm">
        <thead className="text-left text-ink-soft">
          <tr className="border-b border-line">
            <th scope="col" className="pb-2 font-medium">
              What
            </th>
            <th scope="col" className="hidden pb-2 font-medium sm:table-cell">
              When
            </th>
            <th scope="col" className="pb-2 text-right font-medium">
              Credits
            </th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {history.items.map((item) => (
            <tr key={item.id} className="align-top">
              <td className="py-3 pr-4">
                <span className="font-medium">{formatType(item.type)}</span>
                {item.description && (
                  <span className="block break-words text-ink-soft">{item.description}</span>
                )}
                <span className="mt-0.5 block text-xs sm:hidden">{formatInstant(item.createdAt)}</span>
              </td>
              <td className="hidden py-3 pr-4 whitespace-nowrap sm:table-cell">
                {formatInstant(item.createdAt)}
              </td>
              <td
                className={`py-3 text-right font-medium tabular-nums ${item.amount > 0 ? "text-gain" : ""}`}
              >
                {formatAmount(item.amount)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {history.pageCount > 1 && <Pages pageIndex={history.pageIndex} pageCount={history.pageCount} />}
    </>
  );
}

function Pages({ pageIndex, pageCount }: { pageIndex: number; pageCount: number }) {
  const page = pageIndex + 1;
  return (
    <nav aria-label="Pages of the history" className="mt-4 flex items-center justify-between gap-2">
      <PageLink page={page - 1} pageCount={pageCount} rel="prev">
        Newer
      </PageLink>
      <span className="text-sm text-ink-soft tabular-nums">
        Page {page} of {pageCount}
      </span>
      <PageLink page={page + 1} pageCount={pageCount} rel="next">
        Older
      </PageLink>
    </nav>
  );
}

function PageLink({
  page,
  pageCount,
  rel,
  children,
}: {
  page: number;
  pageCount: number;
  rel: "prev" | "next";
  children: string;
}) {
  // An empty place of the same width, so that the other two stay where they are.
  if (page < 1 || page > pageCount) return <span aria-hidden="true" className="w-20" />;
  return (
    <Link
      href={`/app/credits?page=${page}`}
      rel={rel}
      scroll={false}
      className={`${buttonStyle("secondary")} w-20`}
    >
      {children}
    </Link>
  );
}
