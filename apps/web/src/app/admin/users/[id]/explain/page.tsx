import type { CreditsInfo, WalletDetails } from "creditkit";
import type { Metadata } from "next";
import Link from "next/link";
import { notFound } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { logRead, requireAdmin } from "@/admin/admin";
import { userPath } from "@/admin/reply";
import { accountOf, isId } from "@/admin/users";
import { Card } from "@/components/card";
import { Notice } from "@/components/notice";
import { Pages } from "@/components/pages";
import { ScrollArea } from "@/components/scroll-area";
import { getCredits } from "@/credits/server";
import { readPageIndex, type SearchParameters } from "@/history/filter";
import { getFormat } from "@/i18n/format";

interface ExplainPageProps {
  params: Promise<{ id: string }>;
  searchParams: Promise<SearchParameters>;
}

export async function generateMetadata(): Promise<Metadata> {
  await requireAdmin();
  return { title: (await getTranslations("admin.explain"))("title") };
}

const pageSize = 100;

export default async function ExplainPage({ params, searchParams }: ExplainPageProps) {
  const admin = await requireAdmin();
  const userId = decodeURIComponent((await params).id);
  if (!isId(userId)) notFound();
  logRead(admin, userId);
  const credits = await getCredits();
  const wallet = await credits.getWallet({ userId });
  if (wallet === null) notFound();
  const pageCount = Math.max(1, Math.ceil(wallet.transactionCount / pageSize));
  const pageIndex = Math.min(readPageIndex((await searchParams).page), pageCount - 1);
  const { entries } = await credits.getStatement({
    userId,
    oldestFirst: true,
    withRunningTotal: true,
    pageIndex,
    pageSize,
  });
  const info = await credits.getInfo({ userId });
  const t = await getTranslations("admin.explain");
  const tHistory = await getTranslations("credits.history");
  const format = await getFormat();
  const account = await accountOf(userId);
  return (
    <>
      <Link
        href={userPath(userId)}
        className="justify-self-start rounded text-sm font-medium break-all text-accent underline-offset-4 hover:underline"
      >
        ← {account?.email ?? userId}
      </Link>
      <Card title={t("title")} note={t("note")}>
        <ScrollArea label={t("title")}>
          <table className="w-full min-w-lg text-sm tabular-nums">
            <thead className="text-left text-ink-soft">
              <tr className="border-b border-line">
                <th scope="col" className="pr-4 pb-2 font-medium">
                  {t("number")}
                </th>
                <th scope="col" className="pr-4 pb-2 font-medium">
                  {tHistory("when")}
                </th>
                <th scope="col" className="pr-4 pb-2 font-medium">
                  {tHistory("what")}
                </th>
                <th scope="col" className="pb-2 text-right font-medium">
                  {tHistory("amount")}
                </th>
                <th scope="col" className="pb-2 pl-4 text-right font-medium">
                  {t("running")}
                </th>
              </tr>
            </thead>
            <tbody className="divide-y divide-line">
              {entries.map(({ id, sequence, createdAt, type, description, amount, runningTotal }) => (
                <tr key={id} className="align-top">
                  <td className="py-2 pr-4 text-ink-soft">{format.number(sequence)}</td>
                  <td className="py-2 pr-4">{format.instant(createdAt)}</td>
                  <td className="py-2 pr-4">
                    {format.type(type)}
                    {description && <span className="block break-words text-ink-soft">{description}</span>}
                  </td>
                  <td className={`py-2 text-right ${amount > 0 ? "text-gain" : ""}`}>
                    {format.signed(amount)}
                  </td>
                  <td className="py-2 pl-4 text-right font-medium">{format.number(runningTotal ?? 0)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollArea>
        <div className="mt-4">
          <Pages
            label={t("pages")}
            previous={t("earlier")}
            next={t("later")}
            pageIndex={pageIndex}
            pageCount={pageCount}
            hrefOf={(page) => `${userPath(userId)}/explain?page=${page}`}
          />
        </div>
      </Card>
      {pageIndex === pageCount - 1 && (
        <Result all={entries.at(-1)?.runningTotal ?? 0} wallet={wallet} info={info} />
      )}
    </>
  );
}

/** From what all rows add up to, to what can be spent. */
async function Result({ all, wallet, info }: { all: number; wallet: WalletDetails; info: CreditsInfo }) {
  const t = await getTranslations("admin.explain");
  const format = await getFormat();
  const expired = wallet.batches.reduce((sum, batch) => sum + (batch.expired ? batch.remaining : 0), 0);
  const { heldCredits, debt, availableCredits } = info;
  const lines = [
    { name: t("all"), value: format.number(all) },
    { name: t("expired"), value: format.signed(-expired) },
    { name: t("held"), value: format.signed(-heldCredits) },
    { name: t("debt"), value: format.signed(-debt) },
  ];
  // While a hold has timed out and that is not booked, it is neither held nor in its batch: the next operation books it.
  const isSettled = wallet.held === heldCredits;
  const isExplained = Math.max(0, all - expired - heldCredits - debt) === availableCredits;
  return (
    <Card title={t("result")}>
      <dl className="grid max-w-sm gap-2 text-sm tabular-nums">
        {lines.map(({ name, value }) => (
          <div key={name} className="flex justify-between gap-4">
            <dt className="text-ink-soft">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        <div className="flex justify-between gap-4 border-t border-line-strong pt-2 font-semibold">
          <dt>{t("available")}</dt>
          <dd data-testid="explained">{format.number(availableCredits)}</dd>
        </div>
      </dl>
      {isSettled && !isExplained && (
        <div className="mt-4">
          <Notice>{t("differs")}</Notice>
        </div>
      )}
    </Card>
  );
}
