import { invalidArgument } from "./errors.ts";

export const idLengthMax = 255;
const serviceLengthMax = 128;
export const descriptionLengthMax = 1_000;
const metadataBytesMax = 16 * 1024;
const metadataDepthMax = 8;
export const validityDaysMax = 36_500;
const priorityMax = 1_000;
export const ttlSecondsMax = 86_400;
const ttlSecondsDefault = 900;
export const overages = ["reject", "take_available", "debt"] as const;
const pageSizeMax = 100;
const pageSizeDefault = 10;

/** A plain JSON object. */
// biome-ignore lint/suspicious/noExplicitAny: `unknown` would refuse a caller's interface; it is checked when it arrives
export type Metadata = Record<string, any>;

// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the purpose
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;
const loneSurrogate = /\p{Surrogate}/u;

function isText(value: unknown, lengthMax: number): value is string {
  return (
    typeof value === "string" &&
    // Counted as PostgreSQL counts, in code points; the first test spares the count of what is too long anyway.
    value.length <= 2 * lengthMax &&
    (value.length <= lengthMax || [...value].length <= lengthMax) &&
    !loneSurrogate.test(value)
  );
}

function isName(value: unknown, lengthMax: number): value is string {
  return isText(value, lengthMax) && value !== "" && !controlCharacter.test(value);
}

/** The parameter object of a call: its fields are still unknown. */
export function parseParameters<Parameters>(value: Parameters): { [Field in keyof Parameters]: unknown } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidArgument("params", "an object");
  }
  return value;
}

/** A user, purchase, plan or package id, or a key (rule 11). */
export function parseId(field: string, value: unknown): string {
  if (isName(value, idLengthMax)) return value;
  throw invalidArgument(field, `a string of 1–${idLengthMax} characters without control characters`);
}

export function parseOptionalId(field: string, value: unknown): string | undefined {
  return value === undefined ? undefined : parseId(field, value);
}

export function parseService(value: unknown): string {
  if (isName(value, serviceLengthMax)) return value;
  throw invalidArgument("service", `a string of 1–${serviceLengthMax} characters without control characters`);
}

export function parseDescription(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  // Line breaks are welcome in prose; PostgreSQL cannot store the character NUL.
  if (isText(value, descriptionLengthMax) && !value.includes("\u0000")) return value;
  throw invalidArgument("description", `a string of at most ${descriptionLengthMax} characters`);
}

/** Metadata as JSON text, or undefined when there is none. */
export function parseMetadata(value: unknown): Metadata | undefined {
  if (value === undefined) return undefined;
  if (!isJsonObject(value) || !isJson(value, 1)) {
    throw invalidArgument("metadata", `a plain JSON object of depth at most ${metadataDepthMax}`);
  }
  // Copied: what the caller changes after the call began is not written.
  const text = JSON.stringify(value);
  if (new TextEncoder().encode(text).length > metadataBytesMax) {
    throw invalidArgument("metadata", `at most ${metadataBytesMax} bytes of JSON`);
  }
  return JSON.parse(text);
}

function isJsonObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value === "string") return !loneSurrogate.test(value) && !value.includes("\u0000");
  // Bounds a cycle too.
  if (depth > metadataDepthMax) return false;
  if (Array.isArray(value)) return value.every((item) => isJson(item, depth + 1));
  if (!isJsonObject(value) || "toJSON" in value) return false;
  return Object.entries(value).every(
    // An undefined property is left out, as JSON leaves it out.
    ([key, item]) => isJson(key, depth) && (item === undefined || isJson(item, depth + 1)),
  );
}

/** Days a batch is valid (rule 3); undefined: it never expires. */
export function parseValidityDays(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (isValidityDays(value)) return value;
  throw invalidArgument("validityDays", `a whole number from 1 to ${validityDaysMax}`);
}

export function isValidityDays(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= validityDaysMax;
}

/** Seconds a hold lasts (rule 22). */
export function parseTtlSeconds(value: unknown): number {
  if (value === undefined) return ttlSecondsDefault;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= ttlSecondsMax)
    return value;
  throw invalidArgument("ttlSeconds", `a whole number from 1 to ${ttlSecondsMax}`);
}

/** What a settlement above the held amount does. */
export function parseOverage(value: unknown): (typeof overages)[number] {
  if (value === undefined) return "take_available";
  const overage = overages.find((name) => name === value);
  if (overage !== undefined) return overage;
  throw invalidArgument("overage", `one of ${overages.join(", ")}`);
}

/** Drain order before expiry: smaller first. */
export function parsePriority(value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= priorityMax)
    return value + 0;
  throw invalidArgument("priority", `a whole number from -${priorityMax} to ${priorityMax}`);
}

/** The label of a monthly period, `YYYY-MM`. */
export function parsePeriod(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && /^\d{4}-(0[1-9]|1[0-2])$/.test(value)) return value;
  throw invalidArgument("grantPeriod", "YYYY-MM");
}

/** An instant that JavaScript and PostgreSQL both hold. */
export function parseDate(field: string, value: unknown): Date {
  if (value instanceof Date && value.getTime() >= dateMin && value.getTime() <= dateMax) return value;
  throw invalidArgument(field, "a Date between the years 1970 and 9000");
}

const dateMin = 0;
const dateMax = Date.UTC(9000, 0);

export function parsePageIndex(value: unknown): number {
  if (value === undefined) return 0;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return (value as number) + 0;
  throw invalidArgument("pageIndex", "a whole number of at least 0");
}

export function parsePageSize(value: unknown): number {
  if (value === undefined) return pageSizeDefault;
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= pageSizeMax)
    return value as number;
  throw invalidArgument("pageSize", `a whole number from 1 to ${pageSizeMax}`);
}

export function parseFlag(field: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  throw invalidArgument(field, "true or false");
}
