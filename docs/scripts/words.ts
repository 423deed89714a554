import { readFileSync } from "node:fs";
import type { Language } from "../.vitepress/pages.ts";

/** The words that stand around what comes from the sources. */
export const words = {
  en: {
    kinds: { function: "Functions", class: "Classes", constant: "Constants", type: "Types" },
    throws: "Throws",
    source: "Source",
    install: "Import",
    field: "field",
    type: "type",
    meaning: "meaning",
    methodsElsewhere: "Its methods are explained at",
    variable: "variable",
    byDefault: "default",
    command: "command",
    option: "option",
    route: "route",
    who: "who may",
    what: "what it does",
  },
  zh: {
    kinds: { function: "函数", class: "类", constant: "常量", type: "类型" },
    throws: "抛出",
    source: "源码",
    install: "导入",
    field: "字段",
    type: "类型",
    meaning: "含义",
    methodsElsewhere: "方法的说明见",
    variable: "变量",
    byDefault: "默认值",
    command: "命令",
    option: "选项",
    route: "路由",
    who: "谁可以调用",
    what: "作用",
  },
} as const satisfies Record<Language, object>;

type Translations = Record<string, Record<string, string>>;
const chinese: Translations = JSON.parse(readFileSync(new URL("chinese.json", import.meta.url), "utf8"));

/** Texts of the sources that have no translation; a test wants none. */
export const untranslated: string[] = [];

/** A text of the sources in a language, by what it is about: where nobody has translated it, as it is. */
export function translated(language: Language, topic: string, name: string, text: string): string {
  if (language === "en" || text === "") return text;
  const found = chinese[topic]?.[name];
  if (found === undefined) untranslated.push(`${topic}: ${name}`);
  return found ?? text;
}
