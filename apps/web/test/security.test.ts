import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { normalEmail } from "@/credits/normal-email";
import { addressOf, networkOf } from "@/security/client-address";
import { Visitor } from "./visitor.ts";
import { appDirectory, startWebServer, type WebServer } from "./web-server.ts";

describe("where a request comes from", () => {
  test("is the connection's peer, whatever a header says, unless proxies are trusted", () => {
    expect(addressOf("10.0.0.1", "1.2.3.4", 0)).toBe("10.0.0.1");
    expect(addressOf("10.0.0.1", "6.6.6.6, 1.2.3.4", 1)).toBe("1.2.3.4");
    expect(addressOf("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", 2)).toBe("1.2.3.4");
    expect(addressOf("10.0.0.1", ["6.6.6.6", "1.2.3.4"], 1)).toBe("1.2.3.4");
    // Fewer than there should be, or no address at all.
    expect(addressOf("10.0.0.1", "1.2.3.4", 2)).toBe("10.0.0.1");
    expect(addressOf("10.0.0.1", "unknown", 1)).toBe("10.0.0.1");
    expect(addressOf("::ffff:10.0.0.1", undefined, 0)).toBe("10.0.0.1");
  });

  test("is a network: an address, or the first half of an IPv6 one", () => {
    expect(networkOf("1.2.3.4")).toBe("1.2.3.4");
    expect(networkOf("2001:db8:0:1:aaaa::1")).toBe("2001:db8:0:1::/64");
    expect(networkOf("2001:DB8::1:2:3:4:5")).toBe(networkOf("2001:db8:0:1:ffff:ffff:ffff:ffff"));
    expect(networkOf("::1")).toBe("0:0:0:0::/64");
    expect(networkOf("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
  });
});

describe("two spellings of one mailbox", () => {
  test.each([
    ["ada@example.com", "Ada@Example.com"],
    ["ada@example.com", "ada+credits@example.com"],
    ["adalovelace@gmail.com", "a.d.a.lovelace+x@googlemail.com"],
    ["ada@example.com", "\uFF41da@example.com"],
  ])("%s and %s are the same", (one, other) => {
    expect(normalEmail(other)).toBe(normalEmail(one));
  });

  test("are told apart from others", () => {
    expect(normalEmail("ada@example.com")).not.toBe(normalEmail("ada@example.org"));
    expect(normalEmail("ada@sub.example.com")).not.toBe(normalEmail("ada@subexample.com"));
  });
});

describe("every answer", () => {
  let server: WebServer;
  let ada: Visitor;
  beforeAll(async () => {
    server = await startWebServer({ DATA_DIR: "memory://", PAYMENTS_DEMO: "allow" });
    ada = new Visitor(server.url);
    await ada.signUp();
  });
  afterAll(() => server?.stop());

  const pages = [
    "/",
    "/pricing",
    "/sign-in",
    "/app/credits",
    "/app/billing",
    "/nowhere",
    "/api/credits/history.csv",
  ];

  test.each(pages)("of %s says what may run, and that no cache may keep it", async (path) => {
    const { headers } = await ada.fetch(path);
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(/script-src 'self' 'nonce-[A-Za-z0-9+/=]{24}' 'strict-dynamic';/);
    for (const directive of [
      "object-src 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "form-action 'self'",
    ])
      expect(policy).toContain(directive);
    expect(policy).not.toContain("unsafe-eval");
    expect(policy).not.toMatch(/script-src[^;]*unsafe-inline/);
    expect(headers.get("cache-control")).toContain("no-store");
    expect(headers.get("cache-control")).toContain("private");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("referrer-policy")).toBe("strict-origin-when-cross-origin");
    expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(headers.get("strict-transport-security")).toBeNull();
  });

  test("has a nonce of its own, and each of its scripts carries it", async () => {
    const [one, other] = [await ada.fetch("/app/credits"), await ada.fetch("/app/credits")];
    const nonceOf = (response: Response) =>
      /'nonce-([^']+)'/.exec(response.headers.get("content-security-policy") ?? "")?.[1];
    expect(nonceOf(one)).not.toBe(nonceOf(other));
    const html = await one.text();
    const scripts = [...html.matchAll(/<script\b([^>]*)>/g)].map(([, attributes]) => attributes ?? "");
    expect(scripts.length).toBeGreaterThan(3);
    for (const attributes of scripts) expect(attributes).toContain(`nonce="${nonceOf(one)}"`);
  });

  test("of an API is private too", async () => {
    for (const path of ["/api/ai/charge?message=x", "/api/auth/get-session", "/api/jobs/credits/grant"]) {
      const response = await ada.fetch(path);
      expect([path, response.headers.get("cache-control")]).toEqual([
        path,
        expect.stringContaining("no-store"),
      ]);
    }
  });

  test("keeps the session out of scripts' reach", async () => {
    const response = await new Visitor(server.url, ada.email).signIn();
    const cookie = response.headers.getSetCookie().find((text) => text.includes("session_token")) ?? "";
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Lax/i);
    expect(cookie).toMatch(/Path=\//i);
  });

  test("over https sends cookies and pages over https only", async () => {
    const https = await startWebServer({ DATA_DIR: "memory://", BETTER_AUTH_URL: "https://app.example.com" });
    try {
      const response = await fetch(`${https.url}/api/auth/sign-up/email`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          origin: "https://app.example.com",
          connection: "close",
        },
        body: JSON.stringify({ name: "Ada", email: "ada@example.com", password: "correct horse battery" }),
      });
      expect(response.status).toBe(200);
      const cookie = response.headers.getSetCookie().find((text) => text.includes("session_token")) ?? "";
      expect(cookie).toMatch(/^__Secure-.*Secure/i);
      const page = await fetch(https.url, { headers: { connection: "close" } });
      expect(page.headers.get("strict-transport-security")).toMatch(/^max-age=63072000/);
      expect(page.headers.get("content-security-policy")).toContain("upgrade-insecure-requests");
    } finally {
      await https.stop();
    }
  });

  test("lets forms lead to the provider that is set up, and to no other", async () => {
    const selling = await startWebServer({
      DATA_DIR: "memory://",
      STRIPE_SECRET_KEY: "sk_test_x",
      STRIPE_WEBHOOK_SECRET: "whsec_x",
    });
    try {
      const page = await fetch(`${selling.url}/pricing`, { headers: { connection: "close" } });
      expect(page.headers.get("content-security-policy")).toContain(
        "form-action 'self' https://checkout.stripe.com https://billing.stripe.com",
      );
    } finally {
      await selling.stop();
    }
  });
});

/** Routes that change something without a session: why another site's page gains nothing by calling them. */
const withoutSession = {
  "/api/webhooks/creem/route": "a signature",
  "/api/webhooks/demo/route": "a signature",
  "/api/webhooks/stripe/route": "a signature",
};

describe("a request that another site's page makes a browser send", () => {
  let server: WebServer;
  let ada: Visitor;
  beforeAll(async () => {
    server = await startWebServer({
      DATA_DIR: "memory://",
      PAYMENTS_DEMO: "allow",
      CREDITS_TEST_CLOCK: "allow",
    });
    ada = new Visitor(server.url);
    await ada.signUp();
  });
  afterAll(() => server?.stop());

  /** Every page and route of the build: a new one is tried too. */
  const routes = () =>
    Object.keys(
      JSON.parse(readFileSync(join(appDirectory, ".next/server/app-paths-manifest.json"), "utf8")) as Record<
        string,
        string
      >,
    );
  const addressOfRoute = (route: string) =>
    route
      .replace(/\/(route|page)$/, "")
      .replaceAll(/\/\([^)]*\)/g, "")
      .replace("/api/auth/[...all]", "/api/auth/sign-out")
      .replaceAll(/\[[^\]]*\]/g, "x") || "/";

  test.each([
    ["another origin", { origin: "https://evil.example" }],
    ["no origin that it would name", { origin: "null" }],
    ["another site, by its browser's word", { "sec-fetch-site": "cross-site" }],
    ["a neighbour on the same domain", { "sec-fetch-site": "same-site" }],
  ])("from %s is refused by every route of the build, and changes nothing", async (_what, headers) => {
    const before = await ada.transactions();
    const tried: string[] = [];
    for (const route of routes()) {
      if (Object.hasOwn(withoutSession, route)) continue;
      for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
        const sent = new Headers({ "content-type": "application/x-www-form-urlencoded", ...headers });
        const response = await ada.foreignFetch(addressOfRoute(route), {
          method,
          headers: sent,
          body: "a=b",
        });
        expect([route, method, response.status]).toEqual([route, method, 403]);
        tried.push(route);
      }
    }
    expect(tried.length).toBeGreaterThan(4 * 25);
    expect(await ada.transactions()).toEqual(before);
  });

  test("a webhook without a signature changes nothing either", async () => {
    const before = await ada.transactions();
    for (const route of Object.keys(withoutSession)) {
      const response = await fetch(`${server.url}${addressOfRoute(route)}`, {
        method: "POST",
        headers: { connection: "close" },
        body: "{}",
      });
      expect([400, 503]).toContain(response.status);
    }
    expect(await ada.transactions()).toEqual(before);
  });
});

describe("what comes too often", () => {
  const withServer = async (
    variables: Record<string, string>,
    work: (server: WebServer) => Promise<void>,
  ) => {
    const server = await startWebServer({ DATA_DIR: "memory://", ...variables });
    try {
      await work(server);
    } finally {
      await server.stop();
    }
  };

  test("of sign-ins and sign-ups of one address is refused, whatever address it claims", async () => {
    await withServer({ RATE_LIMIT_SIGN_IN: "5", RATE_LIMIT_SIGN_UP: "5" }, async (server) => {
      const known = new Visitor(server.url);
      await known.signUp();
      const signIn = (attempt: number) =>
        known.post(
          "/api/auth/sign-in/email",
          { email: known.email, password: "a wrong password" },
          {
            "x-forwarded-for": `10.1.1.${attempt}`,
            "x-real-ip": `10.1.1.${attempt}`,
            "x-client-address": `10.1.1.${attempt}`,
            forwarded: `for=10.1.1.${attempt}`,
          },
        );
      const answers: Response[] = [];
      for (let attempt = 0; attempt < 7; attempt++) answers.push(await signIn(attempt));
      expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 429, 429]);
      expect(Number(answers[6]?.headers.get("retry-after"))).toBeGreaterThan(0);
      const signUps = await Promise.all(Array.from({ length: 7 }, () => new Visitor(server.url).signUp()));
      expect(signUps.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(3);
    });
  });

  test("of one user's metered requests is refused, and another user is not hindered", async () => {
    await withServer({ RATE_LIMIT_REQUESTS: "3", PAYMENTS_DEMO: "allow" }, async (server) => {
      const [ada, bob] = [new Visitor(server.url), new Visitor(server.url)];
      await ada.signUp();
      await bob.signUp();
      for (let count = 0; count < 3; count++) expect((await ada.draw("a harbour")).status).toBe(200);
      const refused = await ada.post("/api/ai/chat", {});
      expect(refused.status).toBe(429);
      expect(await refused.json()).toMatchObject({ error: { code: "RATE_LIMITED" } });
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      const checkout = await ada.fetch("/api/checkout", {
        method: "POST",
        body: new URLSearchParams({ priceId: "x" }),
      });
      expect(checkout.headers.get("location")).toContain("problem=RATE_LIMITED");
      expect((await bob.draw("a harbour")).status).toBe(200);
    });
  });
});
