import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { docsFolder, type Language } from "../.vitepress/pages.ts";
import { readSubpaths, type Subpath } from "./declarations.ts";
import { fileOf, homesOf, indexPart, subpathPage } from "./subpath-page.ts";
import { commandsPart, environmentPart, eventsPart, routesPart } from "./tables.ts";

/** Writes the part of the reference that comes from the sources, in both languages, and answers what it has read. */
export function writeReference(): Subpath[] {
  const subpaths = readSubpaths();
  const homes = homesOf(subpaths);
  const [library] = subpaths;
  if (library === undefined) throw new Error("The package exports nothing");
  for (const [language, folder] of Object.entries({
    en: "reference/generated",
    zh: "zh/reference/generated",
  })) {
    const into = language as Language;
    const target = join(docsFolder, folder);
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target, { recursive: true });
    const write = (name: string, text: string) => writeFileSync(join(target, name), text);
    for (const subpath of subpaths) write(fileOf(subpath.name), subpathPage(subpath, homes, into));
    write("index.part.md", indexPart(subpaths, into));
    write("environment.part.md", environmentPart(into));
    write("events.part.md", eventsPart(library.declarations, homes, into));
    write("cli.part.md", commandsPart(into));
    write("routes.part.md", routesPart(into));
  }
  return subpaths;
}

if (import.meta.filename === process.argv[1]) writeReference();
