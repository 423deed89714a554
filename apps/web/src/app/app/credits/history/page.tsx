import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { Icon } from "@/components/icon";
import { Notice } from "@/components/notice";
import { Pages } from "@/components/pages";
import { historyHref, readFilter, readPageIndex, type SearchParameters } from "@/history/filter";
import { readHistory } from "@/history/read";
import { Empty, HistoryList } from "../history-list";
import { ActiveFilters, FilterForm } from "./filter-form";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("credits.history"))("title") };
}

const pageSize = 10;
const path = "/app/credits/history";

export default async function HistoryPage({ searchParams }: { searchParams: Promise<SearchParameters> }) {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  const parameters = await searchParams;
  const t = await getTranslations("credits.history");
  const filter = readFilter(parameters);
  const pageIndex = readPageIndex(parameters.page);
  const statement = await readHistory(signedIn.userId, filter, { pageIndex, pageSize });
  const pageCount = Math.max(1, Math.ceil((statement?.total ?? 0) / pageSize));
  if (statement && pageIndex >= pageCount) redirect(historyHref(path, filter, pageCount));
  const isFiltered = Object.keys(filter).length > 0;

  return (
    <Card title={t("title")} note={t("note")}>
      <div className="grid gap-4">
        <FilterForm filter={filter} path={path} />
        <div className="flex flex-wrap items-center justify-between gap-3">
          <ActiveFilters filter={filter} path={path} />
          <a
            href={historyHref("/api/credits/history.csv", filter)}
            download
            className={`${buttonStyle("secondary")} ml-auto`}
          >
            <Icon name="download" />
            {t("export")}
          </a>
        </div>
        {statement === null ? (
          <Unavailable />
        ) : statement.entries.length === 0 && isFiltered ? (
          <div className="grid justify-items-center gap-3">
            <Empty>{t("noMatch")}</Empty>
            <Link href={path} className={buttonStyle("secondary")}>
              {t("clear")}
            </Link>
          </div>
        ) : (
          <HistoryList entries={statement.entries} />
        )}
        {statement !== null && (
          <Pages
            label={t("pages")}
            pageIndex={pageIndex}
            pageCount={pageCount}
            hrefOf={(page) => historyHref(path, filter, page)}
          />
        )}
      </div>
    </Card>
  );
}

async function Unavailable() {
  return <Notice>{(await getTranslations("credits"))("unavailable")}</Notice>;
}
