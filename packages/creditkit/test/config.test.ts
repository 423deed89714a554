import { describe, expect, it } from "vitest";
import { type CreditsConfig, defaultCreditsConfig, resolveConfig } from "../src/core/config.ts";
import { CreditsError } from "../src/core/errors.ts";

function problemPaths(config: unknown): string[] {
  try {
    resolveConfig(config as CreditsConfig);
  } catch (error) {
    if (CreditsError.is(error)) return (error.problems ?? []).map((problem) => problem.path);
    throw error;
  }
  return [];
}

describe("configuration", () => {
  it("takes the sample as it is, complete and frozen", () => {
    const resolved = resolveConfig(defaultCreditsConfig);
    expect(resolved).toMatchObject({ ...defaultCreditsConfig, decimals: 0, strictServices: false });
    expect(Object.isFrozen(resolved.packages.lite)).toBe(true);
  });

  it("takes an empty one: enabled, nothing sold, nothing given", () => {
    expect(resolveConfig({})).toEqual({
      enabled: true,
      decimals: 0,
      strictServices: false,
      registration: { enabled: false, amount: 0 },
      limitations: { allowFreeUserPurchasePackages: true, amountMax: 1e9, holdGraceSeconds: 0 },
      subscription: {},
      packages: {},
      planPrices: [],
      payments: {
        onRefund: "absorb",
        onDispute: "debt",
        freezeOnDispute: false,
        freezeOnFraudWarning: false,
      },
      consumption: {},
    });
  });

  it("checks what plans are sold for, and what becomes of money that went back", () => {
    const price = { priceId: "price_pro", planId: "pro", interval: "month", amount: 9.9, currency: "USD" };
    const { subscription, packages } = defaultCreditsConfig;
    const planPrices = [
      price,
      { ...price, interval: "week" },
      { ...price, priceId: packages.lite.priceId, planId: "constructor", amount: -1, currency: "dollars" },
    ];
    const payments = { onRefund: "keep", onDispute: "debt", freezeOnDispute: 1, freeze: true };
    const found = problemsOf({ subscription, packages, planPrices, payments });
    expect(found).toEqual([
      "planPrices.1.priceId",
      "planPrices.1.interval",
      "planPrices.2.priceId",
      "planPrices.2.planId",
      "planPrices.2.amount",
      "planPrices.2.currency",
      "payments.freeze",
      "payments.onRefund",
      "payments.freezeOnDispute",
    ]);
    expect(resolveConfig({ subscription, planPrices: [price as never] }).planPrices).toEqual([price]);
    expect(problemsOf({ planPrices: {} })).toEqual(["planPrices"]);
  });

  it("reports all problems together, each with its path and what is allowed", () => {
    const { lite, pro } = defaultCreditsConfig.packages;
    const config = {
      enabled: "yes",
      registration: { enabled: true, amount: 0, validityDays: 0 },
      limitations: { maxUserBalance: -1, maxUserBalanc: 5, lowBalance: 1.5 },
      subscription: {
        pro: { id: "plus", enabled: true, monthlyGrant: 1.5, validityDays: 36_501 },
        free: { id: "free", enabled: true, monthlyGrant: 10 },
      },
      packages: {
        lite: { ...lite, credits: 0, currency: "dollars", amount: -1 },
        pro: { ...pro, priceId: lite.priceId },
      },
      consumption: { chat: -1, "": 1 },
    };
    expect(problemPaths(config)).toEqual(
      expect.arrayContaining([
        "enabled",
        "registration.amount",
        "registration.validityDays",
        "limitations.maxUserBalance",
        "limitations.maxUserBalanc",
        "limitations.lowBalance",
        "subscription.pro.id",
        "subscription.pro.monthlyGrant",
        "subscription.pro.validityDays",
        "subscription.free.validityDays",
        "packages.lite.credits",
        "packages.lite.currency",
        "packages.lite.amount",
        "packages.pro.priceId",
        "consumption.chat",
        "consumption.",
      ]),
    );
    expect(() => resolveConfig(config as never)).toThrow(
      /registration\.validityDays: expected a whole number from 1 to 36500/,
    );
  });

  it.each([undefined, null, "x", 1, []])("refuses %j as a whole", (config) => {
    expect(problemPaths(config)).toContain("config");
  });

  it.each([
    ["decimals", { decimals: 7 }],
    ["decimals", { decimals: 0.5 }],
    ["limitations.amountMax", { limitations: { amountMax: 2 ** 53 } }],
    ["limitations.amountMax", { decimals: 6, limitations: { amountMax: 1e10 } }],
    ["limitations.amountMax", { limitations: { amountMax: 0 } }],
    ["consumption.x", { consumption: { x: 1e9 + 1 } }],
    ["consumption.x", { decimals: 1, consumption: { x: 0.25 } }],
    ["limitations.lowBalance", { limitations: { lowBalance: 0 } }],
    ["limitations.lowBalance", { limitations: { lowBalance: "5" } }],
    ["limitations.lowBalance", { decimals: 1, limitations: { lowBalance: 0.25 } }],
    ["strictServices", { strictServices: 1 }],
    ["extra", { extra: true }],
  ])("refuses %s in %j", (path, config) => {
    expect(problemPaths(config)).toEqual([path]);
  });

  it("counts in the smallest unit of its decimals (rule 10)", () => {
    expect(problemPaths({ decimals: 2, consumption: { x: 0.25, y: 0.1 } })).toEqual([]);
  });
});

function problemsOf(config: unknown): string[] {
  try {
    resolveConfig(config as never);
  } catch (error) {
    return (error as CreditsError).problems?.map(({ path }) => path) ?? [];
  }
  return [];
}
