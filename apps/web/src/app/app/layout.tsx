import { CreditsProvider } from "creditkit/react";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { SiteHeader } from "@/components/site-header";
import { creditsConfig } from "@/config/credits";
import { getUserCreditsInfo } from "@/credits/queries";
import { LowBalanceNotice } from "./low-balance";
import { Sections } from "./sections";
import { SignOutButton } from "./sign-out-button";

export default async function SignedInLayout({ children }: { children: ReactNode }) {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  const t = await getTranslations("admin");
  const tNotices = await getTranslations("credits.notices");
  const { data } = await getUserCreditsInfo({ userId: signedIn.userId });
  const { lowBalance } = creditsConfig.limitations;
  return (
    <CreditsProvider url="/api/credits/balance" initial={data}>
      <SiteHeader sections={<Sections />}>
        <span className="max-w-36 truncate text-sm text-ink-soft md:hidden lg:inline lg:max-w-64">
          {signedIn.email}
        </span>
        {signedIn.isAdmin && (
          <Link href="/admin" className={buttonStyle("quiet")}>
            {t("title")}
          </Link>
        )}
        <SignOutButton />
      </SiteHeader>
      {lowBalance !== undefined && (
        <LowBalanceNotice
          below={lowBalance}
          labels={{
            low: tNotices.raw("low"),
            empty: tNotices.raw("empty"),
            lowAction: tNotices("lowAction"),
          }}
        />
      )}
      {children}
    </CreditsProvider>
  );
}
