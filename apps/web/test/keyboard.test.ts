import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isWithoutBrowser, launchBrowser, password } from "./browser.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

interface Focus {
  name: string;
  isVisible: boolean;
}

const stepsMax = 80;

/** Presses Tab until something of that name has the focus; each stop on the way can be seen. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let step = 0; step < stepsMax; step++) {
    await page.keyboard.press("Tab");
    const focus = (await page.evaluate(() => {
      const element = document.activeElement as HTMLElement;
      const labelled = element as HTMLInputElement;
      const label =
        element.getAttribute("aria-label") ?? labelled.labels?.[0]?.textContent ?? element.textContent;
      const own = getComputedStyle(element);
      const frame = element.closest(".focus-within\\:ring-1");
      const ring = frame ? getComputedStyle(frame).boxShadow : "none";
      return {
        name: (label ?? "").trim(),
        isVisible:
          element === document.body ||
          (own.outlineStyle !== "none" && Number.parseFloat(own.outlineWidth) > 0) ||
          ring !== "none",
      };
    })) as Focus;
    expect(focus.isVisible, `the focus on "${focus.name}" can be seen`).toBe(true);
    if (name.test(focus.name)) return;
  }
  throw new Error(`No way to ${name} by Tab on ${page.url()}`);
}

describe.skipIf(isWithoutBrowser)("with a keyboard alone", () => {
  let server: WebServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await startWebServer({ DATA_DIR: "memory://", PAYMENTS_DEMO: "allow" });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("a visitor signs up, buys, chats, draws and signs out", async () => {
    const context = await browser.newContext({
      baseURL: server.url,
      viewport: { width: 1280, height: 900 },
      locale: "en-US",
    });
    const page = await context.newPage();
    await page.goto("/");
    await tabTo(page, /^Skip to the content$/);
    await page.keyboard.press("Enter");
    await tabTo(page, /^Create an account$/);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/sign-up");
    await tabTo(page, /^Name$/);
    await page.keyboard.type("Ada");
    await tabTo(page, /^E-mail$/);
    await page.keyboard.type("keyboard@example.com");
    await tabTo(page, /^Password$/);
    await page.keyboard.type(password);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/app/credits");

    await tabTo(page, /^See packages$/);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/pricing");
    await tabTo(page, /^Buy Lite$/);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Demo checkout" }).waitFor();
    await tabTo(page, /^Pay$/);
    await page.keyboard.press("Enter");
    await page.getByText("brought 110 credits").waitFor();

    await tabTo(page, /^Chat$/);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/app/ai/chat");
    await page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
    await tabTo(page, /^Message$/);
    await page.keyboard.type("Explain double entry");
    await page.keyboard.press("Enter");
    await page.getByTestId("cost").waitFor({ timeout: 60_000 });
    // Ready for the next question.
    expect(await page.evaluate("document.activeElement.id")).toBe("message");

    await page.goto("/app/ai/image");
    await tabTo(page, /^What should be drawn\?$/);
    await page.keyboard.type("a harbour");
    await tabTo(page, /^Draw for 5 credits$/);
    await page.keyboard.press("Enter");
    await page.getByTestId("cost").waitFor({ timeout: 30_000 });

    await page.goto("/app/settings");
    await tabTo(page, /^Sign out$/);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/sign-in");
    await context.close();
  });

  test("nothing scrolls sideways on 320 pixels, which is a large screen at 400 percent (WCAG 1.4.10)", async () => {
    const context = await browser.newContext({
      baseURL: server.url,
      viewport: { width: 320, height: 640 },
      locale: "en-US",
    });
    const page = await context.newPage();
    await page.goto("/sign-in");
    await page.getByLabel("E-mail").fill("keyboard@example.com");
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL("**/app/credits");
    for (const path of [
      "/",
      "/pricing",
      "/app/credits",
      "/app/credits/usage",
      "/app/credits/history",
      "/app/ai/chat",
      "/app/ai/image",
      "/app/billing",
      "/app/settings",
    ]) {
      await page.goto(path);
      const overflow = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      expect([path, overflow]).toEqual([path, 0]);
    }
    await context.close();
  });
});
