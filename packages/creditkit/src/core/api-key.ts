import { parseDate, parseId, parseParameters } from "./argument.ts";
import type { Engine } from "./engine.ts";
import { invalidArgument } from "./errors.ts";
import { isRefusal, type Refusal, refusalError } from "./request.ts";
import { parseUuid, uuidV7 } from "./uuid.ts";

/**
 * What a key may be allowed to do. `read`: see users' balances and histories. `spend`: consume, hold, settle, release. `reverse`: give
 * spends back. `grant`: give credits. `admin`: everything about the system, other keys included; none of the others comes with it.
 */
export const ApiScope = {
  READ: "read",
  SPEND: "spend",
  REVERSE: "reverse",
  GRANT: "grant",
  ADMIN: "admin",
} as const;
export type ApiScope = (typeof ApiScope)[keyof typeof ApiScope];

export const apiScopes: readonly ApiScope[] = Object.values(ApiScope);

export interface ApiKey {
  keyId: string;
  name: string;
  /** The key's first characters, for telling keys apart. */
  prefix: string;
  scopes: ApiScope[];
  createdAt: Date;
  /** Null: never. */
  expiresAt: Date | null;
  /** To the minute; null: never so far. */
  lastUsedAt: Date | null;
  /** Null: it is valid. */
  revokedAt: Date | null;
}

export interface CreateApiKeyParams {
  /** Who will use it, 1–255 characters. */
  name: string;
  scopes: readonly ApiScope[];
  /** Default: never. */
  expiresAt?: Date;
}

/** Of a key that a request carries. */
export interface ApiCaller {
  keyId: string;
  name: string;
  scopes: ApiScope[];
}

const keyPrefix = "ck_";
const secretBytes = 32;
const shownLength = 9;
const keyForm = /^ck_[A-Za-z0-9_-]{43}$/;

/**
 * Makes a key of the HTTP API. Only its hash is kept: `key` is here once and never again.
 * @throws `INVALID_ARGUMENT` (`field`).
 */
export async function createApiKey(
  engine: Engine,
  params: CreateApiKeyParams,
): Promise<ApiKey & { key: string }> {
  const fields = parseParameters(params);
  const key = keyPrefix + base64Url(crypto.getRandomValues(new Uint8Array(secretBytes)));
  const row = {
    id: uuidV7(),
    name: parseId("name", fields.name),
    prefix: key.slice(0, shownLength),
    scopes: parseScopes(fields.scopes),
    expires_at: fields.expiresAt === undefined ? undefined : parseDate("expiresAt", fields.expiresAt),
  };
  const hash = await hashOf(key);
  const written = await engine.call<KeyRow>(
    "select credits.create_api_key($1::text::jsonb, $2::text, $3::text::timestamptz)::text as answer",
    () => [JSON.stringify(row), hash, engine.now()],
  );
  return { ...keyOf(written), key };
}

/** All keys, newest first, revoked ones too. */
export async function getApiKeys(engine: Engine): Promise<ApiKey[]> {
  const rows = await engine.call<KeyRow[]>("select credits.get_api_keys()::text as answer", []);
  return rows.map(keyOf);
}

/**
 * Takes a key's rights away, for ever and from the next request on. Revoking it again changes nothing.
 * @throws `NOT_FOUND` (`keyId`), `INVALID_ARGUMENT` (`field`).
 */
export async function revokeApiKey(engine: Engine, params: { keyId: string }): Promise<ApiKey> {
  const keyId = parseUuid("keyId", parseParameters(params).keyId);
  const answer = await engine.call<KeyRow | Refusal>(
    "select credits.revoke_api_key($1::text::uuid, $2::text::timestamptz)::text as answer",
    () => [keyId, engine.now()],
  );
  if (isRefusal(answer)) throw refusalError(engine, answer);
  return keyOf(answer);
}

/** Who comes with this key, if it is valid now; null: nobody may. Notes that it was used. */
export async function verifyApiKey(engine: Engine, key: string): Promise<ApiCaller | null> {
  // What cannot be a key costs no look into the database.
  if (typeof key !== "string" || !keyForm.test(key)) return null;
  const hash = await hashOf(key);
  const found = await engine.call<{ id: string; name: string; scopes: ApiScope[] } | null>(
    "select credits.use_api_key($1::text, $2::text::timestamptz)::text as answer",
    () => [hash, engine.now()],
  );
  return found && { keyId: found.id, name: found.name, scopes: found.scopes };
}

function parseScopes(value: unknown): ApiScope[] {
  if (!Array.isArray(value) || value.length === 0 || !value.every((scope) => apiScopes.includes(scope)))
    throw invalidArgument("scopes", `a list of ${apiScopes.join(", ")}`);
  return apiScopes.filter((scope) => value.includes(scope));
}

async function hashOf(key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

interface KeyRow {
  id: string;
  name: string;
  prefix: string;
  scopes: ApiScope[];
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
  revoked_at: number | null;
}

function keyOf(row: KeyRow): ApiKey {
  const instant = (milliseconds: number | null) => (milliseconds === null ? null : new Date(milliseconds));
  return {
    keyId: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    createdAt: new Date(row.created_at),
    expiresAt: instant(row.expires_at),
    lastUsedAt: instant(row.last_used_at),
    revokedAt: instant(row.revoked_at),
  };
}
