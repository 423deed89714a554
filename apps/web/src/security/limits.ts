import "server-only";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { refuse } from "@/credits/refusal";
import { readEnvironment } from "@/env";

const windowSeconds = 60;

/**
 * How often one user may begin what costs money or work. In this process: several allow several times as much, which costs nobody
 * anything, since credits are what bounds spending.
 */
const shared = globalThis as { [limiterKey]?: RateLimiterMemory };
const limiterKey = Symbol.for("creditkit.web.requestLimiter");

function limiter(): RateLimiterMemory {
  shared[limiterKey] ??= new RateLimiterMemory({
    points: readEnvironment().RATE_LIMIT_REQUESTS,
    duration: windowSeconds,
  });
  return shared[limiterKey];
}

/** Counts one request of a user; the seconds to wait when it is one too many, else null. */
export async function secondsToWait(userId: string): Promise<number | null> {
  try {
    await limiter().consume(userId);
    return null;
  } catch (rejection) {
    if (rejection instanceof RateLimiterRes) return Math.max(1, Math.ceil(rejection.msBeforeNext / 1_000));
    throw rejection;
  }
}

/** The answer to one request too many of a user; null while there are not. */
export async function refuseTooMany(userId: string): Promise<Response | null> {
  const seconds = await secondsToWait(userId);
  if (seconds === null) return null;
  const response = refuse(429, "RATE_LIMITED", `Too many requests. Please wait ${seconds} seconds.`);
  response.headers.set("retry-after", String(seconds));
  return response;
}
