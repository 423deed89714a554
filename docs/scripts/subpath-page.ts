import { CreditsErrorCode } from "creditkit";
import type { Language } from "../.vitepress/pages.ts";
import type { Declaration, Field, Subpath } from "./declarations.ts";
import { translated, words } from "./words.ts";

const kinds = ["function", "class", "type", "constant"] as const;

/** What a subpath is for, in one sentence; a new one may do without. */
const purpose: Record<string, string> = {
  creditkit: "The ledger: `createCredits`, its operations, and the types of what goes in and comes out.",
  "creditkit/ai": "Middleware that meters the AI SDK's model calls.",
  "creditkit/api": "The HTTP API, as a handler that mounts in any Web-standard app.",
  "creditkit/config":
    "The configuration and its checks. Pure: no database, no environment, safe in a browser.",
  "creditkit/creem": "Creem as payment provider.",
  "creditkit/drizzle":
    "A Drizzle database or transaction as database, and the tables as a typed schema for reading.",
  "creditkit/next": "Handlers of cron routes and webhooks, over Web-standard requests.",
  "creditkit/opentelemetry": "Spans and metrics through OpenTelemetry.",
  "creditkit/pg": "A `pg.Pool` as database.",
  "creditkit/pglite": "PGlite as database, durable and locked.",
  "creditkit/react": "A live balance in React: provider, hook, balance and gate.",
  "creditkit/stripe": "Stripe as payment provider.",
  "creditkit/testing": "A whole ledger in memory with a clock that tests move.",
  "creditkit/webhooks": "Sending outgoing webhooks (Standard Webhooks).",
};

/** Where each exported name is explained. */
export type Homes = ReadonlyMap<string, string>;

export const fileOf = (subpath: string) => `${subpath.replace(/^creditkit\/?/, "") || "creditkit"}.md`;

/** The first subpath that exports a name explains it. */
export function homesOf(subpaths: readonly Subpath[]): Homes {
  const homes = new Map<string, string>();
  for (const { name, declarations } of subpaths)
    for (const declaration of declarations)
      if (!homes.has(declaration.name))
        homes.set(declaration.name, `${fileOf(name)}#${anchor(declaration.name)}`);
  return homes;
}

const anchor = (name: string) => name;

/** The page of one subpath. */
export function subpathPage(subpath: Subpath, homes: Homes, language: Language): string {
  const say = words[language];
  const text = translated(language, "subpaths", subpath.name, purpose[subpath.name] ?? "");
  const lines = [`# ${subpath.name}`, "", text, ""];
  for (const kind of kinds) {
    const found = ordered(subpath.declarations, kind);
    if (found.length > 0) lines.push(`## ${say.kinds[kind]}`, "");
    for (const declaration of found)
      lines.push(...section(declaration, subpath.declarations, homes, language));
  }
  return `${lines.join("\n")}\n`;
}

/** One line for each subpath, with its names. */
export function indexPart(subpaths: readonly Subpath[], language: Language): string {
  return subpaths
    .map(({ name, declarations }) => {
      const text = translated(language, "subpaths", name, purpose[name] ?? "");
      const names = kinds.flatMap((kind) => ordered(declarations, kind));
      const links = names.map((one) => `[\`${one.name}\`](./generated/${fileOf(name)}#${anchor(one.name)})`);
      return `### ${name}\n\n${text}\n\n${links.join(" · ")}\n`;
    })
    .join("\n");
}

/** What can be called comes first, then what it takes and answers. */
function ordered(declarations: readonly Declaration[], kind: Declaration["kind"]): Declaration[] {
  return declarations
    .filter((one) => one.kind === kind)
    .sort(
      (a, b) => Number(b.methods.length > 3) - Number(a.methods.length > 3) || a.name.localeCompare(b.name),
    );
}

function section(
  declaration: Declaration,
  others: readonly Declaration[],
  homes: Homes,
  language: Language,
): string[] {
  const say = words[language];
  const { name, fields, methods } = declaration;
  const derived = others.find(({ bases }) => bases.includes(name));
  const home = mostDerived(derived, others);
  return [
    `### \`${name}\` {#${anchor(name)}}`,
    "",
    ...explanation(declaration, homes, say),
    ...fieldTable(fields, homes, say),
    ...(home !== undefined && methods.length > 0
      ? [`${say.methodsElsewhere} [\`${home.name}\`](#${anchor(home.name)}).`, ""]
      : methods.flatMap((method) => [
          `#### \`${method.name}\` {#${anchor(name)}-${anchor(method.name)}}`,
          "",
          ...explanation(method, homes, say),
        ])),
  ];
}

function mostDerived(
  declaration: Declaration | undefined,
  others: readonly Declaration[],
): Declaration | undefined {
  const next = declaration && others.find(({ bases }) => bases.includes(declaration.name));
  return next === undefined ? declaration : mostDerived(next, others);
}

function explanation(declaration: Declaration, homes: Homes, say: (typeof words)[Language]): string[] {
  const { signature, description, throws, example, source } = declaration;
  const lines = ["```ts", signature, "```", ""];
  if (description !== "") lines.push(prose(description, homes), "");
  if (throws !== "") lines.push(`**${say.throws}** ${prose(throws, homes)}`, "");
  if (example !== "") lines.push("```ts", example, "```", "");
  return [...lines, `<small>${say.source}: \`${source}\`</small>`, ""];
}

function fieldTable(fields: readonly Field[], homes: Homes, say: (typeof words)[Language]): string[] {
  if (fields.length === 0) return [];
  const rows = fields.map(
    ({ name, type, description }) =>
      `| \`${name}\` | \`${cell(type)}\` | ${cell(prose(description, homes))} |`,
  );
  return [`| ${say.field} | ${say.type} | ${say.meaning} |`, "|---|---|---|", ...rows, ""];
}

export const cell = (text: string) => text.replace(/\s*\n\s*/g, " ").replaceAll("|", "\\|");

/** A docstring as Markdown: names and codes as links, and nothing that could be taken for HTML. */
export function prose(text: string, homes: Homes): string {
  const parts = text.replaceAll("`docs/errors.md`", "[the errors](../../errors.md)").split(/(`[^`]*`)/);
  const linked = parts.map((part) => {
    if (!part.startsWith("`"))
      return part
        .replace(/\{@link (\w+)\s*\}/g, (_, name: string) => link(name, homes.get(name)))
        .replaceAll("<", "&lt;");
    const name = part.slice(1, -1);
    return Object.hasOwn(CreditsErrorCode, name)
      ? link(name, `../../errors.md#${name.toLowerCase().replaceAll("_", "-")}`)
      : link(name, homes.get(name));
  });
  return linked.join("");
}

const link = (name: string, target: string | undefined) =>
  target === undefined ? `\`${name}\`` : `[\`${name}\`](${target})`;
