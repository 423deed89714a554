import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { keepSecret } from "@/secrets";
import { temporaryDirectory } from "./web-server.ts";

const directory = temporaryDirectory();
afterAll(directory.remove);

describe("a generated secret", () => {
  test("is made once and kept", () => {
    const file = join(directory.path, "kept");
    const first = keepSecret(file);
    const second = keepSecret(file);
    expect(first.generated).toBe(true);
    expect(second).toEqual({ value: first.value, file, generated: false });
    expect(first.value).toMatch(/^[\w-]{43}$/);
    expect(readFileSync(file, "utf8").trim()).toBe(first.value);
  });

  test("can be read by its owner only, also after somebody loosened it", () => {
    const file = join(directory.path, "private");
    writeFileSync(file, "x".repeat(43), { mode: 0o644 });
    keepSecret(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("is refused when its file was cut short, rather than trusted", () => {
    const file = join(directory.path, "short");
    writeFileSync(file, "abc");
    expect(() => keepSecret(file)).toThrow(/cut short/);
  });
});
