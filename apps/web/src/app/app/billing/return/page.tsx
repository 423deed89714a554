import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { getSignedIn } from "@/auth/session";
import { getUserCreditsInfo } from "@/credits/queries";
import { getCredits } from "@/credits/server";
import { ClientMessages } from "@/i18n/client-messages";
import { Waiting } from "./waiting";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("billing"))("thanks") };
}

/** A payment counts from here on if the provider's clock is a little behind, in milliseconds. */
const recentMs = 10 * 60_000;

/** Where a buyer comes back to. It waits for the provider's webhook, and grants nothing itself. */
export default async function ReturnPage() {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  const { userId } = signedIn;
  const [payment] = await (await getCredits()).getPayments({ userId });
  const info = await getUserCreditsInfo({ userId });
  const isThere = payment !== undefined && Date.now() - payment.createdAt.getTime() < recentMs;
  return (
    <main
      id="content"
      className="mx-auto grid w-full max-w-xl flex-1 content-start gap-6 px-4 py-12 sm:py-20"
    >
      <ClientMessages namespaces={["billing", "common"]}>
        <Waiting
          isThere={isThere}
          credits={isThere ? payment.credits : null}
          balance={info.data?.availableCredits ?? 0}
        />
      </ClientMessages>
    </main>
  );
}
