import type { Metadata } from "next";
import Link from "next/link";
import { notFound, redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { actionsBehind, actionsOn } from "@/admin/action";
import { logRead, requireAdmin } from "@/admin/admin";
import { userPath } from "@/admin/path";
import { accountOf, isId } from "@/admin/users";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { Pages } from "@/components/pages";
import { getCredits } from "@/credits/server";
import { readPageIndex, type SearchParameters } from "@/history/filter";
import { getFormat } from "@/i18n/format";
import { Activity } from "../../activity";
import { Outcome } from "../../outcome";
import { StatusBadge } from "../../status-badge";
import { AdjustForm } from "./adjust-form";
import { Batches, Holds } from "./batches";
import { Payments } from "./payments";
import { StatusForm } from "./status-form";
import { TransactionList } from "./transaction-list";

interface UserPageProps {
  params: Promise<{ id: string }>;
  searchParams: Promise<SearchParameters>;
}

export async function generateMetadata(): Promise<Metadata> {
  await requireAdmin();
  return { title: (await getTranslations("admin.users"))("user") };
}

const pageSize = 25;

export default async function UserPage({ params, searchParams }: UserPageProps) {
  const admin = await requireAdmin();
  const userId = decodeURIComponent((await params).id);
  if (!isId(userId)) notFound();
  const parameters = await searchParams;
  logRead(admin, userId);
  const t = await getTranslations("admin.user");
  const format = await getFormat();
  const credits = await getCredits();
  const account = await accountOf(userId);
  const wallet = await credits.getWallet({ userId });
  if (account === null && wallet === null) notFound();

  const pageIndex = readPageIndex(parameters.page);
  const path = userPath(userId);
  const [info, holds, subscription, payments, statement, actions] = [
    await credits.getInfo({ userId }),
    await credits.getHolds({ userId }),
    await credits.getSubscription({ userId }),
    await credits.getPayments({ userId }),
    await credits.getStatement({ userId, pageIndex, pageSize }),
    await actionsOn(userId),
  ];
  const actionsBehindEntries = await actionsBehind(
    userId,
    statement.entries.map(({ id }) => id),
  );
  const pageCount = Math.max(1, Math.ceil((statement.total ?? 0) / pageSize));
  if (pageIndex >= pageCount) redirect(`${path}?page=${pageCount}`);
  const figures = [
    { name: t("available"), value: info.availableCredits },
    { name: t("held"), value: info.heldCredits },
    { name: t("debt"), value: info.debt },
    { name: t("transactions"), value: wallet?.transactionCount ?? 0 },
  ];
  return (
    <>
      <Link
        href="/admin/users"
        className="justify-self-start rounded text-sm font-medium text-accent underline-offset-4 hover:underline"
      >
        ← {t("back")}
      </Link>
      <Outcome parameters={parameters} />
      <section className="rounded-xl border border-line bg-surface p-5 sm:p-6">
        <div className="flex flex-wrap items-center justify-between gap-3">
          <div className="min-w-0">
            <h2 className="flex flex-wrap items-center gap-3 text-lg font-semibold tracking-tight break-all">
              {account?.email ?? userId}
              <StatusBadge status={wallet?.status ?? null} />
            </h2>
            <p className="mt-1 font-mono text-xs break-all text-ink-soft">{userId}</p>
            <p className="mt-1 text-sm text-ink-soft">
              {subscription === null
                ? t("noPlan")
                : t(
                    subscription.cancelsAtPeriodEnd || subscription.status === "canceled"
                      ? "planEnds"
                      : "planRenews",
                    {
                      plan: subscription.planId,
                      date: format.dateText(subscription.currentPeriodEnd),
                    },
                  )}
            </p>
          </div>
          <div className="flex gap-3">
            {wallet !== null && (
              <Link href={`${path}/explain`} className={buttonStyle("secondary")}>
                {t("explain")}
              </Link>
            )}
            <a href="#adjust" className={`${buttonStyle("secondary")} lg:hidden`}>
              {t("toAdjust")}
            </a>
          </div>
        </div>
        <dl className="mt-5 grid grid-cols-2 gap-x-6 gap-y-4 sm:grid-cols-4">
          {figures.map(({ name, value }) => (
            <div key={name}>
              <dt className="text-sm text-ink-soft">{name}</dt>
              <dd className="mt-1 text-2xl font-semibold tracking-tight tabular-nums">
                {format.number(value)}
              </dd>
            </div>
          ))}
        </dl>
      </section>
      <div className="grid items-start gap-4 sm:gap-6 lg:grid-cols-5">
        <div className="grid min-w-0 gap-4 sm:gap-6 lg:col-span-3">
          <Batches batches={wallet?.batches ?? []} />
          <Holds holds={holds} />
          <Payments payments={payments} />
          <Card title={t("history")}>
            {statement.entries.length === 0 ? (
              <p className="text-sm text-ink-soft">{t("noWallet")}</p>
            ) : (
              <TransactionList
                userId={userId}
                entries={statement.entries}
                actions={actionsBehindEntries}
                parameters={parameters}
              />
            )}
            <Pages
              label={t("pages")}
              pageIndex={pageIndex}
              pageCount={pageCount}
              hrefOf={(page) => `${path}?page=${page}`}
            />
          </Card>
        </div>
        <div id="adjust" className="grid min-w-0 scroll-mt-6 gap-4 sm:gap-6 lg:col-span-2">
          <AdjustForm userId={userId} parameters={parameters} />
          {wallet !== null && wallet.status !== "closed" && (
            <StatusForm userId={userId} isFrozen={wallet.status === "frozen"} parameters={parameters} />
          )}
          <Activity title={t("activity")} actions={actions} />
        </div>
      </div>
    </>
  );
}
