// Random numbers from a seed, so that every contender of a round draws the same users.

/**
 * Mulberry32: numbers from 0 up to 1, the same for the same seed.
 * @param {number} seed
 * @returns {() => number}
 */
export function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Ranks from 0 up to a count, each as likely as the others.
 * @param {{ count: number, seed: number }} options
 * @returns {() => number}
 */
export function uniform({ count, seed }) {
  const random = seededRandom(seed);
  return () => Math.floor(random() * count);
}

/**
 * Ranks from 0 up to a count under Zipf's law with exponent 1: rank k is k + 1 times rarer than rank 0. Of 10,000
 * users the busiest makes a tenth of all calls, as few large customers do among many small ones.
 * @param {{ count: number, seed: number }} options
 * @returns {() => number}
 */
export function zipf({ count, seed }) {
  const random = seededRandom(seed);
  const cumulative = new Float64Array(count);
  let total = 0;
  for (let rank = 0; rank < count; rank++) {
    total += 1 / (rank + 1);
    cumulative[rank] = total;
  }
  return () => firstAbove(cumulative, random() * total);
}

/**
 * @param {Float64Array} ascending
 * @param {number} value
 */
function firstAbove(ascending, value) {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
