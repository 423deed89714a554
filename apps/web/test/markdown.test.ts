import { describe, expect, test } from "vitest";
import { parseBlocks } from "@/components/markdown";

describe("the text of an answer", () => {
  test("becomes paragraphs, headings, lists and code", () => {
    const text =
      "One\nline two\n\n## Title\n- a\n- b\n  more\n\n3. c\n4) d\n\n```ts\nconst x = 1;\n\n# no title\n```\nend";
    expect(parseBlocks(text)).toEqual([
      { kind: "paragraph", text: "One\nline two" },
      { kind: "heading", text: "Title" },
      { kind: "list", isNumbered: false, start: 1, items: ["a", "b more"] },
      { kind: "list", isNumbered: true, start: 3, items: ["c", "d"] },
      { kind: "code", text: "const x = 1;\n\n# no title" },
      { kind: "paragraph", text: "end" },
    ]);
  });

  test("may end anywhere, since it is still being written", () => {
    const text = "# A\n\n1. one\n2. **two\n\n```\ncode";
    for (let length = 0; length <= text.length; length++) {
      expect(() => parseBlocks(text.slice(0, length))).not.toThrow();
    }
  });

  test("keeps HTML as the text that it is", () => {
    expect(parseBlocks("<img src=x onerror=alert(1)>")).toEqual([
      { kind: "paragraph", text: "<img src=x onerror=alert(1)>" },
    ]);
  });
});
