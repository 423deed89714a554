import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

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
const require = createRequire(import.meta.url);
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** A phone and a desktop, dark and light: both widths and both themes, not each with each. */
export const longVariants = [
  [390, "dark"],
  [1440, "light"],
] as const;
/** Each language in both widths and both themes, not each with each: what a language makes wide, no theme makes narrow. */
export const languageVariants = [
  ["en-US", 390, "dark"],
  ["en-US", 1440, "light"],
  ["zh-CN", 390, "light"],
  ["zh-CN", 1440, "dark"],
] as const;
export const password = "correct horse battery";

if (!chromiumProgram) {
  console.warn("No Chromium was found: the browser tests are skipped here. Set CHROMIUM_PATH to run them.");
}

/** Whether the browser tests are skipped. A machine that is to prove something must not skip them in silence. */
export const isWithoutBrowser = !chromiumProgram && !process.env.CI;

export async function launchBrowser(): Promise<Browser> {
  if (!chromiumProgram) throw new Error("CI has no Chromium: install it or set CHROMIUM_PATH");
  return chromium.launch({ executablePath: chromiumProgram, args: chromiumArguments });
}

/** Signs a new user up, who then sees the credits. */
export async function signUp(page: Page, name: string): Promise<void> {
  await page.goto("/sign-up");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("E-mail").fill(`${name.toLowerCase()}@example.com`);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.waitForURL("**/app/credits");
}

/** Fails when a page is not accessible or scrolls sideways, and takes its picture where pictures are wanted. */
export async function check(tab: Page, what: string, variant: string, fullPage = true): Promise<void> {
  if (screenshotDirectory) {
    mkdirSync(screenshotDirectory, { recursive: true });
    const name = what.replace(/\W+/g, "-").replace(/^-|-$/g, "") || "home";
    await tab.screenshot({ path: join(screenshotDirectory, `${name}-${variant}.png`), fullPage });
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
