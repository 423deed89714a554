import { amountMaxDefault, unitsOf } from "./amount.ts";
import { idLengthMax, isValidityDays, parseId, parseService, validityDaysMax } from "./argument.ts";
import { type ConfigProblem, CreditsError } from "./errors.ts";

export { type ConfigProblem, CreditsError, CreditsErrorCode } from "./errors.ts";

/** The longest time after a hold's timeout in which it can still be settled. */
export const graceSecondsMax = 86_400;

/** Credits that are sold once. */
export interface CreditPackage {
  id: string;
  name?: string;
  description?: string;
  /** Credits for the money, before `bonus`. */
  credits: number;
  /** The provider's price: a Stripe `price_…` or a Creem `prod_…` id. */
  priceId: string;
  /** Price to show, in major units of `currency`, e.g. 9.99. */
  amount: number;
  /** ISO 4217 code, e.g. `USD`. */
  currency: string;
  popular?: boolean;
  /** Days (of 24 h) until the credits expire; omitted: never. */
  validityDays?: number;
  /** Credits on top. */
  bonus: number;
}

/** Credits that a plan grants every month. */
export interface PlanCreditsConfig {
  id: string;
  enabled: boolean;
  /** Credits per period; 0 grants nothing. */
  monthlyGrant: number;
  /** Days (of 24 h) until a period's credits expire, counted from the period's start. */
  validityDays: number;
}

/** A price at which a plan is sold. */
export interface PlanPrice {
  /** The provider's price: a Stripe `price_…` or a Creem `prod_…` id. */
  priceId: string;
  /** A plan of `subscription`. */
  planId: string;
  interval: "month" | "year";
  /** Price to show, in major units of `currency`, e.g. 9.99. */
  amount: number;
  /** ISO 4217 code, e.g. `USD`. */
  currency: string;
}

/** What becomes of credits whose money went back, and were spent meanwhile (rule 24). */
export type SpentCredits = "absorb" | "debt";

/** What a host configures. */
export interface CreditsConfig {
  /** Off: grants and spends throw `CREDITS_DISABLED`, jobs and queries answer zeros. Default true. */
  enabled?: boolean;
  /** Decimal places of the smallest unit, 0–6, fixed by the first migration. Default 0. */
  decimals?: number;
  /** A service without a price throws `UNKNOWN_SERVICE` instead of costing 1. Default false. */
  strictServices?: boolean;
  /** The bonus of a new user. Default off. */
  registration?: { enabled: boolean; amount: number; validityDays?: number };
  limitations?: {
    /** Whether a user without a paid plan may buy packages. Default true. */
    allowFreeUserPurchasePackages?: boolean;
    /** Free credits (bonus, monthly, manual) are granted only up to this balance, available and held. Default: no limit. */
    maxUserBalance?: number;
    /** Below this available balance a wallet is low, and `onEvent` hears `credits.low`. Default: never. */
    lowBalance?: number;
    /** Largest amount of one call, in credits. Default 1e9. */
    amountMax?: number;
    /** Seconds after a hold's timeout during which settling it still spends from the balance, 0–86 400. Default 0. */
    holdGraceSeconds?: number;
  };
  /** Plans by id. The plan named `free` is for users with no live paid subscription. */
  subscription?: Record<string, PlanCreditsConfig>;
  /** Packages by id. */
  packages?: Record<string, CreditPackage>;
  /** What plans are sold for. */
  planPrices?: readonly Readonly<PlanPrice>[];
  payments?: {
    /** What was spent of a refunded purchase: given up, or owed. Default `absorb`. */
    onRefund?: SpentCredits;
    /** What was spent of a disputed purchase. Default `debt`. */
    onDispute?: SpentCredits;
    /** Freezes the wallet when a dispute is opened. An operator unfreezes it. Default false. */
    freezeOnDispute?: boolean;
    /** Freezes the wallet when the provider warns of fraud. Default false. */
    freezeOnFraudWarning?: boolean;
  };
  /** Credits per use, by service; 0 is free. */
  consumption?: Record<string, number>;
}

/** A checked configuration with nothing left open. Frozen. */
export interface ResolvedConfig {
  readonly enabled: boolean;
  readonly decimals: number;
  readonly strictServices: boolean;
  readonly registration: {
    readonly enabled: boolean;
    readonly amount: number;
    readonly validityDays?: number;
  };
  readonly limitations: {
    readonly allowFreeUserPurchasePackages: boolean;
    readonly maxUserBalance?: number;
    readonly lowBalance?: number;
    readonly amountMax: number;
    readonly holdGraceSeconds: number;
  };
  readonly subscription: Readonly<Record<string, Readonly<PlanCreditsConfig>>>;
  readonly packages: Readonly<Record<string, Readonly<CreditPackage>>>;
  readonly planPrices: readonly Readonly<PlanPrice>[];
  readonly payments: {
    readonly onRefund: SpentCredits;
    readonly onDispute: SpentCredits;
    readonly freezeOnDispute: boolean;
    readonly freezeOnFraudWarning: boolean;
  };
  readonly consumption: Readonly<Record<string, number>>;
}

/** A place to start from: the plans, packages and prices that the sample app ships with. */
export const defaultCreditsConfig = {
  enabled: true,
  registration: { enabled: true, amount: 20, validityDays: 30 },
  limitations: { allowFreeUserPurchasePackages: true, maxUserBalance: 10_000 },
  subscription: {
    free: { id: "free", enabled: true, monthlyGrant: 10, validityDays: 30 },
    pro: { id: "pro", enabled: true, monthlyGrant: 200, validityDays: 30 },
  },
  packages: {
    lite: {
      id: "lite",
      name: "Lite",
      credits: 100,
      bonus: 10,
      validityDays: 90,
      priceId: "price_credits_lite",
      amount: 9.99,
      currency: "USD",
    },
    standard: {
      id: "standard",
      name: "Standard",
      credits: 500,
      bonus: 50,
      validityDays: 90,
      priceId: "price_credits_standard",
      amount: 29.99,
      currency: "USD",
    },
    pro: {
      id: "pro",
      name: "Pro",
      credits: 1500,
      bonus: 200,
      validityDays: 90,
      priceId: "price_credits_pro",
      amount: 79.99,
      currency: "USD",
      popular: true,
    },
    max: {
      id: "max",
      name: "Max",
      credits: 5000,
      bonus: 1000,
      validityDays: 365,
      priceId: "price_credits_max",
      amount: 199.99,
      currency: "USD",
    },
  },
  consumption: { "google:fast": 1, "google:chat": 2, "google:reasoning": 4, "google:image": 5 },
} as const satisfies CreditsConfig;

/**
 * Checks a configuration once and completes it. Pure: no I/O, no environment.
 * @throws `INVALID_CONFIG` with every problem, each with its path and what is allowed there.
 */
export function resolveConfig(config: CreditsConfig): ResolvedConfig {
  const problems: ConfigProblem[] = [];
  const check = new ConfigCheck(problems);
  const resolved = check.all(config);
  if (problems.length > 0) {
    const list = problems.map((problem) => `  ${problem.path}: ${problem.message}`).join("\n");
    throw new CreditsError("INVALID_CONFIG", `Invalid credits configuration:\n${list}`, { problems });
  }
  return deepFreeze(resolved);
}

/** A value of a record by its own property only: `constructor` and `__proto__` are unknown names (rule 11). */
export function ownValue<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The package that a provider's price sells. */
export function findPackageByPrice(config: ResolvedConfig, priceId: string): CreditPackage | undefined {
  return Object.values(config.packages).find((creditPackage) => creditPackage.priceId === priceId);
}

/** The plan that a provider's price sells. */
export function findPlanPrice(config: ResolvedConfig, priceId: string): PlanPrice | undefined {
  return config.planPrices.find((planPrice) => planPrice.priceId === priceId);
}

/** What one use of a service costs, in credits; undefined when it is not configured. */
export function findServicePrice(config: ResolvedConfig, service: string): number | undefined {
  return ownValue(config.consumption, service);
}

type Fields = Record<string, unknown>;

/** Reads the parts of a configuration, noting what is wrong and going on. */
class ConfigCheck {
  private decimals = 0;
  private amountMax = amountMaxDefault;

  constructor(private readonly problems: ConfigProblem[]) {}

  all(config: unknown): ResolvedConfig {
    const fields = this.object("config", config);
    this.known("", fields, [
      "enabled",
      "decimals",
      "strictServices",
      "registration",
      "limitations",
      "subscription",
      "packages",
      "planPrices",
      "payments",
      "consumption",
    ]);
    const enabled = this.flag("enabled", fields.enabled, true);
    const strictServices = this.flag("strictServices", fields.strictServices, false);
    this.decimals = this.readDecimals(fields.decimals);
    const limitations = this.limitations(fields.limitations);
    const subscription = this.record("subscription", fields.subscription, (path, id, plan) =>
      this.plan(path, id, plan),
    );
    const packages = this.packages(fields.packages);
    return {
      enabled,
      decimals: this.decimals,
      strictServices,
      registration: this.registration(fields.registration),
      limitations,
      subscription,
      packages,
      planPrices: this.planPrices(fields.planPrices, subscription, packages),
      payments: this.payments(fields.payments),
      consumption: this.record("consumption", fields.consumption, (path, service, price) => {
        this.name(path, () => parseService(service));
        return this.credits(path, price, 0);
      }),
    };
  }

  private limitations(value: unknown): ResolvedConfig["limitations"] {
    const fields = this.object("limitations", value ?? {});
    this.known("limitations.", fields, [
      "allowFreeUserPurchasePackages",
      "maxUserBalance",
      "lowBalance",
      "amountMax",
      "holdGraceSeconds",
    ]);
    if (fields.amountMax !== undefined) {
      // Above 2^53 − 1 units an amount is no longer exact.
      const units = unitsOf(fields.amountMax, this.decimals);
      if (units === null || units < 1) {
        this.fail("limitations.amountMax", `expected from 1 unit to ${Number.MAX_SAFE_INTEGER} units`);
      } else this.amountMax = fields.amountMax as number;
    }
    const allow = fields.allowFreeUserPurchasePackages;
    return {
      allowFreeUserPurchasePackages: this.flag("limitations.allowFreeUserPurchasePackages", allow, true),
      amountMax: this.amountMax,
      holdGraceSeconds: this.graceSeconds(fields.holdGraceSeconds),
      ...(fields.maxUserBalance === undefined
        ? {}
        : { maxUserBalance: this.balance("limitations.maxUserBalance", fields.maxUserBalance, 0) }),
      // Nothing is below 0: it would silently never be low.
      ...(fields.lowBalance === undefined
        ? {}
        : { lowBalance: this.balance("limitations.lowBalance", fields.lowBalance, 1) }),
    };
  }

  private graceSeconds(value: unknown): number {
    if (value === undefined) return 0;
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= graceSecondsMax)
      return value;
    this.fail("limitations.holdGraceSeconds", `expected a whole number from 0 to ${graceSecondsMax}`);
    return 0;
  }

  private registration(value: unknown): ResolvedConfig["registration"] {
    if (value === undefined) return { enabled: false, amount: 0 };
    const fields = this.object("registration", value);
    this.known("registration.", fields, ["enabled", "amount", "validityDays"]);
    const enabled = this.flag("registration.enabled", fields.enabled, undefined);
    return {
      enabled,
      amount: this.credits("registration.amount", fields.amount, enabled ? 1 : 0),
      ...this.validity("registration.validityDays", fields.validityDays),
    };
  }

  private plan(path: string, id: string, value: unknown): PlanCreditsConfig {
    const fields = this.object(path, value);
    this.known(`${path}.`, fields, ["id", "enabled", "monthlyGrant", "validityDays"]);
    this.sameId(path, id, fields.id);
    if (fields.validityDays === undefined) this.fail(`${path}.validityDays`, validityRange);
    return {
      id,
      enabled: this.flag(`${path}.enabled`, fields.enabled, undefined),
      monthlyGrant: this.credits(`${path}.monthlyGrant`, fields.monthlyGrant, 0),
      validityDays: this.validity(`${path}.validityDays`, fields.validityDays).validityDays ?? 1,
    };
  }

  private packages(value: unknown): Record<string, CreditPackage> {
    const packages = this.record("packages", value, (path, id, item) => this.package(path, id, item));
    const seen = new Map<string, string>();
    for (const { id, priceId } of Object.values(packages)) {
      const first = seen.get(priceId);
      if (first !== undefined)
        this.fail(`packages.${id}.priceId`, `expected a price of its own, not that of ${first}`);
      seen.set(priceId, id);
    }
    return packages;
  }

  private package(path: string, id: string, value: unknown): CreditPackage {
    const fields = this.object(path, value);
    this.known(`${path}.`, fields, [
      "id",
      "name",
      "description",
      "credits",
      "priceId",
      "amount",
      "currency",
      "popular",
      "validityDays",
      "bonus",
    ]);
    this.sameId(path, id, fields.id);
    this.name(`${path}.priceId`, () => parseId("priceId", fields.priceId));
    const credits = this.credits(`${path}.credits`, fields.credits, 1);
    const bonus = this.credits(`${path}.bonus`, fields.bonus ?? 0, 0);
    if (credits + bonus > this.amountMax)
      this.fail(path, `expected credits and bonus up to ${this.amountMax} together`);
    return {
      id,
      ...this.text(`${path}.name`, "name", fields.name),
      ...this.text(`${path}.description`, "description", fields.description),
      credits,
      priceId: fields.priceId as string,
      ...this.price(path, fields),
      ...(fields.popular === undefined
        ? {}
        : { popular: this.flag(`${path}.popular`, fields.popular, false) }),
      ...this.validity(`${path}.validityDays`, fields.validityDays),
      bonus,
    };
  }

  private price(path: string, { amount, currency }: Fields): { amount: number; currency: string } {
    if (typeof amount !== "number" || !Number.isFinite(amount) || amount < 0) {
      this.fail(`${path}.amount`, "expected a price of at least 0");
    }
    if (typeof currency !== "string" || !/^[A-Za-z]{3}$/.test(currency)) {
      this.fail(`${path}.currency`, "expected an ISO 4217 code of three letters");
    }
    return { amount: amount as number, currency: currency as string };
  }

  private planPrices(
    value: unknown,
    plans: Record<string, PlanCreditsConfig>,
    packages: Record<string, CreditPackage>,
  ): PlanPrice[] {
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.fail("planPrices", "expected an array");
      return [];
    }
    const taken = new Set(Object.values(packages).map(({ priceId }) => priceId));
    return value.map((item: unknown, index) => {
      const path = `planPrices.${index}`;
      const fields = this.object(path, item);
      this.known(`${path}.`, fields, ["priceId", "planId", "interval", "amount", "currency"]);
      this.name(`${path}.priceId`, () => parseId("priceId", fields.priceId));
      const priceId = fields.priceId as string;
      // One price sells one thing: otherwise a webhook could not tell what was bought.
      if (taken.has(priceId)) this.fail(`${path}.priceId`, "expected a price of its own");
      taken.add(priceId);
      const planId = fields.planId as string;
      if (typeof planId !== "string" || !Object.hasOwn(plans, planId))
        this.fail(`${path}.planId`, "expected a plan of `subscription`");
      const interval = fields.interval as PlanPrice["interval"];
      if (interval !== "month" && interval !== "year")
        this.fail(`${path}.interval`, "expected month or year");
      return { priceId, planId, interval, ...this.price(path, fields) };
    });
  }

  private payments(value: unknown): ResolvedConfig["payments"] {
    const fields = this.object("payments", value ?? {});
    this.known("payments.", fields, ["onRefund", "onDispute", "freezeOnDispute", "freezeOnFraudWarning"]);
    return {
      onRefund: this.spentCredits("payments.onRefund", fields.onRefund, "absorb"),
      onDispute: this.spentCredits("payments.onDispute", fields.onDispute, "debt"),
      freezeOnDispute: this.flag("payments.freezeOnDispute", fields.freezeOnDispute, false),
      freezeOnFraudWarning: this.flag("payments.freezeOnFraudWarning", fields.freezeOnFraudWarning, false),
    };
  }

  private spentCredits(path: string, value: unknown, whenOmitted: SpentCredits): SpentCredits {
    if (value === undefined) return whenOmitted;
    if (value === "absorb" || value === "debt") return value;
    this.fail(path, "expected absorb or debt");
    return whenOmitted;
  }

  private readDecimals(value: unknown): number {
    if (value === undefined) return 0;
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 6) return value;
    this.fail("decimals", "expected a whole number from 0 to 6");
    return 0;
  }

  private credits(path: string, value: unknown, min: 0 | 1): number {
    const units = unitsOf(value, this.decimals);
    if (units !== null && units >= min && (value as number) <= this.amountMax) return value as number;
    const unit = 10 ** -this.decimals;
    this.fail(path, `expected a number from ${min * unit} to ${this.amountMax} in steps of ${unit}`);
    return 0;
  }

  private balance(path: string, value: unknown, min: 0 | 1): number {
    const units = unitsOf(value, this.decimals);
    if (units !== null && units >= min) return value as number;
    this.fail(path, `expected a number from ${min} to ${Number.MAX_SAFE_INTEGER} units`);
    return 0;
  }

  private validity(path: string, value: unknown): { validityDays?: number } {
    if (value === undefined) return {};
    if (isValidityDays(value)) return { validityDays: value };
    this.fail(path, validityRange);
    return {};
  }

  private flag(path: string, value: unknown, whenOmitted: boolean | undefined): boolean {
    if (typeof value === "boolean") return value;
    if (value === undefined && whenOmitted !== undefined) return whenOmitted;
    this.fail(path, "expected true or false");
    return false;
  }

  private text<Name extends string>(path: string, name: Name, value: unknown): { [Key in Name]?: string } {
    if (value === undefined) return {};
    if (typeof value !== "string") this.fail(path, "expected a string");
    return { [name]: value } as { [Key in Name]?: string };
  }

  private sameId(path: string, id: string, value: unknown): void {
    this.name(path, () => parseId("id", id));
    if (value !== id) this.fail(`${path}.id`, `expected ${JSON.stringify(id)}, the name it is listed under`);
  }

  private name(path: string, parse: () => unknown): void {
    try {
      parse();
    } catch {
      this.fail(path, `expected a string of 1–${idLengthMax} characters without control characters`);
    }
  }

  private record<Value>(
    path: string,
    value: unknown,
    read: (path: string, name: string, value: unknown) => Value,
  ): Record<string, Value> {
    const fields = this.object(path, value ?? {});
    // fromEntries defines own properties: a plan named __proto__ stays one.
    return Object.fromEntries(
      Object.entries(fields).map(([name, item]) => [name, read(`${path}.${name}`, name, item)]),
    );
  }

  private object(path: string, value: unknown): Fields {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
    this.fail(path, "expected an object");
    return {};
  }

  private known(prefix: string, fields: Fields, names: readonly string[]): void {
    for (const name of Object.keys(fields)) {
      // A misspelt limit would silently not limit.
      if (!names.includes(name))
        this.fail(`${prefix}${name}`, `unknown; expected one of ${names.join(", ")}`);
    }
  }

  private fail(path: string, message: string): void {
    this.problems.push({ path, message });
  }
}

const validityRange = `expected a whole number from 1 to ${validityDaysMax}`;

function deepFreeze<Value extends object>(value: Value): Value {
  for (const item of Object.values(value)) {
    if (typeof item === "object" && item !== null) deepFreeze(item);
  }
  return Object.freeze(value);
}
