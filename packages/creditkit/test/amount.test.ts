import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { creditsOf, parseAmount, unitsOf } from "../src/core/amount.ts";

describe("amounts (rule 10)", () => {
  it("come back as the very number that went in, for every decimal of every installation", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 1e15 }), (decimals, units) => {
        const credits = Number(`${units}e-${decimals}`);
        expect(unitsOf(credits, decimals)).toBe(units);
        expect(creditsOf(units, decimals)).toBe(credits);
      }),
      { verbose: 1 },
    );
  });

  it.each([
    [0.1 + 0.2, 2],
    [1.005, 2],
    [0.015, 2],
    [1e-7, 6],
    [2 ** 53, 0],
    [9_007_199_254.740992, 6],
  ])("refuse %d at %d decimals", (credits, decimals) => {
    expect(unitsOf(credits, decimals)).toBeNull();
  });

  it("keep within one unit and the cap", () => {
    const range = { decimals: 2, amountMax: 10 };
    expect(parseAmount(0.01, range)).toBe(1);
    expect(parseAmount(10, range)).toBe(1000);
    for (const amount of [0, 0.001, 10.01])
      expect(() => parseAmount(amount, range)).toThrow(/from 0.01 to 10/);
  });
});
