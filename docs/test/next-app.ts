import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Block } from "../scripts/blocks.ts";
import { atEnd } from "./cleanup.ts";
import { exampleFolder, write } from "./example.ts";

const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));
const readyTimeoutMs = 60_000;
const readyPollMs = 200;

/** What `create-next-app` leaves behind, as far as it matters here. */
const freshApp = {
  "package.json": JSON.stringify({ name: "my-app", private: true, scripts: { dev: "next dev" } }),
  "tsconfig.json": JSON.stringify({
    compilerOptions: {
      target: "ES2017",
      lib: ["dom", "dom.iterable", "esnext"],
      allowJs: true,
      skipLibCheck: true,
      strict: true,
      noEmit: true,
      esModuleInterop: true,
      module: "esnext",
      moduleResolution: "bundler",
      resolveJsonModule: true,
      isolatedModules: true,
      jsx: "react-jsx",
      incremental: true,
      plugins: [{ name: "next" }],
      paths: { "@/*": ["./*"] },
    },
    include: ["next-env.d.ts", "**/*.ts", "**/*.tsx"],
    exclude: ["node_modules"],
  }),
  "next-env.d.ts": '/// <reference types="next" />\n',
  "app/layout.tsx":
    'export default function Layout({ children }: { children: React.ReactNode }) {\n  return <html lang="en"><body>{children}</body></html>;\n}\n',
  "app/page.tsx": "export default function Page() {\n  return <p>Hello</p>;\n}\n",
};

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address ? resolve(address.port) : reject()));
    });
  });
}

/** A fresh Next.js app with the files of a page, as the page says them; gone after the tests of the file. */
export class NextApp {
  readonly folder = exampleFolder();
  port = 0;
  /** What its server has printed. */
  output = "";
  private server: ChildProcess | undefined;

  constructor(blocks: readonly Block[]) {
    for (const [path, text] of Object.entries(freshApp)) write(this.folder, path, text);
    for (const { file, code } of blocks) if (file !== undefined) write(this.folder, file, code);
    // Before the folder goes, as what was said last is done first.
    atEnd(() => this.stop());
  }

  /** @returns What the compiler has to say. */
  async compile(): Promise<string> {
    const compiler = join(modules, "typescript/bin/tsc");
    const options = { cwd: this.folder };
    return promisify(execFile)(process.execPath, [compiler, "--noEmit"], options).then(
      ({ stdout }) => stdout,
      ({ stdout }) => stdout,
    );
  }

  async start(environment: Record<string, string> = {}): Promise<void> {
    this.port = await freePort();
    const next = join(modules, "next/dist/bin/next");
    const { PATH, HOME } = process.env;
    const server = spawn(process.execPath, [next, "dev", "--port", String(this.port)], {
      cwd: this.folder,
      env: { PATH, HOME, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "development", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.server = server;
    for (const stream of [server.stdout, server.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    const deadline = Date.now() + readyTimeoutMs;
    while (Date.now() < deadline) {
      if (/Ready in/.test(this.output)) return;
      if (server.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, readyPollMs));
    }
    throw new Error(`The app did not start:\n${this.output}`);
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => server.once("close", () => resolve()));
    server.kill("SIGTERM");
    await ended;
  }
}
