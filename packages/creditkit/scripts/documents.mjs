// Writes the package's README.md and LICENSE before it is packed: npm takes them from the package's folder only, and
// their text has its one home in the repository's root and docs/.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const read = (path) => readFileSync(at(`../../../${path}`), "utf8");

/** A document's sections: the text before the first heading of level two under "", the others under theirs. */
function sectionsOf(path) {
  const [head = "", ...rest] = read(path).split(/^## /m);
  return new Map([["", head], ...rest.map((text) => [text.slice(0, text.indexOf("\n")), `## ${text}`])]);
}

function section(path, heading) {
  const text = sectionsOf(path).get(heading);
  if (text === undefined)
    throw new Error(`${path} has no section "${heading}", which the package's README is made of`);
  // A path in the repository leads nowhere from the package.
  return text.replace(/\[([^\]]+)\]\((?![a-z]+:)[^)]*\)/g, "$1").trim();
}

/** In one step: another `npm pack` may read at this moment. */
function write(name, text) {
  const draft = at(`../.${name}-${process.pid}`);
  writeFileSync(draft, text);
  renameSync(draft, at(`../${name}`));
}

const parts = [
  section("README.md", ""),
  section("README.md", "Use the library"),
  section("docs/reference/packaging.md", "What each import needs"),
  "MIT licence.",
];
write("README.md", `${parts.join("\n\n")}\n`);
write("LICENSE", read("LICENSE"));
