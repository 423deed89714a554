import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import type { Visitor } from "./visitor.ts";
import { appDirectory } from "./web-server.ts";

/** Every page of the build, and where it is measured. A new page has to be added here: the test says so. */
export const measuredPages: Readonly<Record<string, { path: string; as: "visitor" | "user" | "admin" }>> = {
  "/page": { path: "/", as: "visitor" },
  "/pricing/page": { path: "/pricing", as: "visitor" },
  "/(sign-in)/sign-in/page": { path: "/sign-in", as: "visitor" },
  "/(sign-in)/sign-up/page": { path: "/sign-up", as: "visitor" },
  "/_not-found/page": { path: "/nowhere", as: "visitor" },
  "/app/credits/page": { path: "/app/credits", as: "user" },
  "/app/credits/usage/page": { path: "/app/credits/usage", as: "user" },
  "/app/credits/history/page": { path: "/app/credits/history", as: "user" },
  "/app/ai/chat/page": { path: "/app/ai/chat", as: "user" },
  "/app/ai/image/page": { path: "/app/ai/image", as: "user" },
  "/app/billing/page": { path: "/app/billing", as: "user" },
  "/app/billing/return/page": { path: "/app/billing/return", as: "user" },
  "/app/settings/page": { path: "/app/settings", as: "user" },
  "/demo-pay/page": { path: "/demo-pay?order=:order", as: "user" },
  "/demo-pay/portal/page": { path: "/demo-pay/portal", as: "user" },
  "/demo-pay/admin/page": { path: "/demo-pay/admin", as: "admin" },
  "/admin/page": { path: "/admin", as: "admin" },
  "/admin/users/page": { path: "/admin/users", as: "admin" },
  "/admin/users/[id]/page": { path: "/admin/users/:user", as: "admin" },
  "/admin/users/[id]/explain/page": { path: "/admin/users/:user/explain", as: "admin" },
  "/admin/jobs/page": { path: "/admin/jobs", as: "admin" },
  "/admin/events/page": { path: "/admin/events", as: "admin" },
  "/admin/api/page": { path: "/admin/api", as: "admin" },
};

/** The pages that the build has. */
export function builtPages(): string[] {
  const manifest = readFileSync(join(appDirectory, ".next/server/app-paths-manifest.json"), "utf8");
  return Object.keys(JSON.parse(manifest))
    .filter((route) => route.endsWith("/page") && route !== "/_global-error/page")
    .sort();
}

/** Bytes of JavaScript that a first visit to a page transfers, compressed as the server sends it; what comes later on the page included. */
export async function scriptBytes(browser: Browser, url: string, cookies: string): Promise<number> {
  const context = await browser.newContext({ extraHTTPHeaders: cookies === "" ? {} : { cookie: cookies } });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  const scripts = new Set<string>();
  let bytes = 0;
  session.on("Network.responseReceived", ({ requestId, response }) => {
    if (response.mimeType.includes("javascript")) scripts.add(requestId);
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (scripts.has(requestId)) bytes += encodedDataLength;
  });
  await page.goto(url, { waitUntil: "networkidle" });
  await context.close();
  return bytes;
}

const timedVisits = 9;

/** Milliseconds until the server has answered a page whole: the median of several, after one to warm it up. */
export async function serverMilliseconds(visitor: Visitor, path: string): Promise<number> {
  const times: number[] = [];
  for (let visit = 0; visit <= timedVisits; visit++) {
    const started = performance.now();
    await (await visitor.fetch(path)).text();
    if (visit > 0) times.push(performance.now() - started);
  }
  return times.sort((one, other) => one - other)[Math.floor(timedVisits / 2)] ?? 0;
}
