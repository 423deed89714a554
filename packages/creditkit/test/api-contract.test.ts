import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { generateApi } from "swagger-typescript-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { ApiDocument } from "./api-document.ts";
import { newUser, openPostgresLedger } from "./ledger.ts";

const program = fileURLToPath(new URL("../bin/creditkit.js", import.meta.url));
const script = fileURLToPath(new URL("../../../docs/guides/http-api.sh", import.meta.url));
const run = promisify(execFile);

/** What somebody without TypeScript has: the command, a database, and HTTP. */
class Installation {
  private readonly folder = mkdtempSync(join(tmpdir(), "creditkit-serve-"));
  private server: ChildProcess | undefined;
  url = "";
  key = "";

  constructor(private readonly where: readonly string[]) {
    writeFileSync(join(this.folder, "creditkit.config.json"), JSON.stringify(defaultCreditsConfig));
  }

  async command(...args: string[]): Promise<string> {
    const { stdout } = await run(process.execPath, [program, ...this.where, ...args], {
      cwd: this.folder,
      env: { PATH: process.env.PATH },
    });
    return stdout;
  }

  async start(): Promise<void> {
    await this.command("migrate");
    this.key = JSON.parse(await this.command("keys", "create", "test", "--scopes", "all", "--json")).key;
    const server = spawn(process.execPath, [program, "serve", "--port", "0", ...this.where], {
      cwd: this.folder,
      env: { PATH: process.env.PATH },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.server = server;
    this.url = await new Promise<string>((resolve, reject) => {
      let output = "";
      server.once("close", () => reject(new Error(`It stopped at once: ${output}`)));
      server.stderr.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        const [url] = /http:\/\/\S+\/v1/.exec(output) ?? [];
        if (url !== undefined) resolve(url);
      });
    });
  }

  /** @returns The exit code. */
  async stop(): Promise<number | null> {
    const { server } = this;
    if (server === undefined || server.exitCode !== null) return null;
    const ended = new Promise<number | null>((resolve) => server.once("close", resolve));
    server.kill("SIGTERM");
    return ended;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Passes requests on, and remembers which. */
class Listener {
  readonly requests: { method: string; path: string; status: number }[] = [];
  private server: Server | undefined;

  async open(target: string): Promise<string> {
    const server = createServer(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      const { host, connection, "content-length": _, ...headers } = request.headers;
      const answer = await fetch(target + request.url, {
        method: request.method ?? "GET",
        headers: headers as Record<string, string>,
        ...(parts.length > 0 && { body: Buffer.concat(parts) }),
      });
      this.requests.push({ method: request.method ?? "", path: request.url ?? "", status: answer.status });
      response.writeHead(answer.status, {
        "content-type": answer.headers.get("content-type") ?? "text/plain",
      });
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
    this.server = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve));
  }
}

const data = mkdtempSync(join(tmpdir(), "creditkit-serve-data-"));

describe.each(["an embedded database", "PostgreSQL"])("creditkit serve on %s", (kind) => {
  let installation: Installation;
  let document: ApiDocument;
  let close = async () => {};

  beforeAll(async () => {
    let where = ["--data", join(data, "books")];
    if (kind === "PostgreSQL") {
      const ledger = await openPostgresLedger();
      close = () => ledger.close();
      where = ["--database-url", ledger.url];
    }
    installation = new Installation(where);
    await installation.start();
    document = new ApiDocument(await (await fetch(`${installation.url}/openapi.json`)).json());
  });

  afterAll(async () => {
    await installation?.stop();
    installation?.remove();
    await close();
    rmSync(data, { recursive: true, force: true });
  });

  it("is healthy", async () => {
    const response = await fetch(new URL("/health", installation.url));
    expect([response.status, await response.json()]).toEqual([200, { ok: true }]);
  });

  it("does all that the library does for a shell script with curl", async () => {
    const listener = new Listener();
    try {
      const userId = newUser();
      const { stdout } = await run("bash", [script], {
        env: {
          PATH: process.env.PATH,
          CREDITS_URL: await listener.open(installation.url),
          CREDITS_KEY: installation.key,
          CREDITS_USER: userId,
        },
      });
      const called = listener.requests.map(({ method, path }) => document.operationOf(method, path));
      expect(new Set(called)).toEqual(new Set(document.operationIds));
      expect(listener.requests.filter(({ status }) => status >= 400)).toEqual([]);

      // By sections, as the script prints them.
      const answers = Object.fromEntries(
        stdout
          .split(/^# /m)
          .slice(1)
          .map((part) => {
            const [title = "", ...lines] = part.trim().split("\n");
            return [title, lines.filter((line) => line !== "").map((line) => JSON.parse(line))];
          }),
      );
      // 20 of the bonus, 100 by hand, 110 bought, 200 of the plan; 2 spent once, 1 given back, 12 settled.
      expect(answers.Look?.[0]).toMatchObject({ availableCredits: 20 + 100 + 110 + 200 - 2 + 1 - 12 });
      expect(answers["Spend, twice under one key: once"]).toMatchObject([
        { replayed: true },
        { reversedAmount: 1 },
      ]);
      expect(answers.Operate?.find((answer) => "violations" in answer)).toEqual({ ok: true, violations: [] });
      expect(answers.Forget).toMatchObject([{ pseudonym: expect.stringMatching(/^erased:/) }]);
    } finally {
      await listener.close();
    }
  });

  it("serves a client that is generated out of its document", async () => {
    const { files } = await generateApi({
      spec: document.document as never,
      fileName: "client.ts",
      output: false,
      httpClientType: "fetch",
      silent: true,
    });
    const folder = mkdtempSync(join(tmpdir(), "creditkit-client-"));
    try {
      const path = join(folder, "client.ts");
      writeFileSync(path, files.map(({ fileContent }) => fileContent).join("\n"));
      const { Api } = await import(path);
      const client = new Api({
        baseUrl: installation.url,
        baseApiParams: { headers: { authorization: `Bearer ${installation.key}` } },
      });
      const userId = newUser();
      await client.users.grant(userId, { amount: 10, type: "adjustment" });
      const { data: spend } = await client.users.consume(
        userId,
        { service: "google:chat" },
        { headers: { authorization: `Bearer ${installation.key}`, "idempotency-key": "k" } },
      );
      expect(spend).toMatchObject({ consumedAmount: 2, newBalance: 8 });
      const { data: hold } = await client.users.hold(userId, { amount: 5, service: "google:image" });
      expect((await client.users.settle(userId, hold.holdId, { amount: 3 })).data).toMatchObject({
        newBalance: 5,
      });
      expect((await client.users.reverse(userId, spend.transactionId, {})).data).toMatchObject({
        newBalance: 7,
      });
      expect((await client.users.getBalance(userId)).data).toMatchObject({ availableCredits: 7 });
      const page = await client.users.getTransactions(userId, { pageSize: 2 });
      expect(page.data).toMatchObject({ total: 4, pageCount: 2 });
      await expect(client.users.consume(userId, { service: "chat", amount: 8 })).rejects.toMatchObject({
        status: 402,
        error: { code: "INSUFFICIENT_CREDITS", required: 8, available: 7 },
      });
      // What the generated types are made of is what the document says.
      expect(readFileSync(path, "utf8")).toContain("export interface Balance");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("gives up at once where its port is taken, and leaves nothing running", async () => {
    // Beside the one that runs: an embedded database is one process's.
    const other = kind === "PostgreSQL" ? [] : ["--data", join(data, "others")];
    const port = new URL(installation.url).port;
    const refused = installation.command("serve", "--port", port, ...other);
    await expect(refused).rejects.toMatchObject({ code: 3, stderr: expect.stringContaining("EADDRINUSE") });
  });

  it("stops when it is told to, whoever is still connected, and the books are whole", async () => {
    const { hostname, port } = new URL(installation.url);
    // A load balancer that has connected in advance, and somebody who never ends a request.
    const sent = [
      "",
      `POST /v1/users/ada/consume HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 9\r\n\r\n{`,
    ];
    const open = await Promise.all(
      sent.map(async (text) => {
        const socket = connect(Number(port), hostname).on("error", () => {});
        await once(socket, "connect");
        socket.write(text);
        return socket;
      }),
    );
    expect(await installation.stop()).toBe(0);
    for (const socket of open) socket.destroy();
    expect(JSON.parse(await installation.command("audit", "--json"))).toEqual({ ok: true, violations: [] });
  });
});
