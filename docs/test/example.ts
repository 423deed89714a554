import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { vi } from "vitest";
import { docsFolder } from "../.vitepress/pages.ts";
import { type Block, blocksOf, isModule } from "../scripts/blocks.ts";
import { atEnd } from "./cleanup.ts";

/** Inside the workspace, so that names resolve to its packages as they do after `npm install`; gone after the tests of the file. */
export function exampleFolder(): string {
  const folder = mkdtempSync(join(docsFolder, ".example-"));
  atEnd(() => {
    vi.unstubAllGlobals();
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export function write(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** The only block of a page that has this text. */
export function blockOf(page: string, text: string): Block {
  const [block, ...others] = blocksOf(page).filter(({ code }) => code.includes(text));
  if (block === undefined || others.length > 0)
    throw new Error(`docs/${page} has ${others.length + (block ? 1 : 0)} blocks with: ${text}`);
  return block;
}

// biome-ignore lint/suspicious/noExplicitAny: what a page's example makes, no compiler of the test can know
type Left = any;

export interface RunOptions {
  /** What the block takes as given: global from then on. */
  given?: Record<string, unknown>;
  /** Constants of the block that the test looks at, where it does not export them. */
  asked?: readonly string[];
  /** Addresses that stand for the reader's own. */
  replaced?: Record<string, string>;
}

let runs = 0;

/**
 * Runs a block as it stands.
 * @returns What it exports; of a piece of a function what that returns, or the constants that were asked for.
 */
export async function runBlock(folder: string, block: Block, options: RunOptions = {}): Promise<Left> {
  const { given = {}, asked = [], replaced = {} } = options;
  for (const [name, value] of Object.entries(given)) vi.stubGlobal(name, value);
  const code = replaceAll(block.code, replaced);
  const name = `${block.page.replaceAll("/", "-")}-${block.line}-${++runs}.ts`;
  if (isModule(block)) {
    write(folder, name, `${code}\nexport { ${asked.join(", ")} };\n`);
    return import(/* @vite-ignore */ join(folder, name));
  }
  const answer = asked.length > 0 ? `return { ${asked.join(", ")} };` : "";
  write(folder, name, `export async function example() {\n${code}\n${answer}\n}\n`);
  const { example } = await import(/* @vite-ignore */ join(folder, name));
  return example();
}

export function replaceAll(text: string, replaced: Record<string, string>): string {
  return Object.entries(replaced).reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`Nothing to replace: ${from}`);
    return result.replaceAll(from, to);
  }, text);
}
