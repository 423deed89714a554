import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { manifest, packagesOf, packLibrary, root } from "./tarball.ts";

const read = (path: string) => readFileSync(join(root, path), "utf8");
const library = join(root, "packages/creditkit");
const entries = Object.entries(manifest.exports).flatMap(([subpath, target]) =>
  typeof target === "string" ? [] : [{ name: subpath.replace(/^\./, "creditkit"), ...target }],
);
const peers = Object.keys(manifest.peerDependencies);

const tarball = packLibrary();
afterAll(() => tarball.remove());

it("is what publint and are-the-types-wrong want a package to be", async () => {
  const check = join(root, "packages/creditkit/scripts/check.mjs");
  // It ends with an error where one of them finds something.
  const { stdout } = await promisify(execFile)(process.execPath, [check, tarball.path], { cwd: root });
  for (const subpath of Object.keys(manifest.exports))
    expect(stdout).toContain(`"${subpath.replace(/^\./, "creditkit")}"`);
});

it("keeps to its budget of bytes and files", () => {
  const budget = JSON.parse(readFileSync(join(root, "packages/creditkit/package-budget.json"), "utf8"));
  expect(tarball.size).toBeLessThan(budget.packedBytes);
  expect(tarball.unpackedSize).toBeLessThan(budget.unpackedBytes);
  expect(tarball.files.length).toBeLessThan(budget.files);
  // A budget that is far away bounds nothing.
  expect(tarball.size).toBeGreaterThan(0.8 * budget.packedBytes);
});

it("has what runs, what explains it and its licence, and nothing else", () => {
  const paths = tarball.files.map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(["README.md", "LICENSE", "package.json", "bin/creditkit.js"]));
  const others = paths.filter(
    (path) =>
      !/^(dist\/.*\.(js|d\.ts)|sql\/engines\/.*|bin\/creditkit\.js|README\.md|LICENSE|package\.json)$/.test(
        path,
      ),
  );
  expect(others).toEqual([]);
});

it("names in its exports only files that it has, types first", () => {
  for (const [subpath, target] of Object.entries(manifest.exports)) {
    if (typeof target === "string") continue;
    expect([subpath, Object.keys(target)]).toEqual([subpath, ["types", "default"]]);
    const packed = tarball.files.map(({ path }) => `./${path}`);
    expect(packed).toEqual(expect.arrayContaining([target.types, target.default]));
  }
});

it("depends on nothing, and makes no peer a must", () => {
  expect(manifest.dependencies).toBeUndefined();
  const musts = Object.keys(manifest.peerDependencies).filter(
    (name) => manifest.peerDependenciesMeta[name]?.optional !== true,
  );
  expect(musts).toEqual([]);
});

it("imports no package that is not a peer, and has no peer that nothing imports", () => {
  const modules = [...entries.map((entry) => entry.default), "dist/cli.js"];
  const imported = [
    ...new Set(modules.flatMap((module) => packagesOf(join(library, module), { dynamic: true }))),
  ];
  expect(imported.filter((name) => !peers.includes(name))).toEqual([]);
  // What a peer has as its own peer is declared for its range.
  const theirs = imported.flatMap((name) =>
    Object.keys(JSON.parse(read(`node_modules/${name}/package.json`)).peerDependencies ?? {}),
  );
  expect(peers.filter((name) => !imported.includes(name) && !theirs.includes(name))).toEqual([]);
});

it("needs no more for its types than for its code", () => {
  const more = entries.flatMap((entry) => {
    const runs = packagesOf(join(library, entry.default));
    return packagesOf(join(library, entry.types))
      .filter((name) => !runs.includes(name))
      .map((name) => `${entry.name}: ${name}`);
  });
  expect(more).toEqual([]);
});

it.each(["docs/reference/packaging.md", "docs/zh/reference/packaging.md"])(
  "needs for each import what %s says",
  (page) => {
    const named = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
    const rows = [...read(page).matchAll(/^\| (`creditkit[^|]*) \| ([^|]*) \|$/gm)];
    const told = new Map(
      rows.flatMap(([, names = "", needs = ""]) => named(names).map((name) => [name, named(needs)])),
    );
    expect([...told.keys()].sort()).toEqual(entries.map(({ name }) => name).sort());
    for (const { name, default: module } of entries) {
      const needs = told.get(name) ?? [];
      expect([name, needs]).toEqual([name, expect.arrayContaining(packagesOf(join(library, module)))]);
      expect(needs.filter((need) => !peers.includes(need))).toEqual([]);
    }
  },
);

it("has a README whose links lead somewhere from there, and the repository's licence", async () => {
  const extract = (file: string) =>
    promisify(execFile)("tar", ["-xzOf", tarball.path, `package/${file}`]).then(({ stdout }) => stdout);
  const readme = await extract("README.md");
  expect(readme).toContain('import { createCredits, CreditsError } from "creditkit";');
  expect([...readme.matchAll(/\]\((?!https?:)[^)]*\)/g)].map(([link]) => link)).toEqual([]);
  expect(await extract("LICENSE")).toBe(read("LICENSE"));
});

it("has a changelog that begins with what is not released, or with this version and its day", () => {
  const headings = read("CHANGELOG.md").match(/^## .*$/gm) ?? [];
  const released = headings.filter((heading) => heading !== "## [Unreleased]");
  expect(released.filter((heading) => !/^## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d$/.test(heading))).toEqual([]);
  expect(["## [Unreleased]", `## [${manifest.version}]`]).toContain(headings[0]?.replace(/ - .*/, ""));
});
