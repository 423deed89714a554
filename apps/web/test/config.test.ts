import { afterEach, describe, expect, test, vi } from "vitest";
import * as config from "@/config/credits";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

describe("the credits configuration", () => {
  test.each(["__proto__", "constructor", "toString", "hasOwnProperty", "", "nothing"])(
    "takes %j for an ordinary unknown name (rule 11)",
    (name) => {
      expect(config.getCreditPackageById(name)).toBeNull();
      expect(config.getSubscriptionPlanCredits(name)).toBeNull();
      expect(config.getCreditConsumption(name)).toBe(1);
    },
  );

  test("refuses two packages with one price at import, naming the place", async () => {
    vi.stubEnv("CREDIT_LITE_PRICE_ID", "price_same");
    vi.stubEnv("CREDIT_MAX_PRICE_ID", "price_same");
    await expect(import("@/config/credits")).rejects.toThrow(/packages\.max\.priceId/);
  });

  test("takes price ids from the environment, and a blank one for none", async () => {
    vi.stubEnv("CREDIT_LITE_PRICE_ID", "price_from_stripe");
    vi.stubEnv("CREDIT_PRO_PRICE_ID", "");
    const fresh = await import("@/config/credits");
    expect(fresh.getCreditPackageById("lite")?.priceId).toBe("price_from_stripe");
    expect(fresh.getCreditPackageById("pro")?.priceId).toBeTruthy();
  });

  test("has a price id of its own for every package", () => {
    const priceIds = config.getCreditPackages().map((creditPackage) => creditPackage.priceId);
    expect(new Set(priceIds).size).toBe(4);
    expect(priceIds.every(Boolean)).toBe(true);
  });

  test("ships with the contract's defaults", () => {
    expect(config.isCreditsEnabled()).toBe(true);
    expect(config.isRegistrationCreditsEnabled()).toBe(true);
    expect(config.allowFreeUserPurchasePackages()).toBe(true);
    expect(config.creditsConfig.registration).toEqual({ enabled: true, amount: 20, validityDays: 30 });
    expect(config.creditsConfig.limitations.maxUserBalance).toBe(10_000);
    expect(config.getSubscriptionPlanCredits("free")).toMatchObject({ monthlyGrant: 10, validityDays: 30 });
    expect(config.getSubscriptionPlanCredits("pro")).toMatchObject({ monthlyGrant: 200, validityDays: 30 });
    const packages = config
      .getCreditPackages()
      .map(({ id, credits, amount, currency, validityDays, bonus }) => [
        id,
        credits,
        amount,
        currency,
        validityDays,
        bonus,
      ]);
    expect(packages).toEqual([
      ["lite", 100, 9.99, "USD", 90, 10],
      ["standard", 500, 29.99, "USD", 90, 50],
      ["pro", 1500, 79.99, "USD", 90, 200],
      ["max", 5000, 199.99, "USD", 365, 1000],
    ]);
    expect(config.getCreditPackageById("pro")?.popular).toBe(true);
    const services = ["google:fast", "google:chat", "google:reasoning", "google:image"];
    expect(services.map(config.getCreditConsumption)).toEqual([1, 2, 4, 5]);
  });
});
