import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { Tabs } from "@/components/tabs";

export default async function CreditsLayout({ children }: { children: ReactNode }) {
  const t = await getTranslations("credits");
  return (
    <main id="content" className="mx-auto w-full max-w-6xl flex-1 px-4 py-8 sm:px-6 sm:py-10">
      <h1 className="text-2xl font-semibold tracking-tight">{t("title")}</h1>
      <Tabs
        label={t("tabs.label")}
        tabs={[
          { href: "/app/credits", name: t("tabs.overview") },
          { href: "/app/credits/usage", name: t("tabs.usage") },
          { href: "/app/credits/history", name: t("tabs.history") },
        ]}
      />
      <div className="mt-6 grid gap-4 sm:gap-6">{children}</div>
    </main>
  );
}
