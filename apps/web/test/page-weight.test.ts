import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isWithoutBrowser, launchBrowser } from "./browser.ts";
import { builtPages, measuredPages, scriptBytes, serverMilliseconds } from "./page-weight.ts";
import { Visitor } from "./visitor.ts";
import { appDirectory, startWebServer, temporaryDirectory, type WebServer } from "./web-server.ts";

/** Kilobytes (1 000 bytes) of compressed JavaScript that a first visit may transfer. */
const budgets: Record<string, number> = JSON.parse(
  readFileSync(join(appDirectory, "page-budget.json"), "utf8"),
);

/** Set, the report is written anew; the budget is never written by a program. */
const isReport = process.env.PAGE_WEIGHT_REPORT !== undefined;
const reportFile = join(appDirectory, "../../docs/reference/page-weight.md");

describe.skipIf(isWithoutBrowser)("the JavaScript of each page", () => {
  const directory = temporaryDirectory();
  let server: WebServer;
  let browser: Browser;
  let visitors: Record<"visitor" | "user" | "admin", Visitor>;
  let order = "";

  beforeAll(async () => {
    const variables = { DATA_DIR: directory.path, PAYMENTS_DEMO: "allow" };
    const first = await startWebServer(variables);
    const admin = new Visitor(first.url);
    await admin.signUp();
    await first.stop();
    server = await startWebServer({ ...variables, ADMIN_EMAILS: admin.email });
    visitors = {
      visitor: new Visitor(server.url),
      user: new Visitor(server.url),
      admin: new Visitor(server.url, admin.email),
    };
    await visitors.admin.signIn();
    const { user } = visitors;
    await user.signUp();
    await user.draw("a harbour");
    const checkout = async (priceId: string) => {
      const response = await user.fetch("/api/checkout", {
        method: "POST",
        body: new URLSearchParams({ priceId }),
      });
      return new URL(response.headers.get("location") ?? "").searchParams.get("order") ?? "";
    };
    const plan = await checkout("price_pro_monthly");
    await user.fetch("/api/demo-pay", {
      method: "POST",
      body: new URLSearchParams({ order: plan, decision: "pay" }),
    });
    order = await checkout("price_credits_lite");
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    directory.remove();
  });

  test("is measured for every page of the build, and each has a budget", () => {
    expect(Object.keys(measuredPages).sort()).toEqual(builtPages());
    expect(Object.keys(budgets).sort()).toEqual(builtPages());
  });

  test("stays within its budget", async () => {
    const rows: string[] = [];
    const over: string[] = [];
    for (const [page, { path, as }] of Object.entries(measuredPages)) {
      const address = path.replace(":user", visitors.user.userId).replace(":order", order);
      const kilobytes = (await scriptBytes(browser, `${server.url}${address}`, visitors[as].cookies)) / 1_000;
      const budget = budgets[page] ?? 0;
      if (kilobytes > budget) over.push(`${page}: ${Math.round(kilobytes)} of ${budget} kB`);
      if (isReport) {
        const time = await serverMilliseconds(visitors[as], address);
        rows.push(
          `| \`${path.split("?")[0]}\` | ${Math.round(kilobytes)} | ${budget} | ${time.toFixed(1)} |`,
        );
      }
    }
    if (isReport) writeFileSync(reportFile, reportOf(rows));
    expect(over).toEqual([]);
  }, 180_000);
});

function reportOf(rows: readonly string[]): string {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const [cpu] = cpus();
  return `# What a page weighs

JavaScript that a first visit with an empty cache transfers, compressed as the server sends it, with what loads later on the page and what it
fetches ahead for its links; in kilobytes of 1 000 bytes. CI fails when a page weighs more than its budget (\`apps/web/page-budget.json\`), and
when a page has none. The server's time is from the request to the end of the answer, the median of nine visits to a warm server on the
embedded database; it is measured and never asserted.

Measured at commit ${commit} on ${cpus().length} × ${cpu?.model.trim()}, Node ${process.version}:

\`\`\`sh
PAGE_WEIGHT_REPORT=1 npx vitest run --project web page-weight
\`\`\`

| page | JavaScript, kB | budget, kB | server, ms |
|---|---|---|---|
${rows.join("\n")}

The chart of the usage page (recharts) comes after the page, on that page alone. The chat carries the AI SDK.
`;
}
