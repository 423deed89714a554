import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Visitor } from "./visitor.ts";
import { startWebServer, temporaryDirectory, type WebServer } from "./web-server.ts";

const directory = temporaryDirectory();
let server: WebServer;

beforeAll(async () => {
  server = await startWebServer({ DATA_DIR: directory.path, PAYMENTS_DEMO: "allow" });
});
afterAll(async () => {
  await server?.stop();
  directory.remove();
});

const choose = (fields: Record<string, string>, referer?: string) =>
  new Visitor(server.url).fetch("/api/preferences", {
    method: "POST",
    body: new URLSearchParams(fields),
    ...(referer !== undefined && { headers: { referer } }),
  });

describe("the preferences", () => {
  test("are kept for a year, out of scripts' reach, and lead back to the page", async () => {
    const response = await choose({ locale: "zh-CN", theme: "dark" }, `${server.url}/pricing?interval=year`);
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe(`${server.url}/pricing?interval=year`);
    expect(response.headers.getSetCookie()).toEqual([
      "locale=zh-CN; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
      "theme=dark; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
    ]);
  });

  test("that make no sense are not kept", async () => {
    expect((await choose({ locale: "x; Path=/evil", theme: "neon" })).headers.getSetCookie()).toEqual([
      "theme=system; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
    ]);
    expect((await choose({})).headers.getSetCookie()).toEqual([]);
  });

  test.each(["https://evil.example/x", "//evil.example", "javascript:alert(1)", "nonsense", ""])(
    "never lead to another site: %s",
    async (referer) => {
      expect((await choose({ theme: "dark" }, referer)).headers.get("location")).toBe(`${server.url}/`);
    },
  );

  test("never lead to another host by the path of this one", async () => {
    const response = await choose({ theme: "dark" }, `${server.url}//evil.example`);
    expect(response.headers.get("location")).toBe(`${server.url}/`);
  });

  test("decide what the server renders", async () => {
    const page = await fetch(server.url, {
      headers: { cookie: "locale=zh-CN; theme=dark", "accept-language": "en", connection: "close" },
    });
    expect(await page.text()).toMatch(/<html lang="zh-CN" data-theme="dark"/);
    const other = await fetch(server.url, { headers: { "accept-language": "zh", connection: "close" } });
    expect(await other.text()).toMatch(/<html lang="zh-CN" data-theme="system"/);
  });
});

describe("deleting an account", () => {
  const remove = (visitor: Visitor, email: string) =>
    visitor.fetch("/api/account/delete", { method: "POST", body: new URLSearchParams({ email }) });
  const locationOf = (response: Response) => response.headers.get("location")?.slice(server.url.length);

  test("wants the address typed, and a session", async () => {
    const ada = new Visitor(server.url);
    await ada.signUp();
    expect(locationOf(await remove(ada, "bob@example.com"))).toBe("/app/settings?problem=EMAIL");
    expect(locationOf(await remove(ada, ""))).toBe("/app/settings?problem=EMAIL");
    expect(await ada.creditsInfo()).toMatchObject({ data: { availableCredits: 20 } });
    expect(locationOf(await remove(new Visitor(server.url), ada.email))).toBe("/sign-in");
  });

  test("is refused while a plan renews", async () => {
    const ada = new Visitor(server.url);
    await ada.signUp();
    const checkout = await ada.fetch("/api/checkout", {
      method: "POST",
      body: new URLSearchParams({ priceId: "price_pro_monthly" }),
    });
    const order = new URL(checkout.headers.get("location") ?? "").searchParams.get("order") ?? "";
    await ada.fetch("/api/demo-pay", {
      method: "POST",
      body: new URLSearchParams({ order, decision: "pay" }),
    });
    expect(locationOf(await remove(ada, ada.email))).toBe("/app/settings?problem=SUBSCRIPTION_ACTIVE");
    expect(await (await ada.fetch("/app/settings?problem=SUBSCRIPTION_ACTIVE")).text()).toContain(
      "still renews",
    );
    expect(await ada.creditsInfo()).toMatchObject({ data: { availableCredits: 220 } });
  });

  test("leaves amounts under a pseudonym, and nothing else of the user anywhere", async () => {
    const ada = new Visitor(server.url, "lovelace@example.com");
    await ada.signUp();
    await ada.draw("a private harbour");
    expect(await (await ada.fetch("/app/settings")).text()).toContain("15 credits that you have left");
    const session = await ada.fetch("/api/auth/get-session");
    expect(await session.json()).toMatchObject({ user: { email: ada.email } });
    const response = await remove(ada, "  Lovelace@Example.com ");
    expect(locationOf(response)).toBe("/?deleted");
    expect((await ada.fetch("/app/credits")).headers.get("location")).toBe("/sign-in");
    expect((await new Visitor(server.url, ada.email).signIn()).status).toBe(401);

    // The same address again is a new account, and has had its bonus.
    const again = new Visitor(server.url, "love.lace+again@example.com");
    await again.signUp();
    expect(await again.creditsInfo()).toMatchObject({ data: { availableCredits: 0 } });

    await server.stop();
    const pglite = await PGlite.create(`${directory.path}/database`);
    const tables = await pglite.query<{ name: string }>(
      `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
       where table_schema in ('credits', 'public') and table_type = 'BASE TABLE'`,
    );
    let text = "";
    for (const { name } of tables.rows)
      text += JSON.stringify((await pglite.query(`select to_jsonb(t)::text as row from ${name} as t`)).rows);
    const audit = await pglite.query("select * from credits.audit()");
    await pglite.close();
    server = await startWebServer({ DATA_DIR: directory.path, PAYMENTS_DEMO: "allow" });
    expect(text).not.toContain(ada.userId);
    expect(text).not.toContain("lovelace@");
    expect(text).toContain("WALLET:erased:");
    expect(audit.rows).toEqual([]);
  });
});
