import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { chooseLocale } from "@/i18n/locale";
import { messages } from "@/i18n/messages";
import { appDirectory } from "./web-server.ts";

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, path = ""): [key: string, text: string][] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const name = path === "" ? key : `${path}.${key}`;
    return typeof value === "string" ? [[name, value] as [string, string]] : flat(value, name);
  });
}

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

const english = flat(messages.en);
const chinese = new Map(flat(messages["zh-CN"]));
/** What is filled in, and what stands out. */
const argumentsOf = (text: string) =>
  [
    ...new Set(
      [...text.replaceAll(/\b(one|other) \{[^{}]*\}/g, "").matchAll(/\{(\w+)|<(\w+)>/g)].map(
        ([, argument, tag]) => argument ?? tag,
      ),
    ),
  ].sort();

describe("the texts", () => {
  test("are the same ones in both languages, with the same things to fill in", () => {
    expect([...chinese.keys()].sort()).toEqual(english.map(([key]) => key).sort());
    for (const [key, text] of english)
      expect([key, argumentsOf(chinese.get(key) ?? "")]).toEqual([key, argumentsOf(text)]);
  });

  test("are Chinese in Chinese, with its own punctuation", () => {
    for (const [key, text] of chinese) {
      // Nothing but what is filled in.
      if (!/\p{Letter}/u.test(text.replaceAll(/\{\w+\}/g, ""))) continue;
      expect([key, text], "has Chinese characters").toEqual([key, expect.stringMatching(/\p{Script=Han}/u)]);
      expect([key, text], "has no English punctuation between them").toEqual([
        key,
        expect.not.stringMatching(/\p{Script=Han}[,:;?!]|[,;?!]\p{Script=Han}/u),
      ]);
    }
  });

  test("stand in the pages by name: no page has English of its own", () => {
    // Names of the product, of nothing, and single signs.
    const allowed = new Set(["Creditkit", "A page"]);
    const found = sources(join(appDirectory, "src"))
      .filter((file) => file.endsWith(".tsx"))
      .flatMap((file) => {
        const text = readFileSync(file, "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
        const between = [...text.matchAll(/>\s*([^<>{}()=;]*[A-Za-z]{3,}[^<>{}()=;]*)\s*</g)];
        const attributes = [
          ...text.matchAll(/(?:aria-label|title|placeholder|alt|label)="([^"]*[A-Za-z]{2,}[^"]*)"/g),
        ];
        return [...between, ...attributes]
          .map(([, words]) => words?.trim() ?? "")
          .filter((words) => !allowed.has(words))
          .map((words) => `${file}: ${words}`);
      });
    expect(found).toEqual([]);
  });

  test("are each used by some page", () => {
    const code = sources(join(appDirectory, "src"))
      .map((file) => readFileSync(file, "utf8"))
      .join("\n");
    const unused = english
      .map(([key]) => key)
      .filter((key) => {
        const names = key.split(".").slice(1);
        const last = names.at(-1) ?? "";
        // By its own name, by the end of a path, or by a name that is put together.
        return !(
          code.includes(`"${last}"`) ||
          code.includes(`.${last}"`) ||
          code.includes(`.${last}\``) ||
          names.slice(0, -1).some((name) => code.includes(`${name}.\${`) || code.includes(`.${name}")`)) ||
          code.includes(`}${last.replace(/^[a-z]+/, "")}\``) ||
          code.includes(`[${last}]`) ||
          // With all that stand beside it.
          code.includes(`essages.${key.slice(0, -last.length - 1)}`) ||
          code.includes(`essages().${key.slice(0, -last.length - 1)}`)
        );
      });
    expect(unused).toEqual([]);
  });
});

describe("the language of a reader", () => {
  test.each([
    [undefined, null, "en"],
    [undefined, "zh-TW,zh;q=0.9,en;q=0.8", "zh-CN"],
    [undefined, "fr-FR, en;q=0.5, zh;q=0.9", "zh-CN"],
    [undefined, "zh;q=0, en;q=0.1", "en"],
    [undefined, "fr", "en"],
    ["zh-CN", "en", "zh-CN"],
    ["xx", "zh", "zh-CN"],
    ["../../etc", "", "en"],
  ])("of the cookie %j and the browser %j is %s", (cookie, header, locale) => {
    expect(chooseLocale(cookie, header)).toBe(locale);
  });
});
