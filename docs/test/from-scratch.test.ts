import { beforeAll, describe, expect, it } from "vitest";
import { blocksOf } from "../scripts/blocks.ts";
import { newDatabase } from "./database.ts";
import { NextApp } from "./next-app.ts";

const page = "guides/nextjs-from-scratch.md";
const blocks = blocksOf(page);

/** A browser without scripts: it keeps cookies, fills forms in and follows redirects. */
class Visitor {
  private readonly cookies = new Map<string, string>();

  constructor(private readonly app: NextApp) {}

  async open(path: string, body?: FormData): Promise<{ path: string; html: string }> {
    const origin = `http://localhost:${this.app.port}`;
    const response = await fetch(origin + path, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        ...(body && { origin }),
      },
      redirect: "manual",
      ...(body && { body }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      this.cookies.set(name, value);
    }
    const location = response.headers.get("location");
    if (location !== null) return this.open(location.replace(origin, ""));
    return { path, html: (await response.text()).replaceAll("<!-- -->", "") };
  }

  /** Fills in the form of a page and presses one of its buttons. */
  async submit(path: string, button: string, fields: Record<string, string> = {}, html?: string) {
    const form = new FormData();
    const shown = html ?? (await this.open(path)).html;
    const [, inside = ""] = /<form[^>]*>(.*?)<\/form>/s.exec(shown) ?? [];
    const attribute = (tag: string, name: string) => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
    for (const [tag] of inside.matchAll(/<input[^>]*type="hidden"[^>]*>/g))
      form.set(attribute(tag, "name"), attribute(tag, "value"));
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    const [pressed] = [...inside.matchAll(/(<button[^>]*>)([^<]*)/g)].filter(([, , text]) => text === button);
    if (pressed === undefined) throw new Error(`No button ${button}: ${shown}`);
    const name = attribute(pressed[1] ?? "", "name");
    if (name !== "") form.set(name, "");
    return this.open(path, form);
  }
}

describe(`docs/${page}, followed word by word`, () => {
  let app: NextApp;
  let environment: Record<string, string>;
  beforeAll(async () => {
    app = new NextApp(blocks);
    const file = blocks.find(({ code }) => code.startsWith("# .env\n"))?.code ?? "";
    const names = [...file.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]);
    environment = {
      ...Object.fromEntries(names),
      DATABASE_URL: await newDatabase({ isMigrated: false }),
      CRON_SECRET: "the cron secret of the tests",
    };
  });

  it("compiles", async () => {
    expect(blocks.flatMap(({ file }) => file ?? [])).toHaveLength(13);
    expect(await app.compile()).toBe("");
  });

  it("signs up, gives the bonus once, spends once per form, and refuses who cannot pay", async () => {
    await app.start(environment);
    const ada = new Visitor(app);
    expect((await ada.open("/")).html).toContain("Sign in or sign up");
    const account = { email: "ada@example.com", password: "correct horse" };
    const home = await ada.submit("/sign-in", "Sign up", account);
    expect(home.path, app.output).toBe("/");
    expect(home.html).toContain("<p>20 credits</p>");
    expect(home.html).toMatch(/20 of them expire on/);

    const draw = "Draw (5 credits)";
    expect((await ada.submit("/", draw, {}, home.html)).html).toContain("<p>15 credits</p>");
    // The same form again, as a double click sends it.
    expect((await ada.submit("/", draw, {}, home.html)).html).toContain("<p>15 credits</p>");
    for (const left of [10, 5, 0])
      expect((await ada.submit("/", draw)).html).toContain(`<p>${left} credits</p>`);
    expect((await ada.submit("/", draw)).path).toBe("/pricing");

    const again = new Visitor(app);
    const wrong = await again.submit("/sign-in", "Sign in", { ...account, password: "wrong password" });
    expect(wrong.path).toMatch(/^\/sign-in\?error=/);
    expect(wrong.html).toContain("Invalid email or password");
    expect((await again.submit("/sign-in", "Sign in", account)).html).toContain("<p>0 credits</p>");
  });

  it("answers both jobs to whoever has the secret", async () => {
    for (const job of ["grant", "expire"]) {
      const url = `http://localhost:${app.port}/api/jobs/credits/${job}`;
      expect((await fetch(url)).status).toBe(401);
      const headers = { authorization: `Bearer ${environment.CRON_SECRET}` };
      expect(await (await fetch(url, { headers })).json()).toMatchObject({ success: true });
    }
  });
});
