import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getSignedIn } from "@/auth/session";
import { Card } from "@/components/card";
import { Notice } from "@/components/notice";
import { getUserCreditsInfo, getUserTransactions } from "@/credits/queries";
import { giveRegistrationBonus } from "@/credits/registration-bonus";
import { HistoryTable } from "./history-table";
import { Overview } from "./overview";
import { SpendCard } from "./spend-card";

export const metadata: Metadata = { title: "Credits" };

const pageSize = 10;

interface CreditsPageProps {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export default async function CreditsPage({ searchParams }: CreditsPageProps) {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  const { userId } = signedIn;
  const pageIndex = readPageIndex((await searchParams).page);

  let history = await getUserTransactions({ userId, pageIndex, pageSize });
  if (history.data?.total === 0) {
    // A user without any row either signed up while the ledger was out of reach or gets no bonus: asking again is safe.
    await giveRegistrationBonus(userId);
    history = await getUserTransactions({ userId, pageIndex, pageSize });
  }
  if (history.data && pageIndex > 0 && pageIndex >= history.data.pageCount) {
    redirect(`/app/credits?page=${Math.max(history.data.pageCount, 1)}`);
  }
  const info = await getUserCreditsInfo({ userId });

  return (
    <main className="mx-auto w-full max-w-6xl flex-1 px-4 py-8 sm:px-6 sm:py-10">
      <h1 className="text-2xl font-semibold tracking-tight">Credits</h1>
      <div className="mt-6 grid gap-4 sm:gap-6">
        {info.data ? <Overview info={info.data} /> : <Notice>{info.serverError}</Notice>}
        <div className="grid items-start gap-4 sm:gap-6 lg:grid-cols-5">
          <div className="lg:order-last lg:col-span-2">
            <SpendCard />
          </div>
          <div className="lg:col-span-3">
            <Card title="History" note="Newest first. Times are in UTC.">
              {history.data ? (
                <HistoryTable history={history.data} />
              ) : (
                <Notice>{history.serverError}</Notice>
              )}
            </Card>
          </div>
        </div>
      </div>
    </main>
  );
}

/** Pages are counted from 1 in the address and from 0 in the ledger; anything that is no page is the first. */
function readPageIndex(page: string | string[] | undefined): number {
  const number = typeof page === "string" && /^[1-9]\d{0,8}$/.test(page) ? Number(page) : 1;
  return number - 1;
}
