import "server-only";
import { readEnvironment } from "@/env";

/**
 * The origins that a browser of this app may send from. With `BETTER_AUTH_URL` it is that one. Without it, it is the host
 * that the request itself was sent to: a page on another site can make a browser send its cookies here, but it can
 * change neither `Host` nor `X-Forwarded-Host`.
 */
export function ownOrigins(request: Request | undefined): string[] {
  const { BETTER_AUTH_URL } = readEnvironment();
  if (BETTER_AUTH_URL) return [new URL(BETTER_AUTH_URL).origin];
  const host = request?.headers.get("x-forwarded-host") ?? request?.headers.get("host");
  return host ? [`http://${host}`, `https://${host}`] : [];
}

/** Whether a request was sent by another site's page, as far as browsers tell. */
export function isForeign(request: Request): boolean {
  const origin = request.headers.get("origin");
  if (origin !== null) return !ownOrigins(request).includes(origin);
  const site = request.headers.get("sec-fetch-site");
  return site === "cross-site" || site === "same-site";
}
