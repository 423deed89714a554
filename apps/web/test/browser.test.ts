import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWebServer, type WebServer } from "./web-server.ts";

const chromiumProgram = [
  process.env.CHROMIUM_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path && existsSync(path));
const chromiumArguments = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where pictures of the pages go; none are taken when it is not set. */
const screenshotDirectory = process.env.SCREENSHOT_DIR;
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const widths = [390, 1440] as const;
const colorSchemes = ["light", "dark"] as const;
const password = "correct horse battery";

if (!chromiumProgram) {
  console.warn("No Chromium was found: the browser tests are skipped here. Set CHROMIUM_PATH to run them.");
}

// A machine that is to prove something must not skip it in silence.
describe.skipIf(!chromiumProgram && !process.env.CI)("in a browser", () => {
  let server: WebServer;
  let browser: Browser;
  let page: Page;
  const email = "ada@example.com";

  beforeAll(async () => {
    if (!chromiumProgram) throw new Error("CI has no Chromium: install it or set CHROMIUM_PATH");
    server = await startWebServer({ DATA_DIR: "memory://" });
    browser = await chromium.launch({ executablePath: chromiumProgram, args: chromiumArguments });
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

  async function balance(): Promise<string | null> {
    return page.getByTestId("available-credits").textContent();
  }

  async function send(message: string): Promise<void> {
    await page.getByLabel("Message").fill(message);
    await page.getByRole("button", { name: "Send" }).click();
  }

  test("a visitor who is not signed in is sent to sign in", async () => {
    await page.goto("/app/credits");
    await page.waitForURL("**/sign-in");
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Sign in");
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
    expect(await page.getByRole("cell", { name: "+20" }).count()).toBe(1);
  });

  test("the user spends, and sees the cost, the new balance and the history", async () => {
    await send("Hello there");
    await page.getByText("Charged 2 credits, 18 credits left").waitFor();
    await page.getByRole("cell", { name: "Usage" }).waitFor();
    expect(await balance()).toBe("18");
    expect(await page.getByRole("cell", { name: "−2" }).count()).toBe(1);
    await check(page, "/app/credits answered", "light-1440");
  });

  test("a double click is charged once", async () => {
    await page.getByLabel("Message").fill("Twice");
    await page.getByRole("button", { name: "Send" }).dblclick();
    await page.getByText("Charged 2 credits, 16 credits left").waitFor();
    await page.reload();
    expect(await balance()).toBe("16");
  });

  test("a user who ran dry is told what is missing, and is charged nothing", async () => {
    for (let left = 14; left >= 0; left -= 2) {
      await send(`Message with ${left} left`);
      await page.getByText(`Charged 2 credits, ${left} credits left`).waitFor();
    }
    await send("One too many");
    const alert = page.getByRole("alert").filter({ hasText: "Not enough credits" });
    await alert.waitFor();
    expect(await alert.textContent()).toContain("costs 2, you have 0. You are missing 2.");
    expect(await balance()).toBe("0");
  });

  test("the history has pages with addresses of their own", async () => {
    await page.getByRole("link", { name: "Older" }).click();
    await page.waitForURL("**/app/credits?page=2");
    await page.getByRole("cell", { name: "Welcome bonus" }).waitFor();
    await page.getByRole("link", { name: "Newer" }).click();
    await page.waitForURL("**/app/credits?page=1");
    await page.goto("/app/credits?page=99");
    expect(new URL(page.url()).search).toBe("?page=2");
    await page.goto("/app/credits?page=nonsense");
    expect(await page.getByText("Page 1 of 2").count()).toBe(1);
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
    expect(await balance()).toBe("0");
  });

  describe.each(colorSchemes)("%s", (colorScheme) => {
    test.each(widths)("at %i pixels, every page is accessible and fits", async (width) => {
      const storageState = await page.context().storageState();
      const visitor = await open({ viewport: { width, height: 900 }, colorScheme });
      const user = await open({ viewport: { width, height: 900 }, colorScheme, storageState });
      for (const [tab, path] of [
        [visitor, "/"],
        [visitor, "/sign-in"],
        [visitor, "/sign-up"],
        [visitor, "/nowhere"],
        [user, "/app/credits"],
        [user, "/app/credits?page=2"],
      ] as const) {
        await tab.goto(path);
        await check(tab, path, `${colorScheme}-${width}`);
      }
      await user.goto("/app/credits");
      await user.getByLabel("Message").fill("One too many");
      await user.getByRole("button", { name: "Send" }).click();
      await user.getByRole("alert").filter({ hasText: "Not enough credits" }).waitFor();
      await check(user, "/app/credits short", `${colorScheme}-${width}`);
      await visitor.context().close();
      await user.context().close();
    });
  });

  async function check(tab: Page, what: string, variant: string): Promise<void> {
    if (screenshotDirectory) {
      mkdirSync(screenshotDirectory, { recursive: true });
      const name = what.replace(/\W+/g, "-").replace(/^-|-$/g, "") || "home";
      await tab.screenshot({ path: join(screenshotDirectory, `${name}-${variant}.png`), fullPage: true });
    }
    await tab.evaluate(axeSource);
    const { violations } = (await tab.evaluate("axe.run()")) as {
      violations: { id: string; nodes: { html: string }[] }[];
    };
    expect(
      violations.map(({ id, nodes }) => `${what} ${id}: ${nodes.map(({ html }) => html).join(" ")}`),
    ).toEqual([]);
    const overflow = await tab.evaluate(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    expect(overflow, `${what} scrolls sideways`).toBe(0);
  }
});
