import { randomUUID } from "node:crypto";
import { type ApiKey, ApiScope } from "creditkit";
import { useTranslations } from "next-intl";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { Field, fieldStyle } from "@/components/field";
import type { SearchParameters } from "@/history/filter";
import { useFormat } from "@/i18n/format";
import { typedBefore } from "../typed";

/** The keys of the HTTP API, and the form that makes one. */
export function KeyList({ keys, parameters }: { keys: readonly ApiKey[]; parameters: SearchParameters }) {
  const t = useTranslations("admin.api");
  const typed = typedBefore(parameters, "key");
  return (
    <Card title={t("keys")} note={t("keysNote")}>
      <p className="mb-4 text-sm">
        <a href="/api/v1/reference" className="rounded text-accent underline underline-offset-4">
          {t("reference")}
        </a>
      </p>
      {keys.length === 0 ? (
        <p className="text-sm text-ink-soft">{t("noKeys")}</p>
      ) : (
        <ul className="divide-y divide-line">
          {keys.map((key) => (
            <KeyRow key={key.keyId} apiKey={key} />
          ))}
        </ul>
      )}
      <form method="post" action="/api/admin/keys" className="mt-6 grid gap-4 border-t border-line pt-5">
        <input type="hidden" name="key" value={randomUUID()} />
        <div className="sm:max-w-md">
          <Field label={t("name")}>
            {(id) => (
              <input
                id={id}
                name="name"
                required
                maxLength={255}
                autoComplete="off"
                defaultValue={typed("name")}
                className={fieldStyle}
              />
            )}
          </Field>
        </div>
        <fieldset className="flex flex-wrap gap-x-6 gap-y-2 text-sm">
          <legend className="mb-1.5 text-xs font-medium text-ink-soft">{t("scopes")}</legend>
          {Object.values(ApiScope).map((scope) => (
            <label key={scope} className="flex items-center gap-2">
              <input type="checkbox" name="scopes" value={scope} className="size-4 accent-accent" />
              {t(`scope.${scope}`)}
            </label>
          ))}
        </fieldset>
        <div>
          <button type="submit" className={buttonStyle("primary")}>
            {t("createKey")}
          </button>
        </div>
      </form>
    </Card>
  );
}

function KeyRow({ apiKey }: { apiKey: ApiKey }) {
  const t = useTranslations("admin.api");
  const format = useFormat();
  const { keyId, name, prefix, scopes, lastUsedAt, revokedAt, expiresAt } = apiKey;
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-3 text-sm first:pt-0">
      <span className={`min-w-0 ${revokedAt === null ? "" : "text-ink-soft"}`}>
        <span className="font-medium break-words">{name}</span>{" "}
        <span className="font-mono text-xs text-ink-soft">{prefix}…</span>
        <span className="block text-ink-soft">{scopes.map((scope) => t(`scope.${scope}`)).join(" · ")}</span>
        <span className="block text-xs text-ink-soft">
          {revokedAt === null
            ? lastUsedAt === null
              ? t("neverUsed")
              : t("lastUsed", { date: format.instantText(lastUsedAt) })
            : t("revokedAt", { date: format.instantText(revokedAt) })}
          {expiresAt !== null && ` · ${t("expiresAt", { date: format.instantText(expiresAt) })}`}
        </span>
      </span>
      {revokedAt === null && (
        <form method="post" action="/api/admin/keys">
          <input type="hidden" name="key" value={randomUUID()} />
          <input type="hidden" name="action" value="revoke" />
          <input type="hidden" name="keyId" value={keyId} />
          <button type="submit" aria-label={t("revokeOf", { name })} className={buttonStyle("secondary")}>
            {t("revoke")}
          </button>
        </form>
      )}
    </li>
  );
}
