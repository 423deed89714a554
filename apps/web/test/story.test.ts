import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { locales } from "@/i18n/locale";
import { messages } from "@/i18n/messages";
import { isWithoutBrowser, launchBrowser, password } from "./browser.ts";
import { Visitor } from "./visitor.ts";
import { startWebServer, temporaryDirectory, type WebServer } from "./web-server.ts";

/** Where the pictures of the README go; none are taken when it is not set. */
const pictureDirectory = process.env.STORY_PICTURES;

describe.skipIf(isWithoutBrowser)("the whole story in a browser", () => {
  const directory = temporaryDirectory();
  let server: WebServer;
  let browser: Browser;
  let admin: Visitor;

  beforeAll(async () => {
    const variables = { DATA_DIR: directory.path, PAYMENTS_DEMO: "allow" };
    const first = await startWebServer(variables);
    admin = new Visitor(first.url);
    await admin.signUp();
    await first.stop();
    server = await startWebServer({ ...variables, ADMIN_EMAILS: admin.email });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    directory.remove();
  });

  test.each(locales)(
    "in %s: sign up, bonus, buy, chat, history, CSV, adjust, explain; and no script or style is refused",
    async (locale) => {
      const t = messages[locale];
      const refused: string[] = [];
      const open = async (): Promise<[BrowserContext, Page]> => {
        const context = await browser.newContext({
          baseURL: server.url,
          viewport: { width: 1280, height: 860 },
          locale,
        });
        // What the content security policy kept from the page.
        await context.exposeFunction("noteRefused", (text: string) => refused.push(text));
        await context.addInitScript(() => {
          document.addEventListener("securitypolicyviolation", (event) => {
            (window as unknown as { noteRefused(text: string): void }).noteRefused(
              `${event.violatedDirective} ${event.blockedURI} on ${location.pathname}`,
            );
          });
        });
        const page = await context.newPage();
        page.on("pageerror", (error) => refused.push(`error ${error.message}`));
        return [context, page];
      };
      const picture = async (page: Page, name: string) => {
        if (!pictureDirectory) return;
        mkdirSync(pictureDirectory, { recursive: true });
        await page.screenshot({ path: join(pictureDirectory, `${name}-${locale}.png`) });
      };

      const [context, page] = await open();
      const email = `story-${locale.toLowerCase()}@example.com`;
      await page.goto("/");
      await expect.poll(() => page.locator("html").getAttribute("lang")).toBe(locale);
      await picture(page, "landing");
      await page.getByRole("link", { name: t.landing.create }).click();
      await page.getByLabel(t.auth.name).fill("Ada");
      await page.getByLabel(t.auth.email).fill(email);
      await page.getByLabel(t.auth.password).fill(password);
      await page.getByRole("button", { name: t.auth.createButton }).click();
      await page.waitForURL("**/app/credits");
      await page.getByText(t.common.transactionTypes.registration_bonus).first().waitFor();
      await expect.poll(() => page.getByTestId("available-credits").textContent()).toBe("20");

      await page.goto("/pricing");
      await page.locator("form[action='/api/checkout'] button").nth(1).click();
      await page.getByRole("heading", { name: t.demoPay.checkout }).waitFor();
      await page.getByRole("button", { name: t.demoPay.decisions.pay, exact: true }).click();
      await page.getByRole("heading", { name: t.billing.thanks }).waitFor();
      await page.getByText("130", { exact: true }).waitFor();

      await page.goto("/app/ai/chat");
      await page.getByRole("button", { name: t.chat.suggestions.entry.title }).click();
      await page.getByTestId("cost").waitFor({ timeout: 60_000 });
      await picture(page, "chat");
      const left = Number(await page.getByTestId("available-credits").textContent());
      expect(left).toBeLessThan(130);

      await page.goto("/app/credits");
      await picture(page, "credits");
      await page.getByRole("link", { name: t.credits.tabs.history }).click();
      await page.waitForURL("**/history");
      const types = await page.locator("tbody tr td:first-child > span:first-child").allTextContents();
      const { consumption, purchase, registration_bonus } = t.common.transactionTypes;
      expect(types).toEqual([consumption, purchase, registration_bonus]);
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("link", { name: t.credits.history.export }).click(),
      ]);
      const csv = await readFile(await download.path(), "utf8");
      expect(csv.split("\r\n").map((line) => line.split(",")[2])).toEqual([
        "type",
        "consumption",
        "purchase",
        "registration_bonus",
        undefined,
      ]);

      const [adminContext, adminPage] = await open();
      await adminPage.goto("/sign-in");
      await adminPage.getByLabel(t.auth.email).fill(admin.email);
      await adminPage.getByLabel(t.auth.password).fill(admin.password);
      await adminPage.getByRole("button", { name: t.auth.signIn }).click();
      await adminPage.waitForURL("**/app/credits");
      await adminPage.goto(`/admin/users?q=${encodeURIComponent(email)}`);
      await adminPage.getByRole("link", { name: email }).click();
      await adminPage.getByLabel(t.admin.adjust.amount, { exact: true }).fill("5");
      // A spend's own form asks for a reason too.
      const adjust = adminPage.locator("form[action='/api/admin/adjust']");
      await adjust.getByLabel(t.admin.adjust.reason).fill("For telling the story");
      await adminPage.getByRole("button", { name: t.admin.adjust.submit }).click();
      await adminPage.getByRole("status").getByText(t.admin.done.grant.replace("{amount}", "5")).waitFor();
      await picture(adminPage, "admin-user");
      await adminPage.getByRole("link", { name: t.admin.user.explain }).click();
      await adminPage.waitForURL("**/explain");
      await expect.poll(() => adminPage.getByTestId("explained").textContent()).toBe(String(left + 5));
      for (const path of ["/admin", "/admin/jobs", "/admin/events"]) await adminPage.goto(path);

      await page.reload();
      await page.getByText("For telling the story").waitFor();
      for (const path of ["/app/credits/usage", "/app/ai/image", "/app/billing", "/app/settings"]) {
        await page.goto(path, { waitUntil: "networkidle" });
        if (path.endsWith("usage")) await page.locator("figure svg.recharts-surface").waitFor();
      }
      expect(refused).toEqual([]);
      // And one that is refused, so that none above means something.
      await page.evaluate(() => {
        document.body.insertAdjacentHTML("beforeend", '<img src="x" alt="" onerror="window.wasRun = true">');
      });
      await expect.poll(() => refused.length).toBeGreaterThan(0);
      expect(await page.evaluate("window.wasRun")).toBeUndefined();
      await adminContext.close();
      await context.close();
    },
    240_000,
  );
});
