import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const appDirectory = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const nextProgram = fileURLToPath(new URL("../../../node_modules/next/dist/bin/next", import.meta.url));

/** A cold start makes a database first; on a busy machine that takes a while. */
const readyTimeoutMs = 90_000;
const readyPollMs = 100;

export interface WebServer {
  url: string;
  /** Everything it printed so far. */
  output: () => string;
  stop: () => Promise<void>;
}

export type Variables = Record<string, string | undefined>;

/** Starts the built app on a free port and waits until it answers. Variables are the only ones of the app that it sees. */
export async function startWebServer(variables: Variables): Promise<WebServer> {
  const server = await launchWebServer(variables);
  const deadline = Date.now() + readyTimeoutMs;
  while (Date.now() < deadline) {
    if (server.exitCode() !== undefined) throw new Error(`The server stopped at once:\n${server.output()}`);
    // No connection is left open: the server would wait for it when it is stopped.
    const answered = await fetch(server.url, { headers: { connection: "close" } }).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return server;
    await new Promise((resolve) => setTimeout(resolve, readyPollMs));
  }
  await server.stop();
  throw new Error(`The server did not answer in time:\n${server.output()}`);
}

/** Starts the built app and waits until it gives up. */
export async function startAndFail(
  variables: Variables,
): Promise<{ exitCode: number | null; output: string }> {
  const server = await launchWebServer(variables);
  const timer = setTimeout(() => server.stop(), readyTimeoutMs);
  const exitCode = await server.exited;
  clearTimeout(timer);
  return { exitCode, output: server.output() };
}

async function launchWebServer(variables: Variables) {
  const port = await freePort();
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, [nextProgram, "start", "--port", String(port)], {
    cwd: appDirectory,
    // Not the tester's own environment: a DATABASE_URL there would decide what is tested here.
    env: { PATH, HOME, TMPDIR, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production", ...variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let exitCode: number | null | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const exited = new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      exitCode = code;
      resolve(code);
    });
  });
  return {
    url: `http://localhost:${port}`,
    output: () => output,
    exitCode: () => exitCode,
    exited,
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address ? resolve(address.port) : reject()));
    });
  });
}

/** A directory of its own for one test, and how to remove it. */
export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "creditkit-web-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
