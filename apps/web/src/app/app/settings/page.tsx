import type { Metadata } from "next";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { getLocale, getTranslations } from "next-intl/server";
import { getSignedIn } from "@/auth/session";
import { Card } from "@/components/card";
import { PreferenceFields } from "@/components/preference-fields";
import { getFormat } from "@/i18n/format";
import { readTheme, themeCookie } from "@/theme/theme";
import { SignOutButton } from "../sign-out-button";
import { DeleteAccount } from "./delete-account";

interface SettingsPageProps {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("settings"))("title") };
}

export default async function SettingsPage({ searchParams }: SettingsPageProps) {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  const t = await getTranslations("settings");
  const format = await getFormat();
  const theme = readTheme((await cookies()).get(themeCookie)?.value);
  const facts = [
    { name: t("name"), value: signedIn.name },
    { name: t("email"), value: signedIn.email },
    { name: t("since"), value: format.dateText(signedIn.createdAt) },
  ];
  return (
    <main id="content" className="mx-auto w-full max-w-3xl flex-1 px-4 py-8 sm:px-6 sm:py-10">
      <h1 className="text-2xl font-semibold tracking-tight">{t("title")}</h1>
      <div className="mt-6 grid gap-4 sm:gap-6">
        <Card title={t("preferences")} note={t("preferencesNote")}>
          <form method="post" action="/api/preferences" className="flex flex-wrap items-end gap-3">
            <PreferenceFields locale={await getLocale()} theme={theme} />
          </form>
        </Card>
        <Card title={t("account")}>
          <dl className="grid gap-3 text-sm sm:grid-cols-[auto_1fr] sm:gap-x-6">
            {facts.map(({ name, value }) => (
              <div key={name} className="sm:contents">
                <dt className="text-ink-soft">{name}</dt>
                <dd className="min-w-0 break-words">{value}</dd>
              </div>
            ))}
          </dl>
          <div className="mt-4 -ml-4">
            <SignOutButton />
          </div>
        </Card>
        <DeleteAccount signedIn={signedIn} problem={(await searchParams).problem} />
      </div>
    </main>
  );
}
