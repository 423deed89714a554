/** The languages of the pages, by BCP 47 tag; the first is for readers whose own is none of them. */
export const locales = ["en", "zh-CN"] as const;
export type Locale = (typeof locales)[number];

/** What each calls itself. */
export const localeNames: Readonly<Record<Locale, string>> = { en: "English", "zh-CN": "简体中文" };

/** The cookie that remembers what a reader chose. */
export const localeCookie = "locale";

export function isLocale(value: unknown): value is Locale {
  return locales.some((locale) => locale === value);
}

/** What a reader chose, else the first of the browser's languages that the pages speak, else English. */
export function chooseLocale(chosen: string | undefined, acceptLanguage: string | null): Locale {
  if (isLocale(chosen)) return chosen;
  const wanted = (acceptLanguage ?? "").split(",").map((entry) => {
    const [tag = "", ...parameters] = entry.trim().toLowerCase().split(";");
    const quality = Number(parameters.find((text) => text.trim().startsWith("q="))?.split("=")[1] ?? 1);
    return { language: tag.split("-")[0], quality };
  });
  // Stable: of equal wishes the one named first.
  for (const { language, quality } of wanted.sort((a, b) => b.quality - a.quality)) {
    const spoken = quality > 0 && locales.find((locale) => locale.split("-")[0] === language);
    if (spoken) return spoken;
  }
  return locales[0];
}
