import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { appDirectory } from "./web-server.ts";

export interface ChatAnswer {
  reply: string;
  charged: number;
  newBalance: number;
  transactionId: string;
  error: { code: string; message: string; required?: number; available?: number; missing?: number };
}

/** Somebody with a browser's manners but none of its rendering: cookies are kept, the origin is sent. */
export class Visitor {
  userId = "";
  readonly email: string;
  readonly password = "correct horse battery";
  #cookies = new Map<string, string>();

  constructor(
    readonly url: string,
    email = `${randomUUID()}@example.com`,
  ) {
    this.email = email;
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers({ origin: this.url, connection: "close" });
    if (this.#cookies.size > 0) {
      headers.set("cookie", [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    }
    for (const [name, value] of new Headers(init.headers)) headers.set(name, value);
    const response = await fetch(`${this.url}${path}`, { redirect: "manual", ...init, headers });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ""] = cookie.split(";");
      const [name = "", ...value] = pair.split("=");
      this.#cookies.set(name, value.join("="));
    }
    return response;
  }

  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const init = { method: "POST", body: JSON.stringify(body) };
    return this.fetch(path, { ...init, headers: { "content-type": "application/json", ...headers } });
  }

  async signUp(): Promise<Response> {
    const { email, password } = this;
    const response = await this.post("/api/auth/sign-up/email", { email, password, name: "Ada" });
    if (response.ok) this.userId = (await response.clone().json()).user.id;
    return response;
  }

  async signIn(): Promise<Response> {
    const { email, password } = this;
    const response = await this.post("/api/auth/sign-in/email", { email, password });
    if (response.ok) this.userId = (await response.clone().json()).user.id;
    return response;
  }

  async chat(message: string, requestId?: string): Promise<{ status: number; answer: ChatAnswer }> {
    const response = await this.post("/api/demo/chat", { message, requestId });
    return { status: response.status, answer: await response.json() };
  }

  /** Calls a server action the way the browser's half of Next.js does, by the id that the build gave it. */
  async call(action: string, ...parameters: unknown[]): Promise<unknown> {
    const id = Object.entries(serverActions()).find(([, name]) => name === action)?.[0];
    if (!id) throw new Error(`The build has no server action ${action}`);
    const response = await this.fetch("/app/credits", {
      method: "POST",
      headers: { "next-action": id, accept: "text/x-component", "content-type": "text/plain;charset=UTF-8" },
      body: JSON.stringify(parameters),
    });
    return readActionResult(await response.text());
  }

  async creditsInfo(userId = this.userId): Promise<unknown> {
    return this.call("getUserCreditsInfo", { userId });
  }

  async transactions(userId = this.userId): Promise<unknown> {
    return this.call("getUserTransactions", { userId });
  }
}

/** Every server action of the build, by id: each is an endpoint that anybody can call. */
export function serverActions(): Record<string, string> {
  const path = join(appDirectory, ".next", "server", "server-reference-manifest.json");
  const { node, edge } = JSON.parse(readFileSync(path, "utf8"));
  const actions: Record<string, { exportedName: string }> = { ...node, ...edge };
  return Object.fromEntries(Object.entries(actions).map(([id, { exportedName }]) => [id, exportedName]));
}

/** The answer is in React's stream format: one row a line, `0` names the row of the result, dates are `$D…`. */
function readActionResult(stream: string): unknown {
  const rows = new Map(
    stream.split("\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1)] as const;
    }),
  );
  const root = JSON.parse(rows.get("0") ?? "{}") as { a?: string };
  const row = rows.get(root.a?.replace("$@", "") ?? "");
  if (row === undefined) throw new Error(`No action result in: ${stream.slice(0, 500)}`);
  return JSON.parse(row, (_key, value) =>
    typeof value === "string" && value.startsWith("$D") ? new Date(value.slice(2)) : value,
  );
}
