import Link from "next/link";
import { useTranslations } from "next-intl";
import { buttonStyle } from "@/components/button-style";
import { SiteFooter } from "@/components/site-footer";
import { SiteHeader } from "@/components/site-header";

export default function NotFound() {
  const t = useTranslations("common");
  return (
    <>
      <SiteHeader />
      <main id="content" className="mx-auto w-full max-w-sm flex-1 px-4 py-20 text-center">
        <h1 className="text-2xl font-semibold tracking-tight">{t("notFoundTitle")}</h1>
        <p className="mt-2 mb-8 text-sm text-ink-soft">{t("notFoundText")}</p>
        <Link href="/" className={buttonStyle("secondary")}>
          {t("notFoundBack")}
        </Link>
      </main>
      <SiteFooter />
    </>
  );
}
