import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { allPages, docsFolder } from "../.vitepress/pages.ts";
import { blocksOf } from "../scripts/blocks.ts";

const read = (page: string) => readFileSync(join(docsFolder, page), "utf8");
const english = allPages().filter((page) =>
  /^(index|start|errors|concepts\/[\w-]+|reference\/[\w-]+)\.md$/.test(page),
);

/** Depths of the headings outside of code, in order. */
function headings(page: string): number[] {
  const text = read(page).replace(/^( *)```[\s\S]*?^\1```/gm, "");
  return [...text.matchAll(/^(#+) /gm)].map(([, marks = ""]) => marks.length);
}

describe("the Chinese pages", () => {
  it("are those of start, concepts and reference", () => {
    expect(english.length).toBeGreaterThan(14);
    const chinese = allPages().filter((page) => page.startsWith("zh/") && !page.includes("/generated/"));
    expect(chinese).toEqual(english.map((page) => `zh/${page}`));
  });

  it.each(english)("zh/%s has the English page's headings, code and drawings, in Chinese", (page) => {
    expect(headings(`zh/${page}`)).toEqual(headings(page));
    const codes = (path: string) => blocksOf(path).map(({ code }) => code);
    expect(codes(`zh/${page}`)).toEqual(codes(page));
    const included = (path: string) => read(path).match(/@include: \S+/g);
    expect(included(`zh/${page}`)).toEqual(included(page));
    expect(read(`zh/${page}`)).toMatch(/\p{Script=Han}{4}/u);
  });

  it.each(["batches", "double-entry", "holds", "idempotency", "periods"])(
    "the drawing %s has the English one's shapes",
    (name) => {
      const shapes = (folder: string) =>
        read(`${folder}concepts/diagrams/${name}.svg`).replace(/>[^<]+</g, "><");
      expect(shapes("zh/")).toEqual(shapes(""));
    },
  );
});
