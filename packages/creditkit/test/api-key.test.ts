import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { defaultCreditsConfig } from "../src/core/config.ts";
import { createCredits } from "../src/core/credits.ts";
import { describeLedger, losingAnswers, refusal } from "./ledger.ts";
import { dayMs } from "./model.ts";

describeLedger("keys of the HTTP API", (ledger) => {
  const credits = () => ledger().credits;

  it("are shown once, and kept as a hash only", async () => {
    const made = await credits().createApiKey({ name: "shop", scopes: ["spend", "read"] });
    expect(made.key).toMatch(/^ck_[A-Za-z0-9_-]{43}$/);
    expect(made).toMatchObject({
      name: "shop",
      scopes: ["read", "spend"],
      revokedAt: null,
      lastUsedAt: null,
    });
    const rows = await ledger().sql<{ row: string }>(
      "select to_jsonb(api_key)::text as row from credits.api_key",
    );
    const text = rows.map(({ row }) => row).join();
    expect(text).not.toContain(made.key);
    expect(text).toContain(createHash("sha256").update(made.key).digest("hex"));
    const [listed] = await credits().getApiKeys();
    expect(listed).not.toHaveProperty("key");
    expect(made.key.startsWith(listed?.prefix ?? "none")).toBe(true);
  });

  it("say who comes and what they may, and when they were used last", async () => {
    const { key, keyId } = await credits().createApiKey({ name: "shop", scopes: ["read"] });
    expect(await credits().verifyApiKey(key)).toEqual({ keyId, name: "shop", scopes: ["read"] });
    const used = ledger().clock.now();
    ledger().clock.advance(30_000);
    await credits().verifyApiKey(key);
    const lastUse = async () => (await credits().getApiKeys()).find((one) => one.keyId === keyId)?.lastUsedAt;
    // To the minute: a busy key does not write at every request.
    expect(await lastUse()).toEqual(used);
    ledger().clock.advance(60_000);
    await credits().verifyApiKey(key);
    expect(await lastUse()).toEqual(ledger().clock.now());
  });

  it.each([
    ["nothing", ""],
    ["another form", "sk_live_123"],
    ["the form, but unknown", `ck_${"A".repeat(43)}`],
    ["no text", undefined as unknown as string],
  ])("open nothing: %s", async (_what, key) => {
    expect(await credits().verifyApiKey(key)).toBeNull();
  });

  it("open nothing once they are revoked, and stay revoked", async () => {
    const { key, keyId } = await credits().createApiKey({ name: "shop", scopes: ["read"] });
    const { revokedAt } = await credits().revokeApiKey({ keyId });
    expect(revokedAt).toEqual(ledger().clock.now());
    expect(await credits().verifyApiKey(key)).toBeNull();
    ledger().clock.advance(dayMs);
    expect((await credits().revokeApiKey({ keyId })).revokedAt).toEqual(revokedAt);
  });

  it("open nothing from the instant at which they expire", async () => {
    const expiresAt = new Date(ledger().clock.now().getTime() + dayMs);
    const { key } = await credits().createApiKey({ name: "shop", scopes: ["read"], expiresAt });
    ledger().clock.advance(dayMs - 1);
    expect(await credits().verifyApiKey(key)).not.toBeNull();
    ledger().clock.advance(1);
    expect(await credits().verifyApiKey(key)).toBeNull();
  });

  it("are made once where the answer gets lost (rule 29)", async () => {
    const before = (await credits().getApiKeys()).length;
    const losing = createCredits({
      database: losingAnswers(ledger().database, 1),
      config: defaultCreditsConfig,
      clock: ledger().clock.now,
    });
    const { key } = await losing.createApiKey({ name: "lost", scopes: ["read"] });
    expect(await credits().verifyApiKey(key)).toMatchObject({ name: "lost" });
    expect((await credits().getApiKeys()).length).toBe(before + 1);
  });

  it.each([
    ["name", { name: "", scopes: ["read"] }],
    ["scopes", { name: "shop", scopes: [] }],
    ["scopes", { name: "shop", scopes: ["everything"] }],
    ["scopes", { name: "shop" }],
    ["expiresAt", { name: "shop", scopes: ["read"], expiresAt: "tomorrow" }],
  ])("are not made with a wrong %s", async (field, params) => {
    const before = await credits().getApiKeys();
    expect(await refusal(credits().createApiKey(params as never))).toMatchObject({
      code: "INVALID_ARGUMENT",
      field,
    });
    expect(await credits().getApiKeys()).toEqual(before);
  });

  it.each(["nobody", "00000000-0000-7000-8000-000000000000"])(
    "cannot be revoked where there are none: %s",
    async (keyId) => {
      expect(await refusal(credits().revokeApiKey({ keyId }))).toMatchObject({
        code: "NOT_FOUND",
        field: "keyId",
      });
    },
  );
});
