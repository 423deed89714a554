// Packs the package once, as `npm publish` would, and asks publint and "are the types wrong" about the tarball.
// `node scripts/check.mjs [tarball]` takes one that is packed already.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "creditkit-check-"));

function pack() {
  const options = ["--json", "--silent", "-w", "creditkit", "--pack-destination", folder];
  const [{ filename }] = JSON.parse(
    execFileSync("npm", ["pack", ...options], { cwd: root, encoding: "utf8" }),
  );
  return join(folder, filename);
}

try {
  const tarball = process.argv[2] ?? pack();
  const checks = [
    ["publint", "run", tarball, "--strict"],
    // The package is ESM alone: what CommonJS would find is not asked.
    ["attw", tarball, "--profile", "esm-only", "--no-definitely-typed", "--format", "table-flipped"],
  ];
  for (const [command, ...options] of checks) {
    const { status } = spawnSync(join(root, "node_modules/.bin", command), options, { stdio: "inherit" });
    if (status !== 0) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
