import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const source = join(root, "packages/creditkit/src");

interface Import {
  file: string;
  target: string;
}

function filesUnder(folder: string, pattern: RegExp): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && pattern.test(entry.name) && !entry.parentPath.includes("node_modules"),
    )
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Every import of a folder's TypeScript, relative ones as paths from that folder. */
function importsOf(folder: string): Import[] {
  return filesUnder(folder, /\.tsx?$/).flatMap((path) => {
    const text = readFileSync(path, "utf8");
    const statement = /^(?:import|export|\}).*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm;
    const targets = [...text.matchAll(statement)].map(([, ...found]) => found.find(Boolean) ?? "");
    return targets.map((target) => ({
      file: relative(folder, path),
      target: target.startsWith(".") ? relative(folder, resolve(dirname(path), target)) : target,
    }));
  });
}

const library = importsOf(source);
const from = (prefix: string) => library.filter(({ file }) => file.startsWith(prefix));

describe("who may import whom", () => {
  it("reads the imports at all", () => {
    expect(library.length).toBeGreaterThan(50);
    expect(importsOf(join(root, "apps/web/src")).length).toBeGreaterThan(50);
  });

  it("core imports nothing outside itself", () => {
    expect(from("core/").filter(({ target }) => !target.startsWith("core/"))).toEqual([]);
  });

  it("pure files import each other only", () => {
    const pure = ["core/config.ts", "core/amount.ts", "core/errors.ts", "core/argument.ts"];
    expect(library.filter(({ file, target }) => pure.includes(file) && !pure.includes(target))).toEqual([]);
  });

  it("adapters import core, their peers and Node, never another adapter; testing stands on pglite, the API on webhooks", () => {
    const peers: Record<string, string[]> = {
      // Types of the AI SDK's interface are shapes here: no peer is imported.
      "adapters/ai.ts": ["adapters/ai-price.ts"],
      "adapters/ai-price.ts": [],
      // One adapter in several files, and what sends its webhooks.
      "adapters/api.ts": [
        "@hono/zod-openapi",
        "hono",
        "hono/body-limit",
        "hono/http-exception",
        "rate-limiter-flexible",
        "adapters/api-operation.ts",
        "adapters/api-payment.ts",
        "adapters/api-problem.ts",
        "adapters/api-reference.ts",
        "adapters/api-system.ts",
        "adapters/api-user.ts",
      ],
      "adapters/api-operation.ts": ["@hono/zod-openapi"],
      "adapters/api-payment.ts": ["@hono/zod-openapi", "adapters/api-operation.ts", "adapters/api-schema.ts"],
      "adapters/api-problem.ts": ["@hono/zod-openapi"],
      "adapters/api-reference.ts": ["adapters/api-problem.ts"],
      "adapters/api-schema.ts": ["@hono/zod-openapi"],
      "adapters/api-system.ts": [
        "@hono/zod-openapi",
        "adapters/api-operation.ts",
        "adapters/api-schema.ts",
        "adapters/webhooks.ts",
      ],
      "adapters/api-user.ts": ["@hono/zod-openapi", "adapters/api-operation.ts", "adapters/api-schema.ts"],
      "adapters/creem.ts": ["adapters/creem-event.ts"],
      "adapters/creem-event.ts": [],
      "adapters/drizzle.ts": ["drizzle-orm", "drizzle-orm/pg-core"],
      "adapters/next.ts": [],
      "adapters/opentelemetry.ts": ["@opentelemetry/api"],
      "adapters/pg.ts": [],
      "adapters/pglite.ts": [
        "@electric-sql/pglite",
        "@electric-sql/pglite/nodefs",
        "adapters/pglite-lock.ts",
      ],
      "adapters/pglite-lock.ts": [],
      "adapters/react.tsx": ["react", "adapters/react-store.ts"],
      "adapters/react-store.ts": [],
      "adapters/stripe.ts": ["stripe", "adapters/stripe-event.ts", "adapters/stripe-message.ts"],
      "adapters/stripe-event.ts": ["adapters/stripe-message.ts", "adapters/stripe-plan.ts"],
      "adapters/stripe-message.ts": [],
      "adapters/stripe-plan.ts": ["adapters/stripe-message.ts"],
      "adapters/webhooks.ts": [],
      "adapters/testing.ts": ["@electric-sql/pglite", "adapters/pglite.ts"],
    };
    const strangers = from("adapters/").filter(
      ({ file, target }) =>
        !target.startsWith("core/") && !target.startsWith("node:") && !(peers[file] ?? []).includes(target),
    );
    expect(strangers).toEqual([]);
    expect(new Set(from("adapters/").map(({ file }) => file))).toEqual(new Set(Object.keys(peers)));
  });

  it("only composition roots import core/credits.ts", () => {
    const roots = ["index.ts", "cli.ts", "adapters/testing.ts"];
    const importers = library.filter(({ target }) => target === "core/credits.ts").map(({ file }) => file);
    expect(importers.filter((file) => !roots.includes(file))).toEqual([]);
  });

  it("nobody imports the React components, so that only who asks for them pays", () => {
    const importers = library.filter(({ target }) => target === "react" || /^adapters\/react/.test(target));
    expect([...new Set(importers.map(({ file }) => file))]).toEqual(["adapters/react.tsx"]);
  });

  it("the app imports creditkit by its public subpaths only", () => {
    const manifest = JSON.parse(readFileSync(join(root, "packages/creditkit/package.json"), "utf8"));
    const allowed = Object.keys(manifest.exports).map((path) => path.replace(/^\./, "creditkit"));
    const app = importsOf(join(root, "apps/web/src"));
    const used = app.filter(({ target }) => target.includes("creditkit"));
    expect(used.filter(({ target }) => !allowed.includes(target))).toEqual([]);
  });
});

describe("what the documents say", () => {
  const documents = [
    ...readdirSync(root)
      .filter((name) => name.endsWith(".md"))
      .map((name) => join(root, name)),
    // What the site's build makes is included by pages of other folders; the site's own test follows its links.
    ...filesUnder(join(root, "docs"), /\.md$/).filter((path) => !path.includes("/generated/")),
  ];

  it("names only paths that exist", () => {
    const missing = documents.flatMap((document) => {
      const text = readFileSync(document, "utf8");
      const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target]) => target ?? "");
      const paths = [...text.matchAll(/`((?:packages|apps|docs|bench)\/[\w./@-]+)`/g)].map(
        ([, target]) => target ?? "",
      );
      return [
        ...links.filter((link) => !/^[a-z]+:/.test(link) && !existsSync(resolve(dirname(document), link))),
        ...paths.filter((path) => !existsSync(join(root, path))),
      ].map((target) => `${relative(root, document)}: ${target}`);
    });
    expect(missing).toEqual([]);
  });
});
