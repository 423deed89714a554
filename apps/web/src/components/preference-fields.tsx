import { useTranslations } from "next-intl";
import { buttonStyle } from "@/components/button-style";
import { Field, fieldStyle } from "@/components/field";
import { type Locale, localeNames, locales } from "@/i18n/locale";
import { type Theme, themes } from "@/theme/theme";

/** The choices of a reader, and the button that keeps them. */
export function PreferenceFields({ locale, theme }: { locale: Locale; theme: Theme }) {
  const t = useTranslations("settings");
  return (
    <>
      <Field label={t("language")}>
        {(id) => (
          <select id={id} name="locale" defaultValue={locale} className={fieldStyle}>
            {locales.map((one) => (
              <option key={one} value={one} lang={one}>
                {localeNames[one]}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label={t("theme")}>
        {(id) => (
          <select id={id} name="theme" defaultValue={theme} className={fieldStyle}>
            {themes.map((one) => (
              <option key={one} value={one}>
                {t(`themes.${one}`)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <button type="submit" className={buttonStyle("secondary")}>
        {t("save")}
      </button>
    </>
  );
}
