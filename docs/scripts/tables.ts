import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { environmentSchema, environmentSections } from "../../apps/web/src/env.ts";
import type { Language } from "../.vitepress/pages.ts";
import type { Declaration } from "./declarations.ts";
import { cell, type Homes, prose } from "./subpath-page.ts";
import { translated, words } from "./words.ts";

const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Every variable of the app, from the schema that checks them. */
export function environmentPart(language: Language): string {
  const say = words[language];
  const lines: string[] = [];
  for (const [section, heading] of Object.entries(environmentSections)) {
    lines.push(`## ${translated(language, "environmentSections", section, heading)}`, "");
    lines.push(`| ${say.variable} | ${say.byDefault} | ${say.meaning} |`, "|---|---|---|");
    for (const [name, variable] of Object.entries(environmentSchema.shape)) {
      const notes = variable.meta();
      if (notes?.section !== section) continue;
      const byDefault = variable.safeParse(undefined).data;
      const text = translated(language, "environment", name, String(notes.description));
      lines.push(
        `| \`${name}\` | ${byDefault === undefined ? "" : `\`${byDefault}\``} | ${cell(escaped(text))} |`,
      );
    }
    lines.push("");
  }
  return lines.join("\n");
}

/** Every event, from the types that `onEvent` gets. */
export function eventsPart(declarations: readonly Declaration[], homes: Homes, language: Language): string {
  const say = words[language];
  const union = declarations.find(({ name }) => name === "CreditsEvent");
  const names = [...(union?.signature.matchAll(/Credits[A-Z]\w+/g) ?? [])].map(([name]) => name).slice(1);
  const lines = names.flatMap((name) => {
    const event = declarations.find((one) => one.name === name);
    if (event === undefined) throw new Error(`${name} is not exported`);
    const [type, ...fields] = event.fields;
    const text = (key: string, original: string) =>
      prose(translated(language, "events", key, original), new Map());
    const rows = fields.map(
      (field) =>
        `| \`${field.name}\` | \`${cell(field.type)}\` | ${cell(text(`${name}.${field.name}`, field.description))} |`,
    );
    return [
      `## \`${type?.type.replaceAll('"', "")}\``,
      "",
      `${text(name, event.description)} [\`${name}\`](./generated/${homes.get(name)})`,
      "",
      `| ${say.field} | ${say.type} | ${say.meaning} |`,
      "|---|---|---|",
      ...rows,
      "",
    ];
  });
  return lines.join("\n");
}

/** Every command and option, from the text that `creditkit --help` prints. */
export function commandsPart(language: Language): string {
  const say = words[language];
  const source = readFileSync(fromRoot("packages/creditkit/src/cli.ts"), "utf8");
  const [, usage] = /const usage = `([\s\S]*?)`;/.exec(source) ?? [];
  if (usage === undefined) throw new Error("The usage text was not found in cli.ts");
  const [, commands = "", options = ""] =
    /<command> \[options\]\n\n([\s\S]*?)\n\nOptions:\n([\s\S]*?)\n\n/.exec(usage) ?? [];
  const table = (heading: string, topic: string, text: string) => [
    `| ${heading} | ${say.what} |`,
    "|---|---|",
    ...entriesOf(text).map(
      ([name, meaning]) =>
        `| \`${cell(name)}\` | ${cell(escaped(translated(language, topic, name, meaning)))} |`,
    ),
    "",
  ];
  return [...table(say.command, "commands", commands), ...table(say.option, "options", options)].join("\n");
}

/** Name and meaning of each line of a usage text; a name or a meaning may go on in the next line. */
function entriesOf(text: string): [name: string, meaning: string][] {
  const entries: [string, string][] = [];
  for (const line of text.split("\n")) {
    const [, name, meaning] = /^ {2}(\S.*?)(?: {2,}(.*))?$/.exec(line) ?? [];
    const last = entries.at(-1);
    if (name !== undefined) entries.push([name, meaning ?? ""]);
    else if (last !== undefined) last[1] = `${last[1]} ${line.trim()}`.trim();
  }
  return entries;
}

interface Route {
  who: "anybody" | "user" | "admin" | "cron" | "key" | "provider" | "tester";
  what: string;
}

/** Every route of the app, from its folders. */
export function routesPart(language: Language): string {
  const say = words[language];
  const notes: Record<string, Route> = JSON.parse(
    readFileSync(new URL("routes.json", import.meta.url), "utf8"),
  );
  const folder = fromRoot("apps/web/src/app");
  const rows = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("/route.ts"))
    .sort()
    .map((file) => {
      const source = readFileSync(`${folder}/${file}`, "utf8");
      const path = `/${file.replace("/route.ts", "")}`;
      const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"].filter((method) =>
        new RegExp(`^export .*\\b${method}\\b`, "m").test(source),
      );
      // A route without notes of its own says what its docstring says.
      const [, docstring = ""] = /\/\*\* (.*) \*\/\nexport async function/.exec(source) ?? [];
      const { who = "", what = docstring } = notes[path] ?? {};
      const meaning = translated(language, "routes", path, what);
      return `| \`${methods.join(", ")} ${path}\` | ${translated(language, "who", who, who)} | ${cell(escaped(meaning))} |`;
    });
  return [`| ${say.route} | ${say.who} | ${say.what} |`, "|---|---|---|", ...rows, ""].join("\n");
}

/** Nothing outside of code may be taken for HTML. */
function escaped(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith("`") ? part : part.replaceAll("<", "&lt;")))
    .join("");
}
