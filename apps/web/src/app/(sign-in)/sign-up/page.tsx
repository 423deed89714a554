import type { Metadata } from "next";
import Link from "next/link";
import { useTranslations } from "next-intl";
import { getTranslations } from "next-intl/server";
import { creditsConfig, isRegistrationCreditsEnabled } from "@/config/credits";
import { CredentialsForm } from "../credentials-form";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("auth"))("create") };
}

export default function SignUpPage() {
  const t = useTranslations("auth");
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">{t("create")}</h1>
      {isRegistrationCreditsEnabled() && (
        <p className="mt-2 text-sm text-ink-soft">
          {t("startWith", { credits: creditsConfig.registration.amount })}
        </p>
      )}
      <p className="mt-2 text-sm text-ink-soft">
        {t("haveAccount")}{" "}
        <Link
          href="/sign-in"
          className="rounded font-medium whitespace-nowrap text-accent underline underline-offset-4"
        >
          {t("signIn")}
        </Link>
      </p>
      <CredentialsForm purpose="sign-up" />
    </>
  );
}
