import { CreditsError } from "../core/errors.ts";

/** Credits for a million tokens. Each positive, at most nine decimals. */
export interface TokenPrices {
  /** Prompt tokens that were read afresh. */
  input: number;
  /** Answer tokens. */
  output: number;
  /** Prompt tokens read from the provider's cache. Default: `input`. */
  cachedInput?: number;
  /** Prompt tokens written to the provider's cache. Default: `input`. */
  cacheWrite?: number;
  /** Answer tokens that the model thought with. Default: `output`. */
  reasoning?: number;
}

/** Tokens of one call in pools that exclude each other: none is counted twice. */
export interface TokenPools {
  input: number;
  cachedInput: number;
  cacheWrite: number;
  output: number;
  reasoning: number;
}

type Pool = keyof TokenPools;
const pools: readonly Pool[] = ["input", "cachedInput", "cacheWrite", "output", "reasoning"];

/** Credits for a million tokens as whole billionths: a sum of them is exact (rule 10). */
export type ScaledPrices = Readonly<Record<Pool, bigint>>;
const priceScale = 1e9;
const tokensPriced = 1_000_000n;

/**
 * Reads a table of prices by model id.
 * @throws `INVALID_CONFIG` (`problems`) for a price that is not positive, missing or finer than nine decimals.
 */
export function parsePrices(table: Readonly<Record<string, TokenPrices>>): ReadonlyMap<string, ScaledPrices> {
  const problems: { path: string; message: string }[] = [];
  const parsed = new Map<string, ScaledPrices>();
  for (const [model, prices] of Object.entries(table)) {
    const given: TokenPrices =
      typeof prices === "object" && prices !== null ? prices : { input: 0, output: 0 };
    const { input, output, cachedInput = input, cacheWrite = input, reasoning = output } = given;
    const scaled = Object.entries({ input, cachedInput, cacheWrite, output, reasoning }).map(
      ([pool, price]) => {
        const units = Math.round(price * priceScale);
        const isExact =
          typeof price === "number" && Number.isSafeInteger(units) && units / priceScale === price;
        if (!isExact || units <= 0)
          problems.push({
            path: `price.${model}.${pool}`,
            message: "expected a positive number of at most nine decimals",
          });
        return [pool, isExact ? BigInt(units) : 0n] as const;
      },
    );
    parsed.set(model, Object.fromEntries(scaled) as Record<Pool, bigint>);
  }
  if (problems.length > 0) {
    const list = problems.map(({ path, message }) => `  ${path}: ${message}`).join("\n");
    throw new CreditsError("INVALID_CONFIG", `Invalid token prices:\n${list}`, { problems });
  }
  return parsed;
}

/** What tokens cost, in credits: summed exactly, then rounded up once to the ledger's smallest unit. */
export function costOf(tokens: TokenPools, prices: ScaledPrices, decimals: number): number {
  const sum = pools.reduce((total, pool) => total + BigInt(tokens[pool]) * prices[pool], 0n);
  const scale = 10 ** decimals;
  const divisor = tokensPriced * BigInt(priceScale);
  const units = (sum * BigInt(scale) + divisor - 1n) / divisor;
  return Number(units) / scale;
}

/** Whether a provider counts cached tokens among its input tokens or beside them. */
export type CachedTokens = "included" | "separate";

export interface ReadUsage {
  /** Undefined where the provider reported nothing of that side. */
  input: Pick<TokenPools, "input" | "cachedInput" | "cacheWrite"> | undefined;
  output: Pick<TokenPools, "output" | "reasoning"> | undefined;
  /** The report contradicted itself and was cut to what is possible. */
  isClamped: boolean;
}

/** Reads a usage of the AI SDK's provider specification, whatever a provider wrote into it. */
export function readUsage(usage: unknown, cachedTokens: CachedTokens): ReadUsage {
  const { inputTokens, outputTokens } = fieldsOf(usage);
  const counts = new Counts();
  const input = counts.input(fieldsOf(inputTokens), cachedTokens);
  const output = counts.output(fieldsOf(outputTokens));
  return { input, output, isClamped: counts.isClamped };
}

class Counts {
  isClamped = false;

  input(fields: Record<string, unknown>, cachedTokens: CachedTokens): ReadUsage["input"] {
    const total = this.count(fields.total);
    const cacheRead = this.count(fields.cacheRead) ?? 0;
    const cacheWritten = this.count(fields.cacheWrite) ?? 0;
    if (cachedTokens === "separate") {
      if (total === undefined) return undefined;
      return { input: total, cachedInput: cacheRead, cacheWrite: cacheWritten };
    }
    const fresh = this.count(fields.noCache);
    if (fresh !== undefined) return { input: fresh, cachedInput: cacheRead, cacheWrite: cacheWritten };
    if (total === undefined) return undefined;
    const cachedInput = this.atMost(cacheRead, total);
    const cacheWrite = this.atMost(cacheWritten, total - cachedInput);
    return { input: total - cachedInput - cacheWrite, cachedInput, cacheWrite };
  }

  output(fields: Record<string, unknown>): ReadUsage["output"] {
    const text = this.count(fields.text);
    const thought = this.count(fields.reasoning);
    const total = this.count(fields.total);
    if (total === undefined) {
      if (text === undefined && thought === undefined) return undefined;
      return { output: text ?? 0, reasoning: thought ?? 0 };
    }
    const reasoning = this.atMost(thought ?? 0, total);
    return { output: total - reasoning, reasoning };
  }

  /** A count that is no count (negative where a provider's adapter derived it, NaN) is one that was not reported. */
  private count(value: unknown): number | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    this.isClamped = true;
    return undefined;
  }

  private atMost(count: number, max: number): number {
    if (count > max) this.isClamped = true;
    return Math.min(count, max);
  }
}

export function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
