import { type ApiKey, type ApiScope, apiScopes } from "./core/api-key.ts";
import type { Credits } from "./core/operations.ts";

/** Makes a key and shows it, this once. */
export async function createKey(
  credits: Credits,
  name: string,
  scopes: readonly string[],
): Promise<{ json: object; text: string }> {
  // What is no scope, the ledger refuses.
  const key = await credits.createApiKey({ name, scopes: scopes as ApiScope[] });
  const text = `${key.key}\n\nIt is shown this once. Scopes: ${key.scopes.join(", ")}. Revoke it: creditkit keys revoke ${key.keyId}`;
  return { json: key, text };
}

export async function listKeys(credits: Credits): Promise<{ json: object; text: string }> {
  const keys = await credits.getApiKeys();
  return { json: keys, text: keys.length === 0 ? "There are no keys." : keys.map(lineOf).join("\n") };
}

export async function revokeKey(credits: Credits, keyId: string): Promise<{ json: object; text: string }> {
  const key = await credits.revokeApiKey({ keyId });
  return { json: key, text: `${key.name} (${key.prefix}…) opens nothing any more.` };
}

function lineOf({ keyId, name, prefix, scopes, lastUsedAt, revokedAt, expiresAt }: ApiKey): string {
  const state =
    revokedAt !== null
      ? `revoked ${revokedAt.toISOString()}`
      : lastUsedAt === null
        ? "never used"
        : `last used ${lastUsedAt.toISOString()}`;
  const end = expiresAt === null ? "" : `  expires ${expiresAt.toISOString()}`;
  return `${keyId}  ${prefix}…  ${name}  ${scopes.join(",")}  ${state}${end}`;
}

/** The scopes of an option: separated by commas; `all` for all. */
export function scopesOf(text: string | undefined): readonly string[] {
  if (text === "all") return apiScopes;
  return (text ?? "").split(",").map((scope) => scope.trim());
}
