import type { Metadata } from "../core/argument.ts";
import type { ResolvedConfig } from "../core/config.ts";
import { CreditsError, invalidArgument } from "../core/errors.ts";
import type { Overage } from "../core/hold.ts";
import { errorFields, guarded, type Logger } from "../core/logger.ts";
import type { Meter, MeterParams, MeterResult } from "../core/meter.ts";
import type { SettleResult } from "../core/settle.ts";
import {
  type CachedTokens,
  costOf,
  fieldsOf,
  parsePrices,
  readUsage,
  type ScaledPrices,
  type TokenPools,
  type TokenPrices,
} from "./ai-price.ts";

export type { CachedTokens, TokenPools, TokenPrices } from "./ai-price.ts";

/** Answer tokens that are held for when neither the call nor an estimate says how long the answer may be. */
export const outputTokensDefault = 1_024;

/** What a call cost, as `providerMetadata.creditkit` of its result and as `onSettled` hears it. */
export interface CallCost {
  transactionId: string;
  /** Credits charged. */
  consumedAmount: number;
  /** Credits that could not be charged. */
  shortfall: number;
  /** Available credits right after it. */
  newBalance: number;
}

/** The part of `Credits` that is used. */
export interface MeteringCredits {
  readonly config: Pick<ResolvedConfig, "decimals">;
  meter<Value>(params: MeterParams, work: (meter: Meter) => Promise<Value>): Promise<MeterResult<Value>>;
}

export interface CreditsMiddlewareOptions<Version extends "v3" | "v4" = "v4"> {
  credits: MeteringCredits;
  /** Who pays. From your session, never from the request's body. */
  userId: string;
  /** What is paid for, e.g. `google:chat`. Without `price` its configured price is charged for each call. */
  service: string;
  /** Credits per million tokens, by model id: then the tokens that a call really used are charged. */
  price?: Readonly<Record<string, TokenPrices>>;
  /** Credits to hold for each call. Default: the fixed price, or what the prompt and the longest answer would cost. */
  estimate?: number;
  /**
   * Names the request of which the calls are part, e.g. a message's id. Each model call of a tool loop gets a key made of it
   * and its number, so that the same request again is refused (`IDEMPOTENCY_CONFLICT`) instead of being run for nothing.
   */
  operationKey?: string;
  ttlSeconds?: number;
  /** What happens where a call costs more than was held. Default `take_available`. */
  overage?: Overage;
  description?: string;
  metadata?: Metadata;
  /** Whether the provider counts cached tokens among its input tokens (default) or beside them. */
  cachedTokens?: CachedTokens;
  /** Tokens of a text where a provider reports none. Default: a quarter of its UTF-8 bytes, rounded up. */
  countTokens?: (text: string) => number;
  logger?: Logger;
  /** Hears of each call once it is settled. Nothing waits for it. */
  onSettled?: (cost: CallCost & { modelId: string; tokens: TokenPools }) => void;
  /** Of the SDK's provider interface: `v4` for ai 7 (default), `v3` for ai 6. */
  specificationVersion?: Version;
}

interface ModelShape {
  modelId: string;
}
interface CallShape {
  prompt: unknown;
  maxOutputTokens?: number | undefined;
  abortSignal?: AbortSignal | undefined;
}
interface GenerateShape {
  content: readonly unknown[];
  usage: unknown;
}
interface StreamShape {
  stream: ReadableStream<unknown>;
}

/**
 * Middleware for the AI SDK's `wrapLanguageModel`: holds credits before each model call, so that a user who is short is refused
 * before the provider is asked, and settles after it what was really used, also where the answer was aborted, broke off or
 * its reader went away. Make one for each request.
 *
 * A provider's error before the first token is free. An answer that ends early costs what was produced, counted from the stream
 * where the provider reports no usage. The text never waits for the ledger; the last part of a stream does, so that it can
 * say in `providerMetadata.creditkit` what the call cost.
 * @throws `INVALID_CONFIG` (`problems`) for prices that are not positive, `INVALID_ARGUMENT` (`field`). The calls: as `Credits.meter`,
 * and `UNKNOWN_PRICE` for a model without a price.
 * @example
 * const model = wrapLanguageModel({
 *   model: google("gemini-2.5-flash"),
 *   middleware: creditsMiddleware({ credits, userId, service: "google:chat", operationKey: message.id }),
 * });
 */
export function creditsMiddleware<Version extends "v3" | "v4" = "v4">(
  options: CreditsMiddlewareOptions<Version>,
) {
  const meter = new CallMeter(options as CreditsMiddlewareOptions<"v3" | "v4">);
  return {
    specificationVersion: (options.specificationVersion ?? "v4") as Version,
    wrapGenerate: async <Result extends GenerateShape>(call: {
      doGenerate: () => PromiseLike<Result>;
      params: CallShape;
      model: ModelShape;
    }): Promise<Result> => meter.generate(call),
    wrapStream: async <Result extends StreamShape>(call: {
      doStream: () => PromiseLike<Result>;
      params: CallShape;
      model: ModelShape;
    }): Promise<Result> => meter.stream(call),
  };
}

class CallMeter {
  private calls = 0;
  private readonly prices: ReadonlyMap<string, ScaledPrices> | undefined;
  private readonly logger: Logger | undefined;

  constructor(private readonly options: CreditsMiddlewareOptions<"v3" | "v4">) {
    if (typeof options?.credits?.meter !== "function")
      throw invalidArgument("credits", "what createCredits made");
    this.prices = options.price && parsePrices(options.price);
    this.logger = options.logger && guarded(options.logger);
  }

  async generate<Result extends GenerateShape>(call: {
    doGenerate: () => PromiseLike<Result>;
    params: CallShape;
    model: ModelShape;
  }): Promise<Result> {
    const tally = this.tally(call);
    const { value, settlement } = await this.options.credits.meter(this.params(tally), async (meter) => {
      const result = await call.doGenerate();
      for (const part of result.content) tally.produced(part);
      tally.report(result.usage);
      this.charge(meter, tally);
      return result;
    });
    this.tell(tally, settlement);
    return withCost(value, settlement);
  }

  stream<Result extends StreamShape>(call: {
    doStream: () => PromiseLike<Result>;
    params: CallShape;
    model: ModelShape;
  }): Promise<Result> {
    const tally = this.tally(call);
    return new Promise((resolve, reject) => {
      let isHandedOver = false;
      let finish: () => void = () => {};
      const finished = new Promise<void>((done) => {
        finish = done;
      });
      const settled: Promise<SettleResult | null> = this.options.credits
        .meter(this.params(tally), async (meter) => {
          const result = await call.doStream();
          const end = () => {
            finish();
            return settled;
          };
          call.params.abortSignal?.addEventListener("abort", end, { once: true });
          resolve({ ...result, stream: watched(result.stream, tally, end) });
          isHandedOver = true;
          await finished;
          this.charge(meter, tally);
        })
        .then(
          ({ settlement }) => {
            this.tell(tally, settlement);
            return settlement;
          },
          (error: unknown) => {
            // The answer is on its way to its reader: what goes wrong from here on is not theirs.
            if (isHandedOver)
              this.logger?.error({ ...errorFields(error) }, "A streamed answer was not charged");
            else reject(error);
            return null;
          },
        );
    });
  }

  private tally({ params, model }: { params: CallShape; model: ModelShape }): Tally {
    const { prices } = this;
    const price = prices?.get(model.modelId);
    if (prices !== undefined && price === undefined)
      throw new CreditsError("UNKNOWN_PRICE", `No token prices for the model ${model.modelId}`, {
        field: "price",
      });
    return new Tally(model.modelId, params, price, this.options);
  }

  private params(tally: Tally): MeterParams {
    const { userId, service, operationKey, ttlSeconds, overage, description, metadata } = this.options;
    const estimate = this.options.estimate ?? tally.estimate();
    this.calls += 1;
    return {
      userId,
      service,
      ...(estimate === undefined ? {} : { estimate }),
      ...(operationKey === undefined ? {} : { idempotencyKey: `${operationKey}:${this.calls}` }),
      ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
      ...(overage === undefined ? {} : { overage }),
      ...(description === undefined ? {} : { description }),
      ...(metadata === undefined ? {} : { metadata }),
    };
  }

  private charge(meter: Meter, tally: Tally): void {
    if (tally.isClamped)
      this.logger?.warn(
        { service: this.options.service },
        "A provider's usage contradicts itself and was cut",
      );
    meter.charge(tally.cost(meter.held));
  }

  private tell(tally: Tally, settlement: SettleResult | null): void {
    if (settlement === null) return;
    try {
      this.options.onSettled?.({ ...costOfCall(settlement), modelId: tally.modelId, tokens: tally.tokens() });
    } catch (error) {
      this.logger?.error({ ...errorFields(error) }, "onSettled threw");
    }
  }
}

/** What one call has used so far. */
class Tally {
  private text = "";
  private thought = "";
  private isProduced = false;
  private input: ReturnType<typeof readUsage>["input"];
  private output: ReturnType<typeof readUsage>["output"];
  isClamped = false;

  constructor(
    readonly modelId: string,
    private readonly params: CallShape,
    private readonly price: ScaledPrices | undefined,
    private readonly options: CreditsMiddlewareOptions<"v3" | "v4">,
  ) {}

  /** A part of a stream, or of a whole answer. */
  produced(part: unknown): void {
    const { type, delta, text, input } = fieldsOf(part);
    const said = [delta, text, input].find((value) => typeof value === "string") as string | undefined;
    switch (type) {
      case "stream-start":
      case "response-metadata":
      case "error":
      case "ping":
      case "raw":
        return;
      case "finish":
        this.report(fieldsOf(part).usage);
        return;
      case "reasoning":
      case "reasoning-delta":
        this.thought += said ?? "";
        break;
      case "tool-call":
        // Streamed before as its input's deltas.
        if (!this.isProduced) this.text += said ?? "";
        break;
      default:
        this.text += said ?? "";
    }
    this.isProduced = true;
  }

  report(usage: unknown): void {
    const { input, output, isClamped } = readUsage(usage, this.options.cachedTokens ?? "included");
    this.input = input;
    this.output = output;
    this.isClamped = isClamped;
  }

  tokens(): TokenPools {
    const isUsed = this.isProduced || this.input !== undefined || this.output !== undefined;
    return {
      ...(this.input ?? { input: isUsed ? this.promptTokens() : 0, cachedInput: 0, cacheWrite: 0 }),
      ...(this.output ?? { output: this.count(this.text), reasoning: this.count(this.thought) }),
    };
  }

  /** Credits, for what was used or, without token prices, the fixed price; nothing where nothing came back. */
  cost(fixedPrice: number): number {
    if (this.price !== undefined)
      return costOf(this.tokens(), this.price, this.options.credits.config.decimals);
    return this.isProduced || this.input !== undefined || this.output !== undefined ? fixedPrice : 0;
  }

  /** What the prompt and the longest answer would cost; undefined under a fixed price. */
  estimate(): number | undefined {
    if (this.price === undefined) return undefined;
    const output = this.params.maxOutputTokens ?? outputTokensDefault;
    const tokens = { input: this.promptTokens(), cachedInput: 0, cacheWrite: 0, output, reasoning: 0 };
    return costOf(tokens, this.price, this.options.credits.config.decimals);
  }

  private promptTokens(): number {
    return this.count(textOf(this.params.prompt));
  }

  private count(text: string): number {
    const { countTokens } = this.options;
    if (countTokens !== undefined) return Math.max(0, Math.ceil(countTokens(text)));
    return Math.ceil(new TextEncoder().encode(text).length / 4);
  }
}

/** Every text in a prompt: messages, tool inputs and results. Files and images count nothing here; name an estimate for those. */
function textOf(value: unknown, depth = 0): string {
  if (typeof value === "string") return value;
  if (depth > 8 || typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return "";
  const { type } = fieldsOf(value);
  if (type === "file" || type === "reasoning-file") return "";
  return Object.entries(value)
    .filter(([name]) => !["type", "role", "providerOptions"].includes(name))
    .map(([, item]) => textOf(item, depth + 1))
    .join(" ");
}

/** The same stream, tallied as it is read. However it ends, `end` is called; the last part waits for the settlement. */
function watched<Part>(
  stream: ReadableStream<Part>,
  tally: Tally,
  end: () => Promise<SettleResult | null>,
): ReadableStream<Part> {
  const reader = stream.getReader();
  return new ReadableStream<Part>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read();
          if (done) {
            await end();
            controller.close();
            return;
          }
          tally.produced(value);
          const isLast = fieldsOf(value).type === "finish";
          controller.enqueue(isLast ? withCost(value, await end()) : value);
        } catch (error) {
          await end();
          controller.error(error);
        }
      },
      cancel: async (reason) => {
        await Promise.allSettled([reader.cancel(reason), end()]);
      },
    },
    // Nothing is read ahead: what nobody asked for was not produced.
    { highWaterMark: 0 },
  );
}

function costOfCall({ transactionId, consumedAmount, shortfall, newBalance }: SettleResult): CallCost {
  return { transactionId, consumedAmount, shortfall, newBalance };
}

/** A result or finish part that says what it cost. */
function withCost<Value>(value: Value, settlement: SettleResult | null): Value {
  if (settlement === null) return value;
  const { providerMetadata } = fieldsOf(value);
  return { ...value, providerMetadata: { ...fieldsOf(providerMetadata), creditkit: costOfCall(settlement) } };
}
