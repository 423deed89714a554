import Link from "next/link";
import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { SignOutButton } from "@/app/app/sign-out-button";
import { getSignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { SiteHeader } from "@/components/site-header";
import { Tabs } from "@/components/tabs";

export default async function AdminLayout({ children }: { children: ReactNode }) {
  const admin = await getSignedIn();
  // The page says what others see of it: nothing.
  if (!admin?.isAdmin) return children;
  const t = await getTranslations("admin");
  const tCredits = await getTranslations("credits");
  return (
    <>
      <SiteHeader>
        <span className="max-w-36 truncate text-sm text-ink-soft max-sm:hidden lg:max-w-64">
          {admin.email}
        </span>
        <Link href="/app/credits" className={buttonStyle("quiet")}>
          {tCredits("title")}
        </Link>
        <SignOutButton />
      </SiteHeader>
      <main id="content" className="mx-auto w-full max-w-6xl flex-1 px-4 py-8 sm:px-6 sm:py-10">
        <h1 className="text-2xl font-semibold tracking-tight">{t("title")}</h1>
        <Tabs
          label={t("tabs.label")}
          tabs={[
            { href: "/admin", name: t("tabs.overview") },
            { href: "/admin/users", name: t("tabs.users") },
            { href: "/admin/jobs", name: t("tabs.jobs") },
            { href: "/admin/events", name: t("tabs.events") },
            { href: "/admin/api", name: t("tabs.api") },
          ]}
        />
        <div className="mt-6 grid gap-4 sm:gap-6">{children}</div>
      </main>
    </>
  );
}
