import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { docsFolder } from "../.vitepress/pages.ts";
import { type Block, blocksOf } from "../scripts/blocks.ts";

const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));
const blocks = blocksOf("start.md");
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

let folder: string;
let port: number;
let output = "";
let stop: () => Promise<void> = async () => {};

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

const environment = () => ({ PATH: process.env.PATH, HOME: process.env.HOME, NEXT_TELEMETRY_DISABLED: "1" });

/** What a command of the page prints, run by a shell in the app's folder. */
async function shell(command: string): Promise<string> {
  const local = command.replaceAll("localhost:3000", `localhost:${port}`).replace(/^curl/gm, "curl -s");
  const separated = local.split("\n").join("; echo; ");
  const { stdout } = await promisify(execFile)("sh", ["-c", separated], { cwd: folder, env: environment() });
  return stdout.trim();
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address ? resolve(address.port) : reject()));
    });
  });
}

async function startApp(): Promise<void> {
  const next = join(modules, "next/dist/bin/next");
  const child = spawn(process.execPath, [next, "dev", "--port", String(port)], {
    cwd: folder,
    env: { ...environment(), NODE_ENV: "development" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  const deadline = Date.now() + readyTimeoutMs;
  while (Date.now() < deadline) {
    if (/Ready in/.test(output)) return;
    if (child.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, readyPollMs));
  }
  throw new Error(`The app did not start:\n${output}`);
}

beforeAll(async () => {
  // Inside the workspace, so that names resolve to its packages as they do after `npm install`.
  folder = mkdtempSync(join(docsFolder, ".start-"));
  port = await freePort();
  for (const [path, text] of Object.entries(freshApp)) write(path, text);
  for (const { file, code } of blocks) if (file !== undefined) write(file, code);
});
afterAll(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Each command of the page with what the page says that it prints. */
function commandsWithAnswers(pattern: RegExp): { command: string; answer: string }[] {
  return blocks.flatMap(({ language, code }, index) => {
    const answer: Block | undefined = blocks[index + 1];
    if (language !== "sh" || !pattern.test(code) || answer === undefined) return [];
    return [{ command: code.trim(), answer: answer.code.trim() }];
  });
}

describe("docs/start.md, followed word by word in a fresh Next.js app", () => {
  it("names the packages that it needs", () => {
    const [install] = blocks.filter(({ language }) => language === "sh");
    expect(install?.code.trim()).toBe("npm install creditkit @electric-sql/pglite");
    expect(blocks.flatMap(({ file }) => file ?? [])).toHaveLength(6);
  });

  it("compiles", async () => {
    const compiler = join(modules, "typescript/bin/tsc");
    const { stdout } = await promisify(execFile)(process.execPath, [compiler, "--noEmit"], { cwd: folder });
    expect(stdout).toBe("");
  });

  it("answers what the page shows: a bonus once, spends, a replay, a refusal", async () => {
    await startApp();
    const calls = commandsWithAnswers(/^curl/);
    expect(calls).toHaveLength(7);
    for (const { command, answer } of calls) expect(await shell(command), output).toBe(answer);
  });

  it("leaves books that are clean, once the app has stopped", async () => {
    await stop();
    const [audit, ...others] = commandsWithAnswers(/^npx creditkit/);
    expect(others).toEqual([]);
    expect(await shell(audit?.command ?? "")).toBe(audit?.answer);
  });
});
