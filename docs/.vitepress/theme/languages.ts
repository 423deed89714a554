import { useData } from "vitepress";
import { computed } from "vue";
import type { Theme } from "../config.ts";

/**
 * Where the language menu leads: to the same page, if there is a translation, else to the language's start page. The
 * theme's own version leads to pages that do not exist.
 */
export function useLangs({ correspondingLink = false } = {}) {
  const { site, theme, page, localeIndex, hash } = useData<Theme>();
  const home = (index: string) => (index === "root" ? "/" : `/${index}/`);
  const currentLang = computed(() => ({
    label: site.value.locales[localeIndex.value]?.label,
    link: home(localeIndex.value),
  }));
  const localeLinks = computed(() => {
    const path = `/${page.value.relativePath}`.slice(home(localeIndex.value).length);
    const isTranslated = correspondingLink && theme.value.translated.includes(path);
    const rest = isTranslated ? path.replace(/(^|\/)index\.md$/, "$1").replace(/\.md$/, ".html") : "";
    return Object.entries(site.value.locales)
      .filter(([index]) => index !== localeIndex.value)
      .map(([index, { label }]) => ({
        text: label,
        link: `${home(index)}${rest}${isTranslated ? hash.value : ""}`,
      }));
  });
  return { localeLinks, currentLang };
}
