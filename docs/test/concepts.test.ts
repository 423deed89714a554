import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { PGlite } from "@electric-sql/pglite";
import { createCredits } from "creditkit";
import { fromPglite } from "creditkit/pglite";
import { afterAll, describe, expect, it, vi } from "vitest";
import { allPages, docsFolder } from "../.vitepress/pages.ts";
import { blocksOf } from "../scripts/blocks.ts";

const folder = join(docsFolder, ".concepts-run");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The lines that a page's comments promise: behind a call of console.log, or below the loop that makes several. */
function promised(code: string): string[] {
  return code.split("\n").flatMap((line, index, lines) => {
    const [, behind] = /console\.log\(.*\); \/\/ (.*)$/.exec(line) ?? [];
    if (behind !== undefined) return [behind];
    const [, below] = /^\/\/ (.*)$/.exec(line) ?? [];
    const isBelowLoop = below !== undefined && lines.slice(0, index).some((before) => before === "}");
    return isBelowLoop ? [below] : [];
  });
}

describe("the concepts' examples", () => {
  const pages = allPages().filter((page) => page.startsWith("concepts/"));

  it.each(pages)("docs/%s runs as it stands and prints what its comments say", async (page) => {
    const code = blocksOf(page)
      .filter(({ language }) => language === "ts")
      .map((block) => block.code)
      .join("\n");
    mkdirSync(folder, { recursive: true });
    const file = join(folder, page.replaceAll("/", "-").replace(".md", ".ts"));
    writeFileSync(file, code);
    const printed: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => {
      const words = values.map((value) => (typeof value === "string" ? value : inspect(value)));
      printed.push(words.join(" "));
    });
    await import(/* @vite-ignore */ file).finally(() => log.mockRestore());
    expect(printed).toEqual(promised(code));
    expect(printed.length).toBeGreaterThan(3);
  });
});

it("every SQL statement of the pages runs on a migrated ledger", async () => {
  const statements = allPages()
    .filter((page) => !page.startsWith("zh/"))
    .flatMap(blocksOf)
    .filter(({ language }) => language === "sql");
  expect(statements.length).toBeGreaterThan(2);
  const pglite = await PGlite.create();
  await createCredits({ database: fromPglite(pglite), config: {} }).migrate();
  await pglite.exec("create role app");
  for (const { code, page, line } of statements) {
    await expect(pglite.exec(code), `docs/${page}:${line}`).resolves.toBeDefined();
  }
  await pglite.close();
});
