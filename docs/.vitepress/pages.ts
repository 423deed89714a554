import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DefaultTheme } from "vitepress";

export const docsFolder = fileURLToPath(new URL("..", import.meta.url));

export type Language = "en" | "zh";

/** Folders of a language: pages of one and the same name are translations of each other. */
const languageFolder = { en: "", zh: "zh" } as const;

interface Section {
  heading: Record<Language, string>;
  /** Folder and file names; a folder's pages that are not named come after those that are. */
  pages: readonly string[];
  folder?: string;
  collapsed?: boolean;
}

const sections: readonly Section[] = [
  { heading: { en: "Start", zh: "开始" }, pages: ["start.md"] },
  {
    heading: { en: "Concepts", zh: "概念" },
    folder: "concepts",
    pages: ["batches.md", "double-entry.md", "holds.md", "periods.md", "idempotency.md"],
  },
  {
    heading: { en: "Guides", zh: "指南（英文）" },
    folder: "guides",
    pages: [
      "nextjs-from-scratch.md",
      "add-to-existing-app.md",
      "meter-ai.md",
      "stripe.md",
      "creem.md",
      "cron.md",
      "teams.md",
      "testing.md",
      "http-api.md",
      "webhooks.md",
      "react.md",
      "migrate.md",
      "postgresql.md",
      "production.md",
      "scaling.md",
      "sizing.md",
      "observability.md",
      "upgrading.md",
    ],
  },
  {
    heading: { en: "Reference", zh: "参考" },
    folder: "reference",
    pages: ["index.md", "../errors.md", "routes.md", "environment.md", "events.md", "cli.md", "engines.md"],
  },
  {
    heading: { en: "Functions and types", zh: "函数与类型" },
    folder: "reference/generated",
    pages: ["creditkit.md", "config.md"],
    collapsed: false,
  },
  {
    heading: { en: "Decisions", zh: "设计决定（英文）" },
    folder: "decisions",
    pages: ["README.md"],
    collapsed: true,
  },
];

/** Every page of the site, as paths from the docs folder. */
export function allPages(): string[] {
  return readdirSync(docsFolder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".md") && !/node_modules|(^|\/)\./.test(path) && !isPart(path))
    .sort();
}

/** A part is included by pages and is none itself. */
const isPart = (path: string) => path.endsWith(".part.md");

/** The sidebar of a language; where a section is not translated, the English pages. */
export function sidebar(language: Language): DefaultTheme.SidebarItem[] {
  return sections.map(({ heading, collapsed, ...section }) => ({
    text: heading[language],
    ...(collapsed === undefined ? {} : { collapsed }),
    items: pagesOf(section, language).map((path) => ({ text: titleOf(path), link: linkOf(path) })),
  }));
}

function pagesOf({ folder, pages }: Pick<Section, "folder" | "pages">, language: Language): string[] {
  const own = join(languageFolder[language], folder ?? "");
  const home = existsSync(join(docsFolder, own)) ? own : (folder ?? "");
  const named = pages.map((name) => join(home, name)).filter((path) => existsSync(join(docsFolder, path)));
  if (folder === undefined) return named;
  const others = readdirSync(join(docsFolder, home))
    .filter((name) => name.endsWith(".md") && !isPart(name))
    .map((name) => join(home, name))
    .filter((path) => !named.includes(path));
  return [...named, ...others.sort()];
}

/** The first heading, which is what a page is called everywhere. */
function titleOf(path: string): string {
  const text = readFileSync(join(docsFolder, path), "utf8");
  const [, title] = /^# (.+)$/m.exec(text) ?? [];
  if (title === undefined) throw new Error(`docs/${path} has no heading`);
  return title.replaceAll("`", "");
}

export const linkOf = (path: string) =>
  `/${path.replace(/(^|\/)(README|index)\.md$/, "$1").replace(/\.md$/, "")}`;

/** Paths that exist in both languages, without the language's folder. */
export function translatedPages(): string[] {
  const pages = allPages();
  return pages.filter((path) => pages.includes(`zh/${path}`));
}
