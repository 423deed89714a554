import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { check, isWithoutBrowser, languageVariants, launchBrowser } from "./browser.ts";
import { Visitor } from "./visitor.ts";
import { startWebServer, temporaryDirectory, type WebServer } from "./web-server.ts";

/** Time goes by in the ledger alone: the admin sets its clock. */
describe.skipIf(isWithoutBrowser)("a user's credits in a browser", () => {
  const directory = temporaryDirectory();
  let server: WebServer;
  let browser: Browser;
  let ada: Visitor;
  let admin: Visitor;

  beforeAll(async () => {
    const variables = { DATA_DIR: directory.path, CREDITS_TEST_CLOCK: "allow" };
    const first = await startWebServer(variables);
    admin = new Visitor(first.url);
    await admin.signUp();
    await first.stop();
    server = await startWebServer({ ...variables, ADMIN_EMAILS: admin.email });
    admin = new Visitor(server.url, admin.email);
    await admin.signIn();
    browser = await launchBrowser();
    ada = new Visitor(server.url);
    await ada.signUp();
    await ada.draw("a harbour");
    for (let day = 1; day <= 9; day++) {
      await setClock(day);
      if (day % 4 === 0) await ada.draw("a fox");
    }
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    directory.remove();
  });

  const setClock = async (daysFromNow: number) => {
    const now = new Date(Date.now() + daysFromNow * 24 * 60 * 60 * 1000).toISOString();
    const response = await admin.fetch("/api/admin/test-clock", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ now }),
    });
    expect(response.status).toBe(200);
  };

  const open = async (options: { width?: number; colorScheme?: "light" | "dark"; locale?: string } = {}) => {
    const { width = 1440, colorScheme = "light", locale = "en-US" } = options;
    const context = await browser.newContext({
      baseURL: server.url,
      viewport: { width, height: 900 },
      colorScheme,
      locale,
    });
    const page = await context.newPage();
    await page.goto("/sign-in");
    await page.locator("input[type=email]").fill(ada.email);
    await page.locator("input[type=password]").fill(ada.password);
    await page.locator("form button[type=submit]").first().click();
    await page.waitForURL("**/app/credits");
    return page;
  };
  const close = (page: Page) => page.context().close();

  test("the overview says what runs out when, and warns when little is left", async () => {
    const page = await open();
    await expect.poll(() => page.getByTestId("available-credits").textContent()).toBe("5");
    await page.getByText("You have 5 credits left.").waitFor();
    await page.getByText("Expires in 21 days").waitFor();
    await expect.poll(() => page.getByRole("status").count()).toBe(0);
    await setClock(25);
    await page.reload();
    await page.getByRole("status").getByText("5 credits expire in 5 days").waitFor();
    await setClock(9);
    await close(page);
  });

  test("the usage of a range is a chart and the same numbers as a table", async () => {
    const page = await open();
    await page.getByRole("link", { name: "Usage" }).click();
    await page.waitForURL("**/app/credits/usage");
    await page.locator("figure svg.recharts-surface").waitFor();
    await expect.poll(() => page.locator("figure .recharts-bar-rectangle path").count()).toBe(3);
    await page.getByText("Show the numbers as a table").click();
    await expect.poll(() => page.getByRole("rowheader").count()).toBe(4);
    // 15 credits in 10 days; 5 are left.
    await page.getByText("over 10 days").waitFor();
    await page.getByText("3 days", { exact: true }).waitFor();
    await page.getByRole("link", { name: "7 days" }).click();
    await page.waitForURL("**/app/credits/usage?days=7");
    await page.getByText("Spent in 7 days").waitFor();
    await expect
      .poll(() => page.getByRole("link", { name: "7 days" }).getAttribute("aria-current"))
      .toBe("true");
    await close(page);
  });

  test("the history is filtered by its address, without a script too", async () => {
    const page = await open();
    await page.goto("/app/credits/history");
    await page.getByLabel("Type").selectOption({ label: "Usage" });
    await page.getByRole("button", { name: "Apply" }).click();
    await page.waitForURL((url) => url.searchParams.get("type") === "consumption");
    await expect.poll(() => page.locator("tbody tr").count()).toBe(3);
    await expect.poll(() => page.getByLabel("Type").inputValue()).toBe("consumption");
    const csv = await page.getByRole("link", { name: "Export CSV" }).getAttribute("href");
    expect(csv).toBe("/api/credits/history.csv?type=consumption");

    await page.locator("tbody tr").first().getByText("Details", { exact: true }).click();
    await page.getByText("5 of Welcome bonus").first().waitFor();
    await page.getByRole("link", { name: "Remove the filter Usage" }).click();
    await page.waitForURL((url) => url.search === "");
    await page.locator("tbody tr").nth(3).waitFor();
    await page.goto("/app/credits/history?from=2999-01-01");
    await page.getByText("Nothing in your history matches these filters.").waitFor();
    await page.getByRole("link", { name: "Clear all filters" }).click();
    await page.locator("tbody tr").nth(3).waitFor();

    const plain = await browser.newContext({
      baseURL: server.url,
      javaScriptEnabled: false,
      storageState: await page.context().storageState(),
    });
    const scriptless = await plain.newPage();
    await scriptless.goto("/app/credits/history");
    await scriptless.getByLabel("Type").selectOption("registration_bonus");
    await scriptless.getByRole("button", { name: "Apply" }).click();
    await expect.poll(() => scriptless.locator("tbody tr").count()).toBe(1);
    await plain.close();
    await close(page);
  });

  test("the history can be downloaded", async () => {
    const page = await open();
    await page.goto("/app/credits/history");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Export CSV" }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/^credits-\d{4}-\d\d-\d\d\.csv$/);
    await close(page);
  });

  test.each(languageVariants)(
    "the pages are accessible and whole in %s, %i px wide in the %s theme",
    async (locale, width, colorScheme) => {
      const page = await open({ width, colorScheme, locale });
      const variant = `${locale}-${colorScheme}-${width}`;
      await expect
        .poll(() => page.locator("html").getAttribute("lang"))
        .toBe(locale === "en-US" ? "en" : "zh-CN");
      await check(page, "credits", variant);
      await page.goto("/app/credits/usage");
      await page.locator("figure svg.recharts-surface").waitFor();
      await page.locator("details summary").click();
      await check(page, "usage", variant);
      await page.goto("/app/credits/history?type=consumption");
      await page.locator("tbody details summary").first().click();
      await check(page, "history", variant);
      await page.goto("/app/settings?problem=EMAIL");
      await check(page, "settings", variant);
      await close(page);
    },
  );
});
