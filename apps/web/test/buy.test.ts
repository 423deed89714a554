import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { check, isWithoutBrowser, launchBrowser, longVariants, password, signUp } from "./browser.ts";
import { Visitor } from "./visitor.ts";
import { startWebServer, temporaryDirectory, type WebServer } from "./web-server.ts";

describe.skipIf(isWithoutBrowser)("buying in a browser, without any key", () => {
  const directory = temporaryDirectory();
  let server: WebServer;
  let browser: Browser;
  let account: Visitor;

  beforeAll(async () => {
    const variables = { DATA_DIR: directory.path, PAYMENTS_DEMO: "allow" };
    const first = await startWebServer(variables);
    account = new Visitor(first.url);
    await account.signUp();
    await first.stop();
    server = await startWebServer({ ...variables, ADMIN_EMAILS: account.email });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    directory.remove();
  });

  const open = async (viewport = { width: 1440, height: 900 }): Promise<Page> =>
    (await browser.newContext({ baseURL: server.url, viewport })).newPage();

  const buy = async (page: Page, what: string, decision = "Pay") => {
    await page.goto("/pricing");
    await page.getByRole("button", { name: `Buy ${what}`, exact: true }).click();
    await page.getByRole("heading", { name: "Demo checkout" }).waitFor();
    await page.getByRole("button", { name: decision, exact: true }).click();
  };
  const history = (page: Page) => page.locator("tbody tr").allInnerTexts();

  test("a new user signs up to buy, pays, spends, is refunded and sees all of it", async () => {
    const page = await open();
    await page.goto("/pricing");
    await page.getByText("Demo payments.").waitFor();
    await page.getByRole("link", { name: "Sign up to buy Lite" }).click();
    await page.getByLabel("Name").fill("Ada");
    await page.getByLabel("E-mail").fill("ada.buys@example.com");
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("button", { name: "Buy Lite", exact: true }).waitFor();

    await buy(page, "Lite");
    await page.waitForURL("**/app/billing/return");
    await page.getByText("brought 110 credits").waitFor();
    await expect.poll(() => page.getByText("130", { exact: true }).count()).toBe(1);

    await page.goto("/app/ai/image");
    await page.getByLabel("What should be drawn?").fill("a harbour");
    await page.getByRole("button", { name: /^Draw/ }).click();
    await expect
      .poll(() => page.getByTestId("available-credits").textContent(), { timeout: 30_000 })
      .toBe("125");

    const admin = await open();
    await admin.goto("/sign-in");
    await admin.getByLabel("E-mail").fill(account.email);
    await admin.getByLabel("Password").fill(account.password);
    await admin.getByRole("button", { name: "Sign in" }).click();
    await admin.waitForURL("**/app/credits");
    await admin.goto("/demo-pay/admin");
    await admin.getByRole("button", { name: "Refund", exact: true }).click();
    await admin.getByText("$9.99 refunded").waitFor();

    await page.goto("/app/credits");
    const rows = (await history(page)).map((row) => row.replace(/\s+/g, " "));
    // The picture came out of the bonus, which expires sooner: the whole package goes back.
    expect(rows[0]).toMatch(/^Refund .*−110/);
    expect(rows[1]).toMatch(/^Usage .*−5/);
    expect(rows[2]).toMatch(/^Purchase .*\+110/);
    await expect.poll(() => page.getByTestId("available-credits").textContent()).toBe("15");
    await page.goto("/app/billing");
    await page.getByText("Refunded").waitFor();
    await admin.context().close();
    await page.context().close();
  });

  test("a bank that pays later is waited for, and a payment that fails says so", async () => {
    const page = await open();
    await signUp(page, "Later");
    await buy(page, "Lite", "Let it fail");
    await page.getByText("The payment failed.").waitFor();
    await buy(page, "Lite", "Pay later");
    await page.getByRole("heading", { name: "Waiting for your payment" }).waitFor();
    await page.getByText("brought 110 credits").waitFor({ timeout: 30_000 });
    await page.context().close();
  });

  test.each(longVariants)(
    "the pages are accessible and whole, %i px wide in the %s theme",
    async (width, colorScheme) => {
      const context = await browser.newContext({
        baseURL: server.url,
        viewport: { width, height: 900 },
        colorScheme,
      });
      const page = await context.newPage();
      const variant = `${colorScheme}-${width}`;
      await page.goto("/pricing?interval=year");
      await check(page, "pricing-anonymous", variant);
      await signUp(page, `Viewer${variant}`);
      await page.goto("/app/billing");
      await check(page, "billing-empty", variant);
      await page.goto("/pricing?problem=BALANCE_LIMIT");
      await check(page, "pricing", variant);
      await page.getByRole("button", { name: "Buy Pro, monthly", exact: true }).click();
      await page.getByRole("heading", { name: "Demo checkout" }).waitFor();
      await check(page, "demo-checkout", variant);
      await page.getByRole("button", { name: "Pay later" }).click();
      await page.getByRole("heading", { name: "Waiting for your payment" }).waitFor();
      await check(page, "return-waiting", variant);
      await page.getByText("brought 200 credits").waitFor({ timeout: 30_000 });
      await check(page, "return", variant);
      await page.goto("/app/billing");
      await page.getByText("Renews on").waitFor();
      await check(page, "billing", variant);
      await page.getByRole("button", { name: "Manage plan" }).click();
      await page.getByRole("heading", { name: "Demo portal" }).waitFor();
      await check(page, "demo-portal", variant);
      await page.getByRole("button", { name: "End it with the period" }).click();
      await page.getByText("Ends on").waitFor();
      await context.close();
    },
  );
});
