import type { Metadata } from "next";
import Link from "next/link";
import { useTranslations } from "next-intl";
import { getTranslations } from "next-intl/server";
import { CredentialsForm } from "../credentials-form";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("auth"))("signIn") };
}

export default function SignInPage() {
  const t = useTranslations("auth");
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">{t("signIn")}</h1>
      <p className="mt-2 text-sm text-ink-soft">
        {t("noAccount")}{" "}
        <Link
          href="/sign-up"
          className="rounded font-medium whitespace-nowrap text-accent underline underline-offset-4"
        >
          {t("createOne")}
        </Link>
      </p>
      <CredentialsForm purpose="sign-in" />
    </>
  );
}
