import "server-only";
import { readEnvironment } from "@/env";

/**
 * A secret that was just made, on its way to the page that shows it. In a cookie of that page alone, which no script reads and which
 * is gone after a minute: an address would keep it in histories and logs.
 */
export const shownOnceCookie = "shown-once";

const seconds = 60;

/** Adds the secret to a response that leads to the page. */
export function showOnce(response: Response, path: string, kind: "key" | "secret", secret: string): Response {
  const secure = readEnvironment().BETTER_AUTH_URL?.startsWith("https://") ? "; Secure" : "";
  response.headers.append(
    "set-cookie",
    `${shownOnceCookie}=${kind}.${encodeURIComponent(secret)}; Path=${path}; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`,
  );
  return response;
}

/** What the cookie says. */
export function readShownOnce(value: string | undefined): { kind: "key" | "secret"; secret: string } | null {
  const [, kind, secret] = /^(key|secret)\.(\S+)$/.exec(value ?? "") ?? [];
  if (secret === undefined) return null;
  return { kind: kind === "key" ? "key" : "secret", secret };
}
