import { randomUUID } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { check, isWithoutBrowser, languageVariants, launchBrowser } from "./browser.ts";
import { Visitor } from "./visitor.ts";
import { startWebServer, temporaryDirectory, type WebServer } from "./web-server.ts";

describe.skipIf(isWithoutBrowser)("the administration in a browser", () => {
  const directory = temporaryDirectory();
  let server: WebServer;
  let browser: Browser;
  let admin: Visitor;
  let ada: Visitor;

  beforeAll(async () => {
    const variables = { DATA_DIR: directory.path, PAYMENTS_DEMO: "allow" };
    const first = await startWebServer(variables);
    admin = new Visitor(first.url);
    await admin.signUp();
    await first.stop();
    server = await startWebServer({ ...variables, ADMIN_EMAILS: admin.email });
    admin = new Visitor(server.url, admin.email);
    ada = new Visitor(server.url);
    await ada.signUp();
    await admin.signIn();
    const added = { key: randomUUID(), action: "create", url: "http://127.0.0.1:9/hook", lowBalance: "" };
    await admin.fetch("/api/admin/webhooks", { method: "POST", body: new URLSearchParams(added) });
    const made = { key: randomUUID(), name: "A shop", scopes: "read" };
    await admin.fetch("/api/admin/keys", { method: "POST", body: new URLSearchParams(made) });
    await ada.draw("a harbour");
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    directory.remove();
  });

  const open = async (options: object = {}): Promise<Page> => {
    const context = await browser.newContext({
      baseURL: server.url,
      viewport: { width: 1440, height: 900 },
      locale: "en-US",
      ...options,
    });
    const page = await context.newPage();
    await page.goto("/sign-in");
    await page.locator("input[type=email]").fill(admin.email);
    await page.locator("input[type=password]").fill(admin.password);
    await page.locator("form button[type=submit]").first().click();
    await page.waitForURL("**/app/credits");
    return page;
  };

  test("an admin finds a user, gives credits, gives a spend back and explains the balance", async () => {
    const page = await open();
    await page.getByRole("link", { name: "Admin" }).click();
    await page.getByText("It adds up").waitFor();
    await page.getByRole("link", { name: "Users" }).click();
    await page.getByLabel("E-mail or user id").fill(ada.email);
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByRole("link", { name: ada.email }).click();
    await page.waitForURL("**/admin/users/*");

    await page.getByLabel("Take", { exact: true }).check();
    await page.getByLabel("Credits", { exact: true }).fill("999");
    await page.locator("#adjust").getByLabel("Reason").first().fill("Granted twice");
    await page.getByRole("button", { name: "Adjust" }).click();
    await page.getByRole("alert").getByText("only 15 available").waitFor();
    // What was typed is still there.
    await expect.poll(() => page.getByLabel("Credits", { exact: true }).inputValue()).toBe("999");
    await expect.poll(() => page.getByLabel("Take", { exact: true }).isChecked()).toBe(true);
    await page.getByLabel("Give", { exact: true }).check();
    await page.getByLabel("Credits", { exact: true }).fill("30");
    await page.getByLabel("Valid for days").fill("10");
    // A double click sends the form twice.
    await page.getByRole("button", { name: "Adjust" }).dblclick();
    await page.getByRole("status").getByText("Given: 30.").waitFor();
    await page.reload();
    await expect.poll(() => page.getByText("Gave 30").count()).toBe(1);

    await page.getByText("Usage", { exact: true }).first().click();
    const reverse = page.getByRole("form", { name: "Give this spend back" });
    await reverse.getByLabel("Reason").fill("Broken picture");
    await reverse.getByRole("button", { name: "Give back" }).click();
    await page.getByText("Given back: 5.").waitFor();

    await page.getByRole("link", { name: "Explain this balance" }).click();
    await page.waitForURL("**/explain");
    const { data } = (await ada.creditsInfo()) as { data: { availableCredits: number } };
    await expect.poll(() => page.getByTestId("explained").textContent()).toBe(String(data.availableCredits));
    expect(data.availableCredits).toBe(50);
    await page.context().close();
  });

  test.each(languageVariants)(
    "the pages are accessible and whole in %s, %i px wide in the %s theme",
    async (locale, width, colorScheme) => {
      const page = await open({ viewport: { width, height: 900 }, colorScheme, locale });
      const variant = `${locale}-${colorScheme}-${width}`;
      for (const [name, path] of [
        ["admin", "/admin"],
        ["admin-users", "/admin/users"],
        ["admin-user", `/admin/users/${ada.userId}?problem=REASON&form=adjust&amount=5`],
        ["admin-explain", `/admin/users/${ada.userId}/explain`],
        ["admin-jobs", "/admin/jobs?done=run_audit"],
        ["admin-events", "/admin/events"],
        ["admin-api", "/admin/api?problem=URL&form=endpoint&url=http://x"],
        ["demo-pay-admin", "/demo-pay/admin"],
      ] as const) {
        await page.goto(path);
        for (const details of await page.locator("details").all())
          await details.evaluate((element) => element.setAttribute("open", ""));
        await check(page, name, variant);
      }
      await page.context().close();
    },
  );
});
