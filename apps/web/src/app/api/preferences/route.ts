import { readEnvironment } from "@/env";
import { isLocale, localeCookie } from "@/i18n/locale";
import { field, readOwnForm, redirectTo } from "@/security/form";
import { readTheme, themeCookie } from "@/theme/theme";

const yearSeconds = 365 * 24 * 60 * 60;

/** Keeps a reader's language and theme in this browser, and leads back to the page that asked. */
export async function POST(request: Request): Promise<Response> {
  const read = await readOwnForm(request);
  if (read instanceof Response) return read;
  const { form, origin } = read;
  const response = redirectTo(origin, ownPath(request.headers.get("referer"), origin));
  const secure = readEnvironment().BETTER_AUTH_URL?.startsWith("https://") ? "; Secure" : "";
  const keep = (name: string, value: string) =>
    response.headers.append(
      "set-cookie",
      `${name}=${value}; Path=/; Max-Age=${yearSeconds}; HttpOnly; SameSite=Lax${secure}`,
    );
  const locale = field(form, "locale");
  if (isLocale(locale)) keep(localeCookie, locale);
  if (form.has("theme")) keep(themeCookie, readTheme(field(form, "theme")));
  return response;
}

/** The page of this app that a form stood on; any other address leads to the start. */
function ownPath(referer: string | null, origin: string): string {
  if (referer === null || !URL.canParse(referer)) return "/";
  const url = new URL(referer);
  // Two slashes would begin with another host.
  return url.origin === new URL(origin).origin && !url.pathname.startsWith("//")
    ? url.pathname + url.search
    : "/";
}
