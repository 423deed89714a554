import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { failureKind } from "../src/core/database.ts";
import { CreditsError, CreditsErrorCode } from "../src/core/errors.ts";

describe("errors", () => {
  it("are recognised across two copies of the package", async () => {
    vi.resetModules();
    const copy = await import("../src/core/errors.ts");
    expect(copy.CreditsError).not.toBe(CreditsError);
    expect(CreditsError.is(new copy.CreditsError("WALLET_FROZEN", "frozen"))).toBe(true);
    for (const other of [new Error("x"), { code: "WALLET_FROZEN" }, null, undefined, "WALLET_FROZEN"]) {
      expect(CreditsError.is(other)).toBe(false);
    }
  });

  it.each([
    ["serialization", { code: "40001" }],
    ["deadlock", new Error("Failed query", { cause: { code: "40P01" } })],
    ["connection", new Error("Query read timeout")],
    ["connection", { code: "57P01" }],
    ["connection", new Error("x", { cause: new Error("y", { cause: { code: "08006" } }) })],
    ["connection", Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })],
    ["connection", new Error("Connection terminated unexpectedly")],
    ["not_migrated", { code: "42P01" }],
    ["other", { code: "23514" }],
    ["other", new Error("Connection to reality lost")],
    ["other", "40001"],
    ["other", undefined],
  ])("are told apart as %s by code, through any wrapper: %o", (kind, error) => {
    expect(failureKind(error)).toBe(kind);
  });

  it("end the search in a ring of causes", () => {
    const ring: { cause?: unknown } = {};
    ring.cause = ring;
    expect(failureKind(ring)).toBe("other");
  });

  it("each have a section of their own in docs/errors.md", () => {
    const page = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
    const sections = [...page.matchAll(/^## `([A-Z_]+)`$/gm)].map(([, code]) => code);
    expect(sections.sort()).toEqual(Object.values(CreditsErrorCode).sort());
  });
});
