import { cookies } from "next/headers";
import { getLocale, getTranslations } from "next-intl/server";
import { PreferenceFields } from "@/components/preference-fields";
import { readTheme, themeCookie } from "@/theme/theme";

/** Where nobody is signed in, who has settings: in which language and in which colours. A plain form, which needs no script. */
export async function SiteFooter() {
  const t = await getTranslations("settings");
  const theme = readTheme((await cookies()).get(themeCookie)?.value);
  return (
    <footer className="border-t border-line">
      <form
        method="post"
        action="/api/preferences"
        aria-label={t("preferences")}
        className="mx-auto flex max-w-6xl flex-wrap items-end justify-end gap-3 px-4 py-4 sm:px-6"
      >
        <PreferenceFields locale={await getLocale()} theme={theme} />
      </form>
    </footer>
  );
}
