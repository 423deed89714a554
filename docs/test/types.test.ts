import { execFile } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { allPages, docsFolder } from "../.vitepress/pages.ts";
import { type Block, blocksOf, isModule } from "../scripts/blocks.ts";

const folder = join(docsFolder, ".types");
const compiler = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));

// What comes from docstrings is a piece of a program, and Chinese pages have the English ones' blocks.
const pages = allPages().filter((page) => !page.startsWith("zh/") && !page.includes("/generated/"));
const blocks = ["../README.md", ...pages]
  .flatMap((page) => (page.startsWith("concepts/") ? together(blocksOf(page)) : blocksOf(page)))
  .filter(({ language, file }) => /^tsx?$/.test(language) || (language === "js" && file !== undefined));
/** A concept's examples go on from one another; blank lines keep their line numbers. */
function together(parts: Block[]): Block[] {
  const [first, ...others] = parts.filter(({ language }) => language === "ts");
  if (first === undefined) return [];
  const code = others.reduce((text, { line, code }) => {
    const lines = text.split("\n").length - 1;
    return `${text}${"\n".repeat(line - first.line - lines)}${code}`;
  }, first.code);
  return [{ ...first, code }];
}

/** Where each block was written, for what the compiler says. */
const origins = new Map<string, Block>();

const folderOf = (page: string) =>
  page
    .replace(/^\.\.\//, "")
    .replace(/\.md$/, "")
    .replaceAll("/", "-");

/** A block that ends in the middle of a function stands in one. */
function asModule(block: Block): string {
  const { code } = block;
  return isModule(block) ? `${code}\nexport {};\n` : `export async function example() {\n${code}\n}\n`;
}

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  for (const [index, block] of blocks.entries()) {
    const path = `${folderOf(block.page)}/${block.file ?? `blocks/${index}.${block.language}`}`;
    origins.set(path, block);
    write(path, asModule(block));
  }
  // The reader's composition root.
  write("host/credits/server.ts", 'export declare const credits: import("creditkit").Credits;\n');
  write(
    "host/server/credits.ts",
    'export declare const credits: import("creditkit").Credits;\nexport declare const config: import("creditkit").ResolvedConfig;\n',
  );
  write("host/server/session.ts", "export declare function requireUser(): Promise<string>;\n");
  // What `creditkit init` writes.
  const written = {
    grantRegistrationBonus: `import("creditkit").Credits["grantRegistrationBonus"]`,
    consumeCreditsForService: `import("creditkit").Credits["consumeForService"]`,
    getUserCreditsInfo: `(params: { userId: string }) => Promise<{ data?: import("creditkit").CreditsInfo; serverError?: string }>`,
  };
  const declared = Object.entries(written).map(([name, type]) => `export declare const ${name}: ${type};\n`);
  write("host/credits/actions.ts", declared.join(""));
  // As the DOM's types have it, which a Next.js app has.
  write("body.d.ts", "interface Request { json(): Promise<any> }\n");
  write(
    "tsconfig.json",
    JSON.stringify({
      // As strict as create-next-app.
      compilerOptions: {
        target: "ES2022",
        // Without "dom", whose `prompt` and `name` would hide that an example names nothing.
        lib: ["esnext"],
        allowJs: true,
        skipLibCheck: true,
        strict: true,
        noEmit: true,
        esModuleInterop: true,
        module: "esnext",
        moduleResolution: "bundler",
        jsx: "react-jsx",
        types: ["node"],
        allowImportingTsExtensions: true,
        paths: {
          // What the registry installs, from where it is built.
          "@/components/credits/*": ["../../apps/web/src/components/credits/*"],
          "@/*": [
            "./host/*",
            ...new Set(
              blocks.flatMap(({ page }) => ["", "src/"].map((base) => `./${folderOf(page)}/${base}*`)),
            ),
          ],
        },
      },
      include: ["**/*", "../test/host.ts"],
    }),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("every TypeScript block of the pages compiles against the package", async () => {
  expect(blocks.length).toBeGreaterThan(30);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [compiler, "-p", folder, "--pretty", "false"],
    {
      cwd: folder,
    },
  ).catch((error: { stdout: string }) => error);
  const problems = stdout
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [, path = "", at = "0", rest = line] = /^(.+?)\((\d+),\d+\): (.*)$/.exec(line) ?? [];
      const block = origins.get(path);
      // A block that is not a module stands one line lower, in its function.
      const shift = block !== undefined && !isModule(block) ? 2 : 1;
      return block === undefined ? line : `docs/${block.page}:${block.line + Number(at) - shift} ${rest}`;
    });
  expect(problems).toEqual([]);
});
