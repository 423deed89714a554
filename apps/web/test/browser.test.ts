import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { check, isWithoutBrowser, launchBrowser, longVariants, password } from "./browser.ts";
import { newId } from "./visitor.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

describe.skipIf(isWithoutBrowser)("in a browser", () => {
  let server: WebServer;
  let browser: Browser;
  let page: Page;
  const email = "ada@example.com";

  beforeAll(async () => {
    server = await startWebServer({ DATA_DIR: "memory://" });
    browser = await launchBrowser();
    page = await open({ viewport: { width: 1440, height: 900 } });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  async function open(options: BrowserContextOptions): Promise<Page> {
    const context = await browser.newContext({ baseURL: server.url, ...options });
    return context.newPage();
  }

  function message() {
    return { service: "google:fast", messageId: newId(), messages: [{ role: "user", text: "hello" }] };
  }

  async function balance(): Promise<string | null> {
    return page.getByTestId("available-credits").textContent();
  }

  test("a visitor who is not signed in is sent to sign in", async () => {
    for (const path of ["/app/credits", "/app/ai/chat", "/app/ai/image"]) {
      await page.goto(path);
      await page.waitForURL("**/sign-in");
    }
    await expect.poll(() => page.getByRole("heading", { level: 1 }).textContent()).toBe("Sign in");
  });

  test("a wrong password is told, and nothing of it is left in the address", async () => {
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password").fill("not the password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").filter({ hasText: "Invalid" }).waitFor();
    expect(page.url()).not.toContain("password");
  });

  test("a new user signs up and sees the bonus", async () => {
    await page.goto("/");
    await page.getByRole("link", { name: "Create an account" }).click();
    await page.getByLabel("Name").fill("Ada");
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.waitForURL("**/app/credits");
    await page.getByRole("cell", { name: "Welcome bonus" }).waitFor();
    expect(await balance()).toBe("20");
    await expect.poll(() => page.getByRole("cell", { name: "+20" }).count()).toBe(1);
  });

  test("every part of the app is one click away", async () => {
    const sections = page.getByRole("navigation", { name: "Sections" });
    for (const [name, path] of [
      ["Chat", "/app/ai/chat"],
      ["Images", "/app/ai/image"],
      ["Credits", "/app/credits"],
    ] as const) {
      await sections.getByRole("link", { name }).click();
      await page.waitForURL(`**${path}`);
      await expect.poll(() => sections.locator("[aria-current=page]").textContent()).toBe(name);
    }
  });

  test("the history shows what was spent, in pages with addresses of their own", async () => {
    // Ten answers and the bonus are eleven rows. Each sets four credits aside while it is written, and costs one.
    for (const round of [3, 3, 3, 1]) {
      const answers = Array.from({ length: round }, () =>
        page.request.post("/api/ai/chat", { data: message() }),
      );
      for (const answer of await Promise.all(answers)) expect(answer.status()).toBe(200);
    }
    await page.goto("/app/credits");
    expect(await balance()).toBe("10");
    await page.getByRole("link", { name: "See the whole history" }).click();
    await page.waitForURL("**/app/credits/history");
    await expect.poll(() => page.getByRole("cell", { name: "−1", exact: true }).count()).toBe(10);
    await page.getByRole("link", { name: "Older" }).click();
    await page.waitForURL("**/app/credits/history?page=2");
    await page.getByRole("cell", { name: "Welcome bonus" }).waitFor();
    await page.getByRole("link", { name: "Newer" }).click();
    await page.waitForURL("**/app/credits/history");
    await page.goto("/app/credits/history?page=99");
    expect(new URL(page.url()).search).toBe("?page=2");
    await page.goto("/app/credits/history?page=nonsense");
    await expect.poll(() => page.getByText("Page 1 of 2").count()).toBe(1);
  });

  test("the user signs out, and back in", async () => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL("**/sign-in");
    await page.goto("/app/credits");
    await page.waitForURL("**/sign-in");
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL("**/app/credits");
    expect(await balance()).toBe("10");
  });

  test.each(longVariants)(
    "at %i pixels in the %s theme, every page is accessible and fits",
    async (width, colorScheme) => {
      const storageState = await page.context().storageState();
      const visitor = await open({ viewport: { width, height: 900 }, colorScheme });
      const user = await open({ viewport: { width, height: 900 }, colorScheme, storageState });
      for (const [tab, path] of [
        [visitor, "/"],
        [visitor, "/sign-in"],
        [visitor, "/sign-up"],
        [visitor, "/nowhere"],
        [user, "/app/credits"],
        [user, "/app/credits/usage?days=7"],
        [user, "/app/credits/history?type=consumption"],
      ] as const) {
        await tab.goto(path);
        await check(tab, path, `${colorScheme}-${width}`);
      }
      await visitor.context().close();
      await user.context().close();
    },
  );
});
