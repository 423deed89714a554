import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { manifest, packLibrary, root } from "./tarball.ts";

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

it("is in the changelog under its version", () => {
  const changelog = readFileSync(join(root, "CHANGELOG.md"), "utf8");
  expect(/^## (\S+)/m.exec(changelog)?.[1]).toBe(manifest.version);
  expect(existsSync(join(root, "LICENSE"))).toBe(true);
});
