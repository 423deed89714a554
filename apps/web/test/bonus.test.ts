import { PGlite } from "@electric-sql/pglite";
import { SMTPServer } from "smtp-server";
import { describe, expect, test } from "vitest";
import { Visitor } from "./visitor.ts";
import { freePort, startWebServer, temporaryDirectory, type WebServer } from "./web-server.ts";

async function withServer(variables: Record<string, string>, work: (server: WebServer) => Promise<void>) {
  const server = await startWebServer({ DATA_DIR: "memory://", ...variables });
  try {
    await work(server);
  } finally {
    await server.stop();
  }
}

const balanceOf = async (visitor: Visitor) =>
  ((await visitor.creditsInfo()) as { data: { availableCredits: number } }).data.availableCredits;

const signUp = async (server: WebServer, email: string) => {
  const visitor = new Visitor(server.url, email);
  expect((await visitor.signUp()).status).toBe(200);
  return visitor;
};

describe("the welcome bonus", () => {
  test("is given once for all spellings of one mailbox, also when they sign up at once", async () => {
    const directory = temporaryDirectory();
    const spellings = ["ada", "ada+1", "a.da", "ADA+x", "a.d.a"].map((name) => `${name}@example.com`);
    await withServer({ DATA_DIR: directory.path }, async (server) => {
      const visitors = await Promise.all(spellings.map((email) => signUp(server, email)));
      const balances = await Promise.all(visitors.map(balanceOf));
      expect(balances.sort()).toEqual([0, 0, 0, 0, 20]);
      expect(await balanceOf(await signUp(server, "ada@example.org"))).toBe(20);
      // Asked again on the next visit, as it is for whoever has no history.
      for (const visitor of visitors) expect((await visitor.fetch("/app/credits")).status).toBe(200);
      expect((await Promise.all(visitors.map(balanceOf))).sort()).toEqual([0, 0, 0, 0, 20]);
    });
    const pglite = await PGlite.create(`${directory.path}/database`);
    const { rows } = await pglite.query<{ row: string }>(
      "select to_jsonb(c)::text as row from bonus_claim as c",
    );
    await pglite.close();
    directory.remove();
    expect(rows).toHaveLength(6);
    // Keyed hashes: neither the addresses nor where they came from.
    for (const { row } of rows) expect(row).not.toMatch(/ada|example|127\.0\.0\.1|::1/i);
  });

  test("is given so many times a day to one network, whatever address a request claims", async () => {
    await withServer({ BONUS_ADDRESS_LIMIT: "3" }, async (server) => {
      const balances: number[] = [];
      for (let count = 1; count <= 5; count++) {
        const visitor = new Visitor(server.url);
        const { email, password } = visitor;
        const claimed = `203.0.113.${count}`;
        const response = await visitor.post(
          "/api/auth/sign-up/email",
          { email, password, name: "Ada" },
          {
            "x-forwarded-for": claimed,
            "x-real-ip": claimed,
            "x-client-address": claimed,
            forwarded: `for=${claimed}`,
          },
        );
        visitor.userId = (await response.json()).user.id;
        balances.push(await balanceOf(visitor));
      }
      expect(balances).toEqual([20, 20, 20, 0, 0]);
    });
  });

  test("counts behind a trusted proxy by what the proxy saw, not by what a client wrote before it", async () => {
    await withServer({ BONUS_ADDRESS_LIMIT: "1", TRUSTED_PROXIES: "1" }, async (server) => {
      const balanceFrom = async (forwardedFor: string) => {
        const visitor = new Visitor(server.url);
        const { email, password } = visitor;
        const response = await visitor.post(
          "/api/auth/sign-up/email",
          { email, password, name: "Ada" },
          { "x-forwarded-for": forwardedFor },
        );
        visitor.userId = (await response.json()).user.id;
        return balanceOf(visitor);
      };
      expect(await balanceFrom("203.0.113.1")).toBe(20);
      expect(await balanceFrom("198.51.100.7, 203.0.113.1")).toBe(0);
      expect(await balanceFrom("203.0.113.2")).toBe(20);
      expect(await balanceFrom("2001:db8::1")).toBe(20);
      expect(await balanceFrom("2001:db8::2")).toBe(0);
    });
  });

  test("waits until the address is proven where mail can be sent, and is then given once", async () => {
    const mails: string[] = [];
    const port = await freePort();
    const smtp = new SMTPServer({
      authOptional: true,
      disabledCommands: ["STARTTLS"],
      onData: (stream, _session, callback) => {
        let text = "";
        stream.on("data", (chunk) => {
          text += chunk;
        });
        stream.on("end", () => {
          mails.push(text);
          callback();
        });
      },
    });
    await new Promise<void>((resolve) => smtp.listen(port, "127.0.0.1", resolve));
    try {
      await withServer(
        { SMTP_URL: `smtp://127.0.0.1:${port}`, MAIL_FROM: "shop@example.com" },
        async (server) => {
          const ada = await signUp(server, "ada@example.com");
          await expect.poll(() => mails.length).toBe(1);
          expect(mails[0]).toContain("From: shop@example.com");
          expect(mails[0]).toContain("To: ada@example.com");
          await ada.fetch("/app/credits");
          expect(await balanceOf(ada)).toBe(0);
          // Quoted-printable: lines are folded, and `=` is written out.
          const text = (mails[0] ?? "").replaceAll("=\r\n", "").replaceAll("=3D", "=");
          const link = new URL(/http:\/\/\S*verify-email\S*/.exec(text)?.[0] ?? "");
          for (let times = 0; times < 2; times++) {
            const opened = await ada.fetch(`${link.pathname}${link.search}`);
            expect(opened.status).toBeLessThan(400);
            expect(await balanceOf(ada)).toBe(20);
          }
        },
      );
    } finally {
      await new Promise<void>((resolve) => smtp.close(() => resolve()));
    }
  });
});
