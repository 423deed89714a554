import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { Notice } from "@/components/notice";
import type { SearchParameters } from "@/history/filter";
import { readUsage } from "@/usage/read";
import { readRange, usageRanges } from "@/usage/summary";
import { UsageChart } from "./usage-chart";
import { UsageFigures } from "./usage-figures";
import { ServiceTable, UsageTable } from "./usage-tables";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("credits.tabs"))("usage") };
}

export default async function UsagePage({ searchParams }: { searchParams: Promise<SearchParameters> }) {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  const range = readRange((await searchParams).days);
  const t = await getTranslations("credits.usage");
  const summary = await readUsage(signedIn.userId, range);

  return (
    <>
      <nav
        aria-label={t("range")}
        className="flex gap-1 justify-self-start rounded-lg border border-line bg-sunken p-1"
      >
        {usageRanges.map((days) => (
          <Link
            key={days}
            href={`/app/credits/usage?days=${days}`}
            aria-current={days === range ? "true" : undefined}
            className="rounded-md px-3 py-1.5 text-sm font-medium text-ink-soft hover:text-ink aria-[current=true]:bg-surface aria-[current=true]:text-ink aria-[current=true]:shadow-xs"
          >
            {t("days", { days })}
          </Link>
        ))}
      </nav>
      {summary === null ? (
        <Unavailable />
      ) : (
        <>
          <UsageFigures summary={summary} range={range} />
          <div className="grid items-start gap-4 sm:gap-6 lg:grid-cols-3">
            <div className="min-w-0 lg:col-span-2">
              <Card title={t("title")} note={t("note")}>
                {summary.total === 0 ? (
                  <div className="grid justify-items-center gap-4 rounded-lg bg-sunken px-4 py-12 text-sm text-ink-soft">
                    {t("empty", { days: range })}
                    <Link href="/app/ai/chat" className={buttonStyle("secondary")}>
                      {t("emptyAction")}
                    </Link>
                  </div>
                ) : (
                  <>
                    <UsageChart summary={summary} range={range} />
                    <UsageTable summary={summary} />
                  </>
                )}
              </Card>
            </div>
            <Card title={t("services")}>
              <ServiceTable summary={summary} />
            </Card>
          </div>
        </>
      )}
    </>
  );
}

async function Unavailable() {
  return <Notice>{(await getTranslations("credits"))("unavailable")}</Notice>;
}
