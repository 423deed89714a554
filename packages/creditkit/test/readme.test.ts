import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { openPostgresLedger } from "./ledger.ts";

const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");

it("the README's example runs as it stands and prints what its comments say", async () => {
  const [, example = ""] = /```js\n([\s\S]*?)```/.exec(readme) ?? [];
  const expected = [...example.matchAll(/console\.log\(.*?\);? \/\/ (.*)$/gm)].map(([, comment]) => comment);
  expect(expected).toHaveLength(2);
  // Inside the package, so that its name resolves to the built package as it does for a user.
  const program = fileURLToPath(new URL("../readme-example.mjs", import.meta.url));
  const ledger = await openPostgresLedger();
  try {
    writeFileSync(program, example);
    const { stdout } = await promisify(execFile)(process.execPath, [program], {
      env: { PATH: process.env.PATH ?? "", DATABASE_URL: ledger.url },
    });
    expect(stdout.trim().split("\n")).toEqual(expected);
  } finally {
    rmSync(program, { force: true });
    await ledger.close();
  }
});
