"use client";

import { useTranslations } from "next-intl";
import { buttonStyle } from "@/components/button-style";

export default function ErrorPage({ reset }: { reset: () => void }) {
  const t = useTranslations("common");
  return (
    <main id="content" className="mx-auto w-full max-w-sm flex-1 px-4 py-20 text-center">
      <h1 className="text-2xl font-semibold tracking-tight">{t("errorTitle")}</h1>
      <p className="mt-2 mb-8 text-sm text-ink-soft">{t("errorText")}</p>
      <button type="button" onClick={reset} className={buttonStyle("primary")}>
        {t("errorAgain")}
      </button>
    </main>
  );
}
