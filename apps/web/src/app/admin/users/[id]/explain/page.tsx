import type { Metadata } from "next";
import Link from "next/link";
import { notFound } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { logRead, requireAdmin } from "@/admin/admin";
import { type Explanation, explain } from "@/admin/explanation";
import { userPath } from "@/admin/path";
import { accountOf, isId } from "@/admin/users";
import { Card } from "@/components/card";
import { Notice } from "@/components/notice";
import { Pages } from "@/components/pages";
import { ScrollArea } from "@/components/scroll-area";
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
  const explanation = await explain(userId, {
    pageIndex: readPageIndex((await searchParams).page),
    pageSize,
  });
  if (explanation === null) notFound();
  const { entries, pageIndex, pageCount } = explanation;
  const t = await getTranslations("admin.explain");
  const tHistory = await getTranslations("credits.entry");
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
          <table className="w-full text-sm tabular-nums sm:min-w-lg">
            <thead className="text-left text-ink-soft">
              <tr className="border-b border-line">
                <th scope="col" className="pr-4 pb-2 font-medium max-sm:hidden">
                  {t("number")}
                </th>
                <th scope="col" className="pr-4 pb-2 font-medium max-sm:hidden">
                  {tHistory("when")}
                </th>
                <th scope="col" className="w-full pr-4 pb-2 font-medium">
                  {tHistory("what")}
                </th>
                <th scope="col" className="pb-2 text-right font-medium">
                  {tHistory("amount")}
                </th>
                <th scope="col" className="pb-2 pl-4 text-right font-medium whitespace-nowrap">
                  {t("running")}
                </th>
              </tr>
            </thead>
            <tbody className="divide-y divide-line">
              {entries.map(({ id, sequence, createdAt, type, description, amount, runningTotal }) => (
                <tr key={id} className="align-top">
                  <td className="py-2 pr-4 text-ink-soft max-sm:hidden">{format.number(sequence)}</td>
                  <td className="py-2 pr-4 max-sm:hidden">{format.instant(createdAt)}</td>
                  <td className="py-2 pr-4">
                    <span className="text-ink-soft sm:hidden">{format.number(sequence)}. </span>
                    {format.type(type)}
                    {description && <span className="block break-words text-ink-soft">{description}</span>}
                    <span className="block text-xs sm:hidden">{format.instant(createdAt)}</span>
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
        <div className="mt-4 empty:hidden">
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
      {pageIndex === pageCount - 1 && <Result explanation={explanation} />}
    </>
  );
}

/** From what all rows add up to, to what can be spent. */
async function Result({ explanation }: { explanation: Explanation }) {
  const t = await getTranslations("admin.explain");
  const format = await getFormat();
  const { all, expired, held, debt, available } = explanation;
  const lines = [
    { name: t("expired"), value: expired },
    { name: t("held"), value: held },
    { name: t("debt"), value: debt },
  ];
  return (
    <Card title={t("result")}>
      <dl className="grid max-w-sm gap-2 text-sm tabular-nums">
        <div className="flex justify-between gap-4">
          <dt className="text-ink-soft">{t("all")}</dt>
          <dd>{format.number(all)}</dd>
        </div>
        {lines.map(({ name, value }) => (
          <div key={name} className="flex justify-between gap-4">
            <dt className="text-ink-soft">{name}</dt>
            <dd>− {format.number(value)}</dd>
          </div>
        ))}
        <div className="flex justify-between gap-4 border-t border-line-strong pt-2 font-semibold">
          <dt>{t("available")}</dt>
          <dd data-testid="explained">{format.number(available)}</dd>
        </div>
      </dl>
      {!explanation.isExplained && (
        <div className="mt-4">
          <Notice>{t("differs")}</Notice>
        </div>
      )}
    </Card>
  );
}
