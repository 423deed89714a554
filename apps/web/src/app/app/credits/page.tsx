import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getLocale, getMessages, getTranslations } from "next-intl/server";
import { getSignedIn } from "@/auth/session";
import { Card } from "@/components/card";
import { BalanceCard } from "@/components/credits/balance-card";
import { BatchList } from "@/components/credits/batch-list";
import { Notice } from "@/components/notice";
import { now } from "@/credits/now";
import { getUserCreditsInfo, getUserTransactions } from "@/credits/queries";
import { giveRegistrationBonus } from "@/credits/registration-bonus";
import { getCredits } from "@/credits/server";
import { readHistory } from "@/history/read";
import { ExpiryNotice } from "./expiry-notice";
import { HistoryList } from "./history-list";
import { SpendCard } from "./spend-card";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("credits"))("title") };
}

const recentEntries = 5;

export default async function CreditsPage() {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  const { userId } = signedIn;
  const t = await getTranslations("credits");

  const history = await getUserTransactions({ userId, pageSize: 1 });
  // A user without any row either signed up while the ledger was out of reach or gets no bonus: asking again is safe.
  if (history.data?.total === 0) await giveRegistrationBonus(userId);
  const info = await getUserCreditsInfo({ userId });
  const recent = await readHistory(userId, {}, { pageIndex: 0, pageSize: recentEntries });
  if (!info.data || recent === null) return <Notice>{t("unavailable")}</Notice>;
  const wallet = await (await getCredits()).getWallet({ userId });
  const messages = await getMessages();
  const shown = { now: now(), locale: await getLocale() };

  return (
    <>
      <ExpiryNotice expiring={info.data.nextExpiringBatch} />
      <BalanceCard info={info.data} labels={messages.credits.balance} {...shown} />
      <div className="grid items-start gap-4 sm:gap-6 lg:grid-cols-5">
        <div className="grid gap-4 sm:gap-6 lg:order-last lg:col-span-2">
          <SpendCard />
        </div>
        <div className="grid gap-4 sm:gap-6 lg:col-span-3">
          <Card title={t("batches.title")} note={t("batches.note")}>
            <BatchList
              batches={wallet?.batches ?? []}
              labels={messages.credits.batches}
              types={messages.common.transactionTypes}
              {...shown}
            />
          </Card>
          <Card title={t("recent.title")} note={t("history.note")}>
            <HistoryList entries={recent.entries} />
            {(recent.total ?? 0) > recentEntries && (
              <Link
                href="/app/credits/history"
                className="mt-4 inline-block rounded text-sm font-medium text-accent underline-offset-4 hover:underline"
              >
                {t("recent.all")}
              </Link>
            )}
          </Card>
        </div>
      </div>
    </>
  );
}
