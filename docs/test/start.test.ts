import { beforeAll, describe, expect, it } from "vitest";
import { type Block, blocksOf } from "../scripts/blocks.ts";
import { write } from "./example.ts";
import { NextApp } from "./next-app.ts";
import { shell } from "./shell.ts";

const blocks = blocksOf("start.md");

let app: NextApp;
beforeAll(() => {
  app = new NextApp(blocks);
});

/** What a command of the page prints, run by a shell in the app's folder. */
async function printed(command: string): Promise<string> {
  const local = command.replaceAll("localhost:3000", `localhost:${app.port}`).replace(/^curl/gm, "curl -s");
  const { out } = await shell(local.split("\n").join("; echo; "), { cwd: app.folder });
  return out.trim();
}

/** Each command of the page with what the page says that it prints. */
function commandsWithAnswers(pattern: RegExp): { command: string; answer: string }[] {
  return blocks.flatMap(({ language, code }, index) => {
    const answer: Block | undefined = blocks[index + 1];
    if (language !== "sh" || !pattern.test(code) || answer === undefined) return [];
    return [{ command: code.trim(), answer: answer.code.trim() }];
  });
}

describe("docs/start.md, followed word by word in a fresh Next.js app", () => {
  it("names the packages that it needs", () => {
    const installs = blocks.flatMap(({ code }) => (code.startsWith("npm install") ? code.trim() : []));
    expect(installs).toEqual(["npm install creditkit @electric-sql/pglite", "npm install stripe"]);
    expect(blocks.flatMap(({ file }) => file ?? [])).toHaveLength(11);
  });

  it("compiles", async () => {
    expect(await app.compile()).toBe("");
  });

  it("answers what the page shows: a bonus once, spends, a replay, a refusal, a purchase told twice", async () => {
    await app.start({ NODE_OPTIONS: `--import ${new URL("stripe-stand-in.mjs", import.meta.url)}` });
    const pay = blocks.find(({ file }) => file === "pay.sh")?.code ?? "";
    write(app.folder, "pay.sh", pay.replace("localhost:3000", `localhost:${app.port}`));
    const calls = commandsWithAnswers(/^(curl|sh pay)/);
    expect(calls).toHaveLength(11);
    for (const { command, answer } of calls) expect(await printed(command), app.output).toBe(answer);
  });

  it("leaves books that are clean, once the app has stopped", async () => {
    await app.stop();
    const [audit, ...others] = commandsWithAnswers(/^npx creditkit/);
    expect(others).toEqual([]);
    expect(await printed(audit?.command ?? "")).toBe(audit?.answer);
  });
});
