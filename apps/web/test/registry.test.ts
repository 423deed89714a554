import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { appDirectory, temporaryDirectory } from "./web-server.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const shadcn = join(root, "node_modules/shadcn/dist/index.js");
const next = join(root, "node_modules/next/dist/bin/next");
const environment = { ...process.env, NODE_ENV: "production" as const, NEXT_TELEMETRY_DISABLED: "1" };

interface RegistryItem {
  name: string;
  files: { path: string; content: string; target: string }[];
}

const { items } = JSON.parse(readFileSync(join(appDirectory, "registry.json"), "utf8")) as {
  items: RegistryItem[];
};

/** What `shadcn add` asks its own site for before it writes a file: the colors of a theme, here none. */
const noColors = JSON.stringify({
  inlineColors: { light: {}, dark: {} },
  cssVars: { light: {}, dark: {} },
  inlineColorsTemplate: "",
  cssVarsTemplate: "",
});

/** An empty Next.js app with Tailwind and shadcn's colors; the guide's files and their host come on top. */
const emptyApp: Record<string, string> = {
  "package.json": JSON.stringify({ private: true, type: "module", dependencies: { creditkit: "0.1.0" } }),
  "components.json": JSON.stringify({
    style: "new-york",
    rsc: true,
    tsx: true,
    tailwind: { config: "", css: "app/globals.css", baseColor: "neutral", cssVariables: true },
    aliases: { components: "@/components", utils: "@/lib/utils" },
  }),
  "tsconfig.json": JSON.stringify({
    compilerOptions: {
      jsx: "react-jsx",
      lib: ["ES2023", "DOM"],
      module: "esnext",
      moduleResolution: "bundler",
      target: "ES2022",
      strict: true,
      skipLibCheck: true,
      noEmit: true,
      types: ["node"],
      plugins: [{ name: "next" }],
      paths: { "@/*": ["./*"] },
    },
    include: ["**/*.ts", "**/*.tsx"],
  }),
  "next.config.js": `export default {
    serverExternalPackages: ["@electric-sql/pglite"],
    turbopack: { root: ${JSON.stringify(root)} },
  };`,
  "postcss.config.mjs": `export default { plugins: { "@tailwindcss/postcss": {} } };`,
  "app/globals.css": `@import "tailwindcss";
    @theme { --color-card: white; --color-border: silver; --color-primary: navy; --color-muted: whitesmoke; }`,
  "app/style.d.ts": `declare module "*.css";`,
  "server/session.ts": `export const requireUser = async () => "ada";`,
  "server/credits.ts": `import { defaultCreditsConfig } from "creditkit/config";
    import { createTestCredits } from "creditkit/testing";
    export const config = defaultCreditsConfig;
    export const { credits } = await createTestCredits({ now: "2026-01-15T10:00:00Z" });
    await credits.grantRegistrationBonus("ada");
    await credits.consumeForService({ userId: "ada", service: "google:image", amount: 12, description: "A harbour" });`,
};

/** The blocks of the guide that say which file they are. */
function guideFiles(): Record<string, string> {
  const guide = readFileSync(join(root, "docs/guides/react.md"), "utf8");
  const blocks = [...guide.matchAll(/```tsx?\n\/\/ (\S+)\n([\s\S]*?)```/g)];
  return Object.fromEntries(blocks.map(([, path = "", text = ""]) => [path, text]));
}

describe("the registry", () => {
  const built = temporaryDirectory();
  // Beside the app, where the workspace's own packages are found.
  const app = mkdtempSync(join(root, "apps", ".empty-"));
  let server: Server;

  beforeAll(async () => {
    await run("npm", ["run", "registry:build", "--", "--output", built.path], { cwd: appDirectory });
    server = createServer((request, response) => {
      const isColors = request.url?.startsWith("/colors/");
      response.end(isColors ? noColors : readFileSync(join(built.path, request.url ?? "")));
    });
    await new Promise<void>((resolve) => server.listen(0, resolve));
    for (const [path, text] of Object.entries({ ...emptyApp, ...guideFiles() })) {
      mkdirSync(dirname(join(app, path)), { recursive: true });
      writeFileSync(join(app, path), text);
    }
  });
  afterAll(() => {
    server.close();
    built.remove();
    rmSync(app, { recursive: true, force: true });
  });

  test("has every component of the folder, with the files that it imports", () => {
    const folder = readdirSync(join(appDirectory, "src/components/credits"));
    const files = items.flatMap((item) => item.files.map(({ path }) => path.split("/").at(-1)));
    expect([...new Set(files)].sort()).toEqual(folder.sort());
    for (const { name } of items) {
      const item: RegistryItem = JSON.parse(readFileSync(join(built.path, `${name}.json`), "utf8"));
      const packages = item.files.flatMap(({ content }) =>
        [...content.matchAll(/from "([^."][^"]*)"/g)].map(([, from]) => from),
      );
      expect(packages.filter((from) => !/^(react|creditkit(\/react)?)$/.test(from ?? ""))).toEqual([]);
    }
  });

  test("is installed into an empty Next.js app, which compiles and shows what the ledger says", async () => {
    const url = `http://localhost:${(server.address() as AddressInfo).port}`;
    const addresses = items.map(({ name }) => `${url}/${name}.json`);
    await run(process.execPath, [shadcn, "add", "--yes", ...addresses], {
      cwd: app,
      env: { ...environment, REGISTRY_URL: url },
    });
    await run(process.execPath, [next, "build"], { cwd: app, env: environment });

    const html = readFileSync(join(app, ".next/server/app/index.html"), "utf8");
    const text = html.replaceAll(/<!-- -->|<script[\s\S]*?<\/script>/g, "").replaceAll(/<[^>]+>/g, "\n");
    const lines = text.split("\n").map((line) => line.trim());
    // Banner, badge, card, batches, history, packages, in that order.
    expect(lines).toEqual(
      expect.arrayContaining([
        "You have 8 credits left.",
        "Ready to spend",
        "8 of 20",
        "A harbour",
        "Standard",
      ]),
    );
    expect(html).not.toContain("loading");
    const styles = readdirSync(join(app, ".next/static"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".css"))
      .map((name) => readFileSync(join(app, ".next/static", name), "utf8"));
    expect(styles.join()).toContain(".bg-card");
  }, 300_000);
});
