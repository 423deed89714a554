// What was asked for, beside what was measured.

/**
 * @typedef {object} Verdict
 * @property {string} what What is compared with what.
 * @property {string} target As it was asked for.
 * @property {number | null} measured Null: the yardstick is missing here.
 * @property {string} unit
 * @property {boolean | null} met
 */

/**
 * @param {string} what
 * @param {{ measured: number | null, atLeast: number, unit?: string }} figures
 * @returns {Verdict}
 */
export function atLeast(what, { measured, atLeast: bound, unit = "x" }) {
  const met = measured === null ? null : measured >= bound;
  return { what, target: `>= ${bound.toLocaleString("en")}${suffix(unit)}`, measured, unit, met };
}

/**
 * @param {string} what
 * @param {{ measured: number | null, atMost: number, unit?: string }} figures
 * @returns {Verdict}
 */
export function atMost(what, { measured, atMost: bound, unit = "x" }) {
  const met = measured === null ? null : measured <= bound;
  return { what, target: `<= ${bound.toLocaleString("en")}${suffix(unit)}`, measured, unit, met };
}

/**
 * @param {string} what
 * @param {boolean} met
 * @returns {Verdict}
 */
export function holds(what, met) {
  return { what, target: "yes", measured: null, unit: "", met };
}

/**
 * Null where either side is missing: without pgbench a ratio to it is unknown, not failed.
 * @param {number | undefined} numerator
 * @param {number | undefined} denominator
 */
export function ratio(numerator, denominator) {
  return numerator === undefined || denominator === undefined ? null : numerator / denominator;
}

/** @param {string} unit */
export function suffix(unit) {
  return unit === "x" || unit === "" ? unit : ` ${unit}`;
}
