import "server-only";
import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dataDirectory, getDatabase } from "@/database/server";
import { readEnvironment } from "@/env";

const secretBytes = 32;
/** Of a generated secret read back; anything shorter was cut off or edited by hand. */
const secretLengthMin = 32;

const secretFiles = { BETTER_AUTH_SECRET: "better-auth-secret", CRON_SECRET: "cron-secret" } as const;
export type SecretName = keyof typeof secretFiles;

/** Where a secret comes from: the operator, a file that the app made, or nothing but this process. */
export type Secret =
  | { value: string; source: "environment" | "process" }
  | { value: string; source: "file"; file: string; generated: boolean }
  | { value: undefined; source: "none" };

/** One per process, shared by every bundle's copy of this module: what a route signs, a page has to recognise. */
const shared = globalThis as { [processSecretKey]?: string };
const processSecretKey = Symbol.for("creditkit.web.processSecret");

function processSecret(): string {
  shared[processSecretKey] ??= randomBytes(secretBytes).toString("base64url");
  return shared[processSecretKey];
}

/** Signs the session cookies. */
export async function authSecret(): Promise<Exclude<Secret, { source: "none" }>> {
  const { BETTER_AUTH_SECRET: value } = readEnvironment();
  if (value !== undefined) return { value, source: "environment" };
  const file = await generatedSecretFile("BETTER_AUTH_SECRET");
  if (file === null) return { value: processSecret(), source: "process" };
  return { source: "file", ...keepSecret(file) };
}

/**
 * Opens the cron routes. A variable that is set, even to nothing, is what the operator decided: a blank or short one
 * closes the routes (rule 32) instead of being replaced by a generated secret. It is read anew each time, so that it
 * can be rotated and so that the environment stays the only place that decides.
 */
export async function cronSecret(): Promise<Secret> {
  const value = process.env.CRON_SECRET;
  if (value !== undefined) return { value, source: "environment" };
  const file = await generatedSecretFile("CRON_SECRET");
  return file === null ? { value: undefined, source: "none" } : { source: "file", ...keepSecret(file) };
}

/** Only the embedded database has a directory that belongs to this app alone. */
async function generatedSecretFile(name: SecretName): Promise<string | null> {
  const environment = readEnvironment();
  const directory = environment.DATABASE_URL ? null : dataDirectory(environment);
  if (directory === null) return null;
  // Opening it first takes the directory's lock, so no second process generates another secret meanwhile.
  await getDatabase();
  return join(/* turbopackIgnore: true */ directory, secretFiles[name]);
}

/** Reads the secret in `file`, or generates it there once, readable by its owner only. */
export function keepSecret(file: string): { value: string; file: string; generated: boolean } {
  const kept = readIfThere(file);
  if (kept !== undefined) {
    chmodSync(file, 0o600);
    if (kept.length < secretLengthMin)
      throw new Error(`The secret in ${file} is cut short; delete the file to renew it`);
    return { value: kept, file, generated: false };
  }
  const value = randomBytes(secretBytes).toString("base64url");
  const draft = `${file}.${process.pid}`;
  // Written aside and renamed into place: whoever looks sees no file or a whole one, even after a crash.
  writeFileSync(draft, `${value}\n`, { mode: 0o600, flush: true });
  renameSync(draft, file);
  return { value, file, generated: true };
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
