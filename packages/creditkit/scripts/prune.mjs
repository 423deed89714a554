// Removes from dist/ what no source makes any more: the compiler leaves it there, and it would be packed.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

for (const entry of readdirSync(join(root, "dist"), { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const built = join(entry.parentPath, entry.name);
  const source = built.slice(join(root, "dist").length).replace(/(\.d\.ts|\.js)$/, "");
  const isMade = [".ts", ".tsx"].some((extension) => existsSync(join(root, "src", source + extension)));
  if (!isMade) rmSync(built);
}
