// Load, rounds and medians. A machine's speed drifts while it measures: contenders take turns within each round, and
// only their ratio is compared with a target.

/**
 * @typedef {object} Sample
 * @property {number} operations
 * @property {number} perSecond
 * @property {number} [p50] Milliseconds.
 * @property {number} [p99] Milliseconds.
 */

/** A figure that a round may carry beside or instead of a sample's. @typedef {Record<string, number>} Figures */

/**
 * Keeps a number of callers busy for a time: each awaits its answer before it asks again.
 * @param {{ callers: number, seconds: number, operation: () => Promise<unknown> }} options
 * @returns {Promise<Sample>}
 */
export async function load({ callers, seconds, operation }) {
  /** @type {number[]} */
  const latencies = [];
  const begin = performance.now();
  const end = begin + seconds * 1000;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let start = performance.now(); start < end; ) {
        await operation();
        const stop = performance.now();
        latencies.push(stop - start);
        start = stop;
      }
    }),
  );
  // Until the last answer, not until the last question: what is in flight at the end was not free.
  const elapsedSeconds = (performance.now() - begin) / 1000;
  return summary(latencies, elapsedSeconds);
}

/**
 * @param {number[]} latencies Milliseconds.
 * @param {number} elapsedSeconds
 * @returns {Sample}
 */
export function summary(latencies, elapsedSeconds) {
  latencies.sort((a, b) => a - b);
  return {
    operations: latencies.length,
    perSecond: latencies.length / elapsedSeconds,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  };
}

/**
 * @param {readonly number[]} ascending
 * @param {number} share
 */
function percentile(ascending, share) {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? Number.NaN;
}

/**
 * Runs contenders in turns: in every round each once, and in every round another one first.
 * @template {Sample | Figures} Result
 * @param {number} rounds
 * @param {Record<string, (round: number) => Promise<Result>>} turns
 * @returns {Promise<Record<string, Result[]>>}
 */
export async function takeTurns(rounds, turns) {
  const names = Object.keys(turns);
  /** @type {Record<string, Result[]>} */
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round) % names.length] ?? "";
      const result = await turns[name]?.(round);
      if (result !== undefined) results[name]?.push(result);
    }
  }
  return results;
}

/** @param {readonly number[]} values */
function median(values) {
  const ascending = [...values].sort((a, b) => a - b);
  const middle = Math.floor(ascending.length / 2);
  const upper = ascending[middle] ?? Number.NaN;
  return ascending.length % 2 === 1 ? upper : ((ascending[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Each figure's median over the rounds.
 * @param {Record<string, (Sample | Figures)[]>} results
 * @returns {Record<string, Figures>}
 */
export function medians(results) {
  return Object.fromEntries(
    Object.entries(results).map(([name, rounds]) => {
      const figures = /** @type {Figures[]} */ (rounds);
      const keys = Object.keys(figures[0] ?? {});
      return [
        name,
        Object.fromEntries(keys.map((key) => [key, median(figures.map((one) => one[key] ?? 0))])),
      ];
    }),
  );
}

/**
 * Figures as a reader needs them: four significant digits.
 * @param {unknown} value
 * @returns {unknown}
 */
export function rounded(value) {
  if (typeof value === "number") {
    return Number.isInteger(value) || Math.abs(value) >= 1000
      ? Math.round(value)
      : Number(value.toPrecision(4));
  }
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rounded(item)]));
  }
  return value;
}
