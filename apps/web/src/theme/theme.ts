/** How the pages look; `system` follows the reader's device. */
export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

/** The cookie that remembers what a reader chose: the server renders it, so that nothing flashes and no script is needed. */
export const themeCookie = "theme";

export function readTheme(value: string | undefined): Theme {
  return themes.find((theme) => theme === value) ?? "system";
}
