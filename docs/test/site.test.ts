import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CreditsErrorCode } from "creditkit";
import { beforeAll, describe, expect, it } from "vitest";
import { allPages, docsFolder, linkOf, sidebar } from "../.vitepress/pages.ts";
import type { Subpath } from "../scripts/declarations.ts";
import { writeReference } from "../scripts/reference.ts";
import { untranslated } from "../scripts/words.ts";

const site = join(docsFolder, ".vitepress/dist");
const program = fileURLToPath(new URL("../../node_modules/vitepress/bin/vitepress.js", import.meta.url));

/** Pages that nobody navigates to. */
const outsideSidebar = ["index.md", "zh/index.md"];

const html = new Map<string, string>();
let subpaths: Subpath[];

beforeAll(async () => {
  subpaths = writeReference();
  await promisify(execFile)(process.execPath, [program, "build", docsFolder], { maxBuffer: 2 ** 24 });
  for (const path of readdirSync(site, { recursive: true, encoding: "utf8" }))
    if (path.endsWith(".html")) html.set(path, readFileSync(join(site, path), "utf8"));
});

/** The file that a link of a page leads to, and the anchor in it. */
function target(page: string, href: string): { file: string; anchor: string } {
  const url = new URL(href, `https://site/${page}`);
  const file = url.pathname.slice(1).replace(/(^|\/)$/, "$1index.html");
  return { file: decodeURIComponent(file), anchor: decodeURIComponent(url.hash.slice(1)) };
}

describe("the site", () => {
  it("has every page of the folder", () => {
    const pages = allPages().map((page) => page.replace(/README\.md$/, "index.md").replace(/\.md$/, ".html"));
    expect([...html.keys()].filter((file) => file !== "404.html").sort()).toEqual(pages.sort());
    expect(pages.length).toBeGreaterThan(70);
  });

  it("leads nowhere that does not exist: pages, files and anchors", () => {
    const dead: string[] = [];
    for (const [page, text] of html) {
      const hrefs = [...text.matchAll(/<(?:a|link|img|script)\b[^>]*? (?:href|src)="([^"]+)"/g)];
      for (const [, raw = ""] of hrefs) {
        const href = raw.replaceAll("&amp;", "&");
        if (/^(https?:|data:|mailto:)/.test(href)) continue;
        const { file, anchor } = target(page, href);
        if (!existsSync(join(site, file))) dead.push(`${page}: ${href}`);
        else if (anchor !== "" && !html.get(file)?.includes(` id="${anchor}"`)) dead.push(`${page}: ${href}`);
      }
    }
    expect(dead).toEqual([]);
  });

  it("asks no other host for anything", () => {
    const foreign = [...html].flatMap(([page, text]) =>
      [...text.matchAll(/<(?:link|img|script)\b[^>]*? (?:href|src)="(https?:[^"]+)"/g)].map(
        ([, url]) => `${page}: ${url}`,
      ),
    );
    expect(foreign).toEqual([]);
  });

  it("lists every page in a sidebar, once", () => {
    const links = (["en", "zh"] as const).flatMap((language) =>
      sidebar(language).flatMap(({ items = [] }) => items.flatMap(({ link }) => link ?? [])),
    );
    const missing = allPages().filter(
      (page) => !outsideSidebar.includes(page) && !links.includes(linkOf(page)),
    );
    expect(missing).toEqual([]);
    const english = links.filter((link) => !link.startsWith("/zh/"));
    expect(new Set(sidebar("en").flatMap(({ items = [] }) => items.map(({ link }) => link))).size).toBe(
      sidebar("en").flatMap(({ items = [] }) => items).length,
    );
    expect(english.length).toBeGreaterThan(40);
  });
});

describe("the reference", () => {
  it("explains every name that the package exports", () => {
    expect(subpaths.flatMap(({ declarations }) => declarations).length).toBeGreaterThan(120);
    for (const { name, declarations } of subpaths) {
      const file = name.replace(/^creditkit\/?/, "") || "creditkit";
      for (const folder of ["", "zh/"]) {
        const page = html.get(`${folder}reference/generated/${file}.html`) ?? "";
        const missing = declarations.filter((one) => !page.includes(` id="${one.name}"`));
        expect(missing.map((one) => `${name}: ${one.name}`)).toEqual([]);
      }
    }
  });

  it.each(["errors.md", "zh/errors.md"])(
    "has a section with cause and fix for each code in docs/%s",
    (page) => {
      const text = readFileSync(join(docsFolder, page), "utf8");
      const sections = text.split(/^## `/m).slice(1);
      const complete = sections.filter((section) =>
        /\*\*(Cause\.|原因：)\*\*[\s\S]*\*\*(Fix\.|处理：)\*\*/.test(section),
      );
      expect(complete.map((section) => section.split("`")[0]).sort()).toEqual(
        Object.values(CreditsErrorCode).sort(),
      );
    },
  );

  it("says of each route who may call it, and what it does", () => {
    const table = readFileSync(join(docsFolder, "reference/generated/routes.part.md"), "utf8");
    const rows = table.split("\n").filter((row) => row.startsWith("| `"));
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter((row) => /\| +\|/.test(row))).toEqual([]);
  });

  it("is translated as far as it is not names and signatures", () => {
    expect(untranslated).toEqual([]);
  });
});
