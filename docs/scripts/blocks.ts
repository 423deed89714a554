import { readFileSync } from "node:fs";
import { join } from "node:path";
import { docsFolder } from "../.vitepress/pages.ts";

/** One fenced block of a page. */
export interface Block {
  /** Path from the docs folder. */
  page: string;
  /** Line of its first line of code. */
  line: number;
  language: string;
  code: string;
  /** The file that its first line names, as a comment. */
  file?: string;
}

export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(docsFolder, page), "utf8");
  return [...text.matchAll(/^( *)```([\w-]+)[^\n]*\n([\s\S]*?)^\1```/gm)].map((match) => {
    const [, indent = "", language = "", body = ""] = match;
    const code = body.replaceAll(new RegExp(`^${indent}`, "gm"), "");
    const [, file] = /^(?:\/\/|#) ([\w./[\]-]+\.\w+)\n/.exec(code) ?? [];
    const line = text.slice(0, match.index).split("\n").length + 1;
    return { page, line, language, code, ...(file === undefined ? {} : { file }) };
  });
}

/** Whether a block is a whole module; any other is a piece of a function. */
export const isModule = ({ code, file }: Block) =>
  file !== undefined || /^(import|export|["']use server)/m.test(code);
