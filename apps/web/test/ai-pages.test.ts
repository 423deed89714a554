import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { check, isWithoutBrowser, launchBrowser, longVariants, signUp } from "./browser.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

const bonus = 20;
const answerTimeoutMs = 30_000;

describe.skipIf(isWithoutBrowser)("the AI pages in a browser", () => {
  let server: WebServer;
  let browser: Browser;
  let page: Page;
  let people = 0;

  beforeAll(async () => {
    server = await startWebServer({ DATA_DIR: "memory://", DEMO_MODEL_SPEED: "3" });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  beforeEach(async () => {
    page = await newcomer({ viewport: { width: 1440, height: 900 } });
  });

  afterEach(() => page.context().close());

  /** Somebody with a bonus and nothing else. */
  async function newcomer(options: BrowserContextOptions): Promise<Page> {
    const context = await browser.newContext({ baseURL: server.url, ...options });
    const tab = await context.newPage();
    await signUp(tab, `Reader${people++}`);
    return tab;
  }

  async function balance(tab = page): Promise<number> {
    return Number(await tab.getByTestId("available-credits").textContent());
  }

  async function ask(text: string, tab = page): Promise<void> {
    await tab.getByLabel("Message").fill(text);
    await tab.getByLabel("Message").press("Enter");
  }

  async function choose(model: "Fast" | "Chat" | "Reasoning", tab = page): Promise<void> {
    await tab.getByRole("radio", { name: model }).check({ force: true });
  }

  /** What the newest answer says that it cost. */
  async function cost(answers: number, tab = page): Promise<number> {
    const chips = tab.getByTestId("cost");
    await chips.nth(answers - 1).waitFor({ timeout: answerTimeoutMs });
    return Number.parseInt((await chips.nth(answers - 1).textContent()) ?? "", 10);
  }

  test("the chat labels the demo model, and says what each model costs", async () => {
    await page.goto("/app/ai/chat");
    await expect.poll(() => page.getByText("Demo model", { exact: true }).count()).toBe(1);
    for (const [model, price] of [
      ["Fast", "Fast: 4 credits per 1,000 tokens written, 1 per 1,000 read"],
      ["Chat", "Chat: 8 credits per 1,000 tokens written, 2 per 1,000 read"],
      ["Reasoning", "Reasoning: 16 credits per 1,000 tokens written, 4 per 1,000 read"],
    ] as const) {
      await choose(model);
      await expect.poll(() => page.getByText(price).count()).toBe(1);
    }
    await expect.poll(() => page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
  });

  test("the balance falls by the cost that an answer shows", async () => {
    await page.goto("/app/ai/chat");
    expect(await balance()).toBe(bonus);
    await page.getByRole("button", { name: "How does a hold work?" }).click();
    await page.getByText("held while it is written").waitFor();
    const charged = await cost(1);
    expect(charged).toBeGreaterThan(1);
    await expect.poll(() => page.getByText(/petrol pump/).count()).toBe(1);
    expect(await balance()).toBe(bonus - charged);

    await choose("Fast");
    await ask("Explain double-entry bookkeeping");
    const second = await cost(2);
    expect(await balance()).toBe(bonus - charged - second);
    await page.reload();
    expect(await balance()).toBe(bonus - charged - second);
    await page.goto("/app/credits");
    await page.getByRole("cell", { name: `−${charged}` }).waitFor();
  });

  test("an answer that is stopped costs its part", async () => {
    await page.goto("/app/ai/chat");
    await ask("How does a hold work?");
    const whole = await cost(1);
    await ask("How does a hold work?");
    const second = page.getByRole("article", { name: "Answer" }).nth(1);
    await second.getByText(/petrol pump/).waitFor({ timeout: answerTimeoutMs });
    await page.getByRole("button", { name: "Stop" }).click();
    await second.getByText("Stopped").waitFor();
    const part = await cost(2);
    expect(part).toBeGreaterThan(0);
    expect(part).toBeLessThan(whole);
    await expect.poll(() => balance()).toBe(bonus - whole - part);
    await expect.poll(() => second.getByText("In the books").count()).toBe(0);
    await expect.poll(() => page.getByRole("button", { name: "Send" }).count()).toBe(1);
    // What is on the page is what is in the books.
    await page.reload();
    expect(await balance()).toBe(bonus - whole - part);
  });

  test("whoever leaves in the middle of an answer pays for its part, and nothing stays held", async () => {
    await page.goto("/app/ai/chat");
    await ask("How does a hold work?");
    await page.getByText(/petrol pump/).waitFor({ timeout: answerTimeoutMs });
    await page.goto("/app/credits");
    await expect
      .poll(async () => {
        await page.reload();
        return page.getByRole("cell", { name: "Usage" }).count();
      })
      .toBe(1);
    expect(await balance()).toBeLessThan(bonus);
    expect(await balance()).toBeGreaterThan(bonus - 3);
  });

  test("a user who runs dry is stopped before the call, keeps the message, and finds the packages", async () => {
    await page.goto("/app/ai/chat");
    await choose("Reasoning");
    await ask("How does a hold work?");
    const left = bonus - (await cost(1));
    await ask("Tell me more about it");
    const alert = page.getByRole("alert").filter({ hasText: "Out of credits" });
    await alert.waitFor();
    await expect.poll(() => alert.textContent()).toContain(`you have ${left}`);
    expect(await balance()).toBe(left);
    await expect.poll(() => page.getByLabel("Message").inputValue()).toBe("Tell me more about it");
    await expect.poll(() => page.getByRole("article", { name: "You" }).count()).toBe(1);

    // A cheaper model can still be paid for.
    await alert.getByRole("button", { name: "Use Fast instead" }).click();
    await page.getByRole("button", { name: "Send" }).click();
    expect(await balance()).toBe(left);
    expect(await cost(2)).toBeGreaterThan(0);
    await expect.poll(() => page.getByText("Out of credits").count()).toBe(0);

    await choose("Reasoning");
    await ask("And once more");
    await page.getByRole("link", { name: "See packages" }).click();
    await page.waitForURL("**/pricing");
    await page.getByRole("heading", { name: "Packages" }).waitFor();
  });

  test("a double click sends one message, which is charged once", async () => {
    await page.goto("/app/ai/chat");
    await choose("Fast");
    await page.getByLabel("Message").fill("hello");
    await page.getByRole("button", { name: "Send" }).dblclick();
    // The second click meets the button that stops, and is not taken for a wish to stop.
    const charged = await cost(1);
    expect(charged).toBeGreaterThan(0);
    expect(await balance()).toBe(bonus - charged);
    await expect.poll(() => page.getByText("Stopped").count()).toBe(0);
    await expect.poll(() => page.getByRole("article", { name: "You" }).count()).toBe(1);
    await page.goto("/app/credits");
    await expect.poll(() => page.getByRole("cell", { name: "Usage" }).count()).toBe(1);
  });

  test("a message whose answer got lost is not paid for twice", async () => {
    await page.goto("/app/ai/chat");
    await choose("Fast");
    await page.route("**/api/ai/chat", async (route) => {
      await route.fetch();
      await route.abort("connectionreset");
    });
    await ask("hello");
    await page.getByRole("alert").filter({ hasText: "did not answer" }).waitFor({ timeout: answerTimeoutMs });
    await page.unroute("**/api/ai/chat");
    await expect.poll(() => balance()).toBe(bonus - 1);
    await page.getByRole("button", { name: "Ask again" }).click();
    await page.getByRole("alert").filter({ hasText: "charged once" }).waitFor();
    expect(await balance()).toBe(bonus - 1);
  });

  test("Shift and Enter start a new line, Enter sends", async () => {
    await page.goto("/app/ai/chat");
    await choose("Fast");
    const message = page.getByLabel("Message");
    await message.fill("one");
    await message.press("Shift+Enter");
    await message.pressSequentially("two");
    await expect.poll(() => message.inputValue()).toBe("one\ntwo");
    await message.press("Enter");
    await expect.poll(() => message.inputValue()).toBe("");
    await expect.poll(() => page.getByRole("article", { name: "You" }).textContent()).toBe("one\ntwo");
    await cost(1);
  });

  test("a picture costs its price, and is shown as an image only", async () => {
    await page.goto("/app/ai/image");
    await page.getByRole("button", { name: "A harbour at dusk with three sails" }).click();
    await page.getByRole("button", { name: "Draw for 5 credits" }).dblclick();
    expect(await cost(1)).toBe(5);
    expect(await balance()).toBe(bonus - 5);
    const picture = page.getByRole("img", { name: "A harbour at dusk with three sails" });
    await expect.poll(() => picture.getAttribute("src")).toMatch(/^data:image\/svg\+xml;base64,/);
    await expect.poll(() => page.getByTestId("cost").count()).toBe(1);
  });

  test("pictures end where the credits do", async () => {
    await page.goto("/app/ai/image");
    for (let drawn = 1; drawn <= 4; drawn++) {
      await page.getByLabel("What should be drawn?").fill(`Mountains, number ${drawn}`);
      await page.getByRole("button", { name: "Draw for 5 credits" }).click();
      await page.getByRole("img", { name: `Mountains, number ${drawn}` }).waitFor();
      expect(await balance()).toBe(bonus - 5 * drawn);
    }
    await page.getByRole("button", { name: "Draw for 5 credits" }).click();
    const alert = page.getByRole("alert").filter({ hasText: "Out of credits" });
    await alert.waitFor();
    await expect.poll(() => alert.textContent()).toContain("costs 5 credits, and you have 0");
    await expect.poll(() => page.getByTestId("cost").count()).toBe(4);
  });

  test.each(longVariants)(
    "at %i pixels in the %s theme, both pages are accessible and fit in every state",
    async (width, colorScheme) => {
      const variant = `${colorScheme}-${width}`;
      const tab = await newcomer({ viewport: { width, height: width === 390 ? 844 : 900 }, colorScheme });
      await tab.goto("/app/ai/chat");
      await check(tab, "chat empty", variant, false);
      await choose("Reasoning", tab);
      await ask("How does a hold work, and what do I pay for when I stop an answer?", tab);
      await tab.getByText("Thinking…").waitFor();
      await tab
        .getByText(/best|comparison/)
        .first()
        .waitFor();
      await check(tab, "chat thinking", variant, false);
      await cost(1, tab);
      await check(tab, "chat", variant, false);
      await ask("And now?", tab);
      await tab.getByRole("alert").filter({ hasText: "Out of credits" }).waitFor();
      await check(tab, "chat short", variant, false);

      await tab.goto("/app/ai/image");
      await check(tab, "image empty", variant);
      for (const prompt of ["A harbour at dusk with three sails", "A city skyline under a full moon"]) {
        await tab.getByLabel("What should be drawn?").fill(prompt);
        await tab.getByRole("button", { name: "Draw for 5 credits" }).click();
        await tab.getByRole("img", { name: prompt }).waitFor();
      }
      await tab.getByRole("button", { name: "Draw for 5 credits" }).click();
      await tab.getByRole("alert").filter({ hasText: "Out of credits" }).waitFor();
      await check(tab, "image short", variant);
      await tab.context().close();
    },
  );
});
