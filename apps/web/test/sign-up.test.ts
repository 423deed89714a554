import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Visitor } from "./visitor.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

const reserved = "boss@example.com";
let server: WebServer;

beforeAll(async () => {
  server = await startWebServer({ DATA_DIR: "memory://", ADMIN_EMAILS: reserved });
});
afterAll(() => server?.stop());

describe("signing up", () => {
  test("is refused for an address that ADMIN_EMAILS reserves, whatever its case", async () => {
    for (const email of [reserved, "Boss@Example.com"]) {
      const response = await new Visitor(server.url, email).signUp();
      expect([response.status, (await response.json()).code]).toEqual([403, "RESERVED_EMAIL"]);
    }
    expect(server.output()).toContain(`ADMIN_EMAILS lists ${reserved}, which has no account`);
  });

  test("cannot make its user an admin", async () => {
    const visitor = new Visitor(server.url);
    const { email, password } = visitor;
    const fields = { email, password, name: "Eve", role: "admin" };
    await visitor.post("/api/auth/sign-up/email", fields);
    await visitor.signIn();
    const session = await (await visitor.fetch("/api/auth/get-session")).json();
    expect(session?.user?.role ?? "user").toBe("user");
  });

  test("is refused from another site's page", async () => {
    const visitor = new Visitor(server.url);
    const { email, password } = visitor;
    const fields = { email, password, name: "Ada" };
    const response = await visitor.post("/api/auth/sign-up/email", fields, {
      origin: "https://evil.example",
    });
    expect(response.status).toBe(403);
  });

  test("grants the registration bonus (rule 13)", async () => {
    const visitor = new Visitor(server.url);
    expect((await visitor.signUp()).status).toBe(200);
    expect(await visitor.transactions()).toMatchObject({
      data: { total: 1, items: [{ type: "registration_bonus", amount: 20 }] },
    });
  });

  test("makes one user and one bonus however often the form is sent at once (rule 13)", async () => {
    const attempts = Array.from({ length: 8 }, () => new Visitor(server.url, "twice@example.com"));
    const answers = await Promise.all(attempts.map((visitor) => visitor.signUp()));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(422)]);

    const visitor = new Visitor(server.url, "twice@example.com");
    await visitor.signIn();
    expect(await visitor.transactions()).toMatchObject({ data: { total: 1 } });
    expect(await visitor.creditsInfo()).toMatchObject({ data: { availableCredits: 20 } });
  });

  test("ends with signing out: the old cookie opens nothing", async () => {
    const visitor = new Visitor(server.url);
    await visitor.signUp();
    expect((await visitor.fetch("/app/credits")).status).toBe(200);
    await visitor.post("/api/auth/sign-out", {});
    expect((await visitor.fetch("/app/credits")).status).toBe(307);
  });
});
