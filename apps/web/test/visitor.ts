import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { appDirectory } from "./web-server.ts";

interface RouteError {
  code: string;
  message: string;
  required?: number;
  available?: number;
  missing?: number;
}

export interface ChatAnswer {
  status: number;
  /** What was streamed. */
  text: string;
  held?: number;
  charged?: number | null;
  newBalance?: number;
  inputTokens?: number;
  outputTokens?: number;
  error?: RouteError;
}

export interface ImageAnswer {
  mediaType: string;
  base64: string;
  charged: number;
  newBalance: number;
  error?: RouteError;
}

export interface Charge {
  state: "open" | "ended" | "unknown";
  charged: number;
  newBalance: number;
}

interface ChatOptions {
  service?: string;
  messageId?: string;
  signal?: AbortSignal;
}

export function newId(): string {
  return randomUUID();
}

/** Somebody with a browser's manners but none of its rendering: cookies are kept, the origin is sent. */
export class Visitor {
  userId = "";
  readonly email: string;
  #cookies = new Map<string, string>();

  constructor(
    readonly url: string,
    email = `${randomUUID()}@example.com`,
    readonly password = "correct horse battery",
  ) {
    this.email = email;
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const response = await this.foreignFetch(path, {
      ...init,
      headers: { origin: this.url, ...Object.fromEntries(new Headers(init.headers)) },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ""] = cookie.split(";");
      const [name = "", ...value] = pair.split("=");
      this.#cookies.set(name, value.join("="));
    }
    return response;
  }

  /** As a request sends them. */
  get cookies(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** With the visitor's cookies, and without saying which page it comes from. */
  async foreignFetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers({ connection: "close" });
    if (this.#cookies.size > 0) headers.set("cookie", this.cookies);
    for (const [name, value] of new Headers(init.headers)) headers.set(name, value);
    return fetch(`${this.url}${path}`, { redirect: "manual", ...init, headers });
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

  /** Sends a message and reads its answer to the end. */
  async chat(text: string, options: ChatOptions = {}): Promise<ChatAnswer> {
    const response = await this.openChat(text, options);
    if (!response.ok) return { status: response.status, text: "", ...(await response.json()) };
    return { status: response.status, ...readMessageStream(await response.text()) };
  }

  /** Sends a message; its answer is read, or not, by the caller. */
  async openChat(
    text: string,
    { service = "google:fast", messageId = newId(), signal }: ChatOptions = {},
  ): Promise<Response> {
    return this.fetch("/api/ai/chat", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ service, messageId, messages: [{ role: "user", text }] }),
      ...(signal && { signal }),
    });
  }

  async charge(messageId: string): Promise<Charge> {
    return (await this.fetch(`/api/ai/charge?message=${messageId}`)).json();
  }

  async draw(prompt: string, imageId = newId()): Promise<{ status: number; answer: ImageAnswer }> {
    const response = await this.post("/api/ai/image", { prompt, imageId });
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

/** The AI SDK's stream of a message: one JSON event a line, text in pieces, the message's metadata merged. */
function readMessageStream(stream: string): Omit<ChatAnswer, "status"> {
  const events = stream
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice("data: ".length)));
  const text = events.map(({ type, delta }) => (type === "text-delta" ? delta : "")).join("");
  return Object.assign({ text }, ...events.map(({ messageMetadata }) => messageMetadata ?? {}));
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
