import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { manifest, nodeOf, packagesOf, packLibrary, root } from "./tarball.ts";

/** The oldest one of `engines`, and the newest of the two lines that are supported. */
const nodes = ["20.19.0", "24.21.0"];
const versions = nodes.filter((version) => process.env.CI !== undefined || nodeOf(version) !== null);

const subpaths = Object.keys(manifest.exports).filter((path) => path !== "./package.json");
const nameOf = (subpath: string) => subpath.replace(/^\./, "creditkit");

let folder: string;
/** A project in which nothing was installed but the tarball. */
let bare: string;

interface Run {
  exitCode: number;
  out: string;
  error: string;
}

function run(program: string, options: readonly string[], cwd: string, path = ""): Promise<Run> {
  const PATH = [path, process.env.PATH].filter(Boolean).join(delimiter);
  return new Promise((resolve) => {
    execFile(
      program,
      options,
      { cwd, env: { ...process.env, PATH, DATABASE_URL: "" } },
      (error, out, err) => {
        resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), out, error: err });
      },
    );
  });
}

function node(version: string): string {
  const program = nodeOf(version);
  if (program === null) throw new Error(`No Node ${version} is published for this machine`);
  return program;
}

/** What a subpath's modules import of others. */
function needsOf(subpath: string): string[] {
  const entry = manifest.exports[subpath];
  if (entry === undefined || typeof entry === "string") throw new Error(`${subpath} has no conditions`);
  return packagesOf(join(root, "packages/creditkit", entry.default));
}

/** A project with the installed library and, of all that it can stand on, these alone. */
function projectWith(name: string, packages: readonly string[]): string {
  const project = join(folder, name);
  const modules = join(project, "node_modules");
  cpSync(join(bare, "node_modules/creditkit"), join(modules, "creditkit"), { recursive: true });
  // React's types are a package of their own.
  const all = packages.includes("react") ? [...packages, "@types/react"] : packages;
  for (const wanted of all) {
    mkdirSync(dirname(join(modules, wanted)), { recursive: true });
    symlinkSync(join(root, "node_modules", wanted), join(modules, wanted), "junction");
  }
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  return project;
}

interface Imported {
  names?: string[];
  code?: string;
  message?: string;
}

/** Imports each subpath in one process of that Node, and tells the exported names or the error of each. */
async function importAll(paths: readonly string[], version: string, project: string) {
  const program = `const results = {};
for (const path of ${JSON.stringify(paths)})
  results[path] = await import(path.replace(/^\\./, "creditkit")).then(
    (module) => ({ names: Object.keys(module) }),
    ({ code, message }) => ({ code, message }),
  );
console.log(JSON.stringify(results));`;
  const { out, error } = await run(node(version), ["--input-type=module", "-e", program], project);
  if (out === "") throw new Error(error);
  return JSON.parse(out) as Record<string, Imported>;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "creditkit-install-"));
  bare = join(folder, "bare");
  mkdirSync(bare);
  writeFileSync(join(bare, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const tarball = packLibrary();
  const options = ["install", tarball.path, "--no-audit", "--no-fund", "--engine-strict"];
  const { exitCode, error } = await run("npm", options, bare);
  tarball.remove();
  if (exitCode !== 0) throw new Error(error);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("installs alone: no dependency comes with it, and no peer", () => {
  const lock = JSON.parse(readFileSync(join(bare, "package-lock.json"), "utf8"));
  expect(Object.keys(lock.packages)).toEqual(["", "node_modules/creditkit"]);
});

describe.each(versions)("on Node %s", (version) => {
  it("imports each subpath that needs no peer without any; the others name one that they need", async () => {
    const results = await importAll(subpaths, version, bare);
    for (const subpath of subpaths) {
      const { names = [], code, message = "" } = results[subpath] ?? {};
      const needs = needsOf(subpath);
      const named = /^Cannot find package '([^']+)' imported from/.exec(message)?.[1];
      if (needs.length > 0) {
        expect([subpath, code]).toEqual([subpath, "ERR_MODULE_NOT_FOUND"]);
        expect(needs).toContain(named);
      } else {
        expect([subpath, message]).toEqual([subpath, ""]);
        expect(names).not.toEqual([]);
      }
    }
  });

  const needy = subpaths.filter((subpath) => needsOf(subpath).length > 0);
  it.each(needy)("imports %s with what it needs and nothing else", async (subpath) => {
    const project = projectWith(`${version}-${nameOf(subpath).replace("/", "-")}`, needsOf(subpath));
    const { [subpath]: imported } = await importAll([subpath], version, project);
    expect(imported).toEqual({ names: expect.arrayContaining([expect.any(String)]) });
  });

  it("spends on an embedded database in memory", async () => {
    const project = projectWith(`${version}-spend`, ["@electric-sql/pglite"]);
    writeFileSync(
      join(project, "spend.js"),
      `import { PGlite } from "@electric-sql/pglite";
import { createCredits } from "creditkit";
import { fromPglite } from "creditkit/pglite";

const pglite = await PGlite.create();
const config = { consumption: { chat: 2 } };
const credits = createCredits({ database: fromPglite(pglite), config });
await credits.migrate();
await credits.grant({ userId: "ada", amount: 10, type: "purchase" });
const { newBalance } = await credits.consumeForService({ userId: "ada", service: "chat" });
console.log(process.version, newBalance);
await pglite.close();
`,
    );
    const { out, error } = await run(node(version), ["spend.js"], project);
    expect(error).toBe("");
    expect(out).toBe(`v${version} 8\n`);
  });

  it("runs the command: help without peers, the rest with what the database needs", async () => {
    // npx and the command itself run on the Node that comes first in the path.
    const at = dirname(node(version));
    const command = (options: readonly string[], project: string) =>
      run("npx", ["creditkit", ...options], project, at);
    const help = await command(["--help"], bare);
    expect(help).toMatchObject({ exitCode: 0, error: "" });
    expect(help.out).toContain("Usage: creditkit <command>");

    for (const [options, packages] of [
      [["migrate", "--data", "data"], "@electric-sql/pglite"],
      [["migrate", "--database-url", "postgres://localhost/none"], "pg"],
    ] as const) {
      const without = await command(options, bare);
      expect(without.exitCode).toBe(2);
      expect(without.error).toMatch(new RegExp(`needs: npm install ${packages}\n`));
    }

    const project = projectWith(`${version}-command`, ["@electric-sql/pglite"]);
    mkdirSync(join(project, "node_modules/.bin"));
    cpSync(join(bare, "node_modules/.bin"), join(project, "node_modules/.bin"), {
      recursive: true,
      verbatimSymlinks: true,
    });
    const migrated = await command(["migrate", "--data", "data"], project);
    expect(migrated).toMatchObject({ exitCode: 0, error: "" });
    expect(migrated.out).toContain("Applied 0001_ledger");
    expect(await command(["audit", "--data", "data"], project)).toMatchObject({
      exitCode: 0,
      out: "The books are clean.\n",
    });
  });
});

it.concurrent.each(["NodeNext", "bundler"] as const)(
  "each subpath's types compile under %s, strict and with the declarations checked",
  async (resolution) => {
    const project = projectWith(`types-${resolution}`, [...new Set(subpaths.flatMap(needsOf))]);
    for (const [number, subpath] of subpaths.entries()) {
      const name = JSON.stringify(nameOf(subpath));
      const lines = [
        `import * as used from ${name};`,
        "// Were the module untyped, this would be no error.",
        "// @ts-expect-error",
        `import { nothingOfThisName } from ${name};`,
        "export const names: string[] = Object.keys(used);",
        "export { nothingOfThisName };",
      ];
      writeFileSync(join(project, `use-${number}.ts`), lines.join("\n"));
    }
    const compilerOptions = {
      target: "ES2022",
      module: resolution === "NodeNext" ? "NodeNext" : "preserve",
      moduleResolution: resolution,
      strict: true,
      skipLibCheck: false,
      noEmit: true,
      types: [],
    };
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["use-*.ts"] }));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const { exitCode, out } = await run(process.execPath, [compiler, "--pretty", "false"], project);
    const errors = out.split("\n").filter((line) => / error TS\d+: /.test(line));
    // What a peer's own declarations lack is not this package's.
    expect(errors.filter((line) => !/^[^(]*node_modules\/(?!creditkit\/)/.test(line))).toEqual([]);
    if (errors.length === 0) expect({ exitCode, out }).toEqual({ exitCode: 0, out: "" });
  },
);
