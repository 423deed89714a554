import { CreditsError } from "./errors.ts";

/** How many credits one call may move when the configuration names no cap. */
export const amountMaxDefault = 1e9;

export interface AmountRange {
  /** Decimal places of the smallest unit, 0–6. */
  decimals: number;
  /** Largest amount of one call, in credits. */
  amountMax: number;
}

/**
 * Credits as units of the installation's smallest size, or null when the value is not a whole number of units.
 * Exact: the value must be the double nearest to `units / 10^decimals`, so 0.1 + 0.2 is refused at two decimals.
 */
export function unitsOf(credits: unknown, decimals: number): number | null {
  if (typeof credits !== "number" || !Number.isFinite(credits)) return null;
  const scale = 10 ** decimals;
  const units = Math.round(credits * scale);
  return Number.isSafeInteger(units) && units / scale === credits ? units : null;
}

/** Units back to credits: the double nearest to the exact decimal. */
export function creditsOf(units: number, decimals: number): number {
  return units / 10 ** decimals;
}

/**
 * Reads an amount of credits from a caller (rule 10).
 * @throws `INVALID_AMOUNT` unless it is a number, a whole multiple of the unit, from one unit to `amountMax`.
 */
export function parseAmount(value: unknown, { decimals, amountMax }: AmountRange): number {
  const units = unitsOf(value, decimals);
  if (units !== null && units > 0 && units <= amountMax * 10 ** decimals) return units;
  throw new CreditsError(
    "INVALID_AMOUNT",
    `Invalid amount: expected a number from ${10 ** -decimals} to ${amountMax} in steps of ${10 ** -decimals}`,
    { field: "amount" },
  );
}
