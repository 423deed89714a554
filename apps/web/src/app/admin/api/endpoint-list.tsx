import { randomUUID } from "node:crypto";
import { type WebhookEndpoint, webhookEventTypes } from "creditkit";
import { useTranslations } from "next-intl";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { Field, fieldStyle } from "@/components/field";
import type { SearchParameters } from "@/history/filter";
import { useFormat } from "@/i18n/format";
import { typedBefore } from "../typed";

/** Who is told of what happens, and the form that adds somebody. */
export function EndpointList({
  endpoints,
  parameters,
}: {
  endpoints: readonly WebhookEndpoint[];
  parameters: SearchParameters;
}) {
  const t = useTranslations("admin.api");
  const typed = typedBefore(parameters, "endpoint");
  return (
    <Card title={t("endpoints")} note={t("endpointsNote")}>
      {endpoints.length === 0 ? (
        <p className="text-sm text-ink-soft">{t("noEndpoints")}</p>
      ) : (
        <ul className="divide-y divide-line">
          {endpoints.map((endpoint) => (
            <EndpointRow key={endpoint.endpointId} endpoint={endpoint} />
          ))}
        </ul>
      )}
      <form method="post" action="/api/admin/webhooks" className="mt-6 grid gap-4 border-t border-line pt-5">
        <input type="hidden" name="key" value={randomUUID()} />
        <input type="hidden" name="action" value="create" />
        <div className="grid gap-3 sm:grid-cols-[2fr_1fr]">
          <Field label={t("url")} hint={t("urlHint")}>
            {(id) => (
              <input
                id={id}
                name="url"
                type="url"
                required
                autoComplete="off"
                defaultValue={typed("url")}
                className={fieldStyle}
              />
            )}
          </Field>
          <Field label={t("lowBalance")} hint={t("lowBalanceHint")}>
            {(id) => (
              <input
                id={id}
                name="lowBalance"
                inputMode="decimal"
                autoComplete="off"
                defaultValue={typed("lowBalance")}
                className={fieldStyle}
              />
            )}
          </Field>
        </div>
        <fieldset className="flex flex-wrap gap-x-6 gap-y-2 text-sm">
          <legend className="mb-1.5 text-xs font-medium text-ink-soft">
            {t("events")} ({t("allEvents")})
          </legend>
          {webhookEventTypes.map((name) => (
            <label key={name} className="flex items-center gap-2">
              <input type="checkbox" name="events" value={name} className="size-4 accent-accent" />
              <span className="font-mono text-xs">{name}</span>
            </label>
          ))}
        </fieldset>
        <div>
          <button type="submit" className={buttonStyle("primary")}>
            {t("createEndpoint")}
          </button>
        </div>
      </form>
    </Card>
  );
}

function EndpointRow({ endpoint }: { endpoint: WebhookEndpoint }) {
  const t = useTranslations("admin.api");
  const format = useFormat();
  const { endpointId, url, enabled, disabledReason, eventTypes, lowBalance, pending } = endpoint;
  const state = enabled
    ? t("enabled")
    : disabledReason === null
      ? t("disabled")
      : t("disabledBecause", { reason: disabledReason });
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-3 text-sm first:pt-0">
      <span className="min-w-0">
        <span className="font-medium break-all">{url}</span>
        <span className="block break-words text-ink-soft">
          {eventTypes === null ? t("all") : eventTypes.join(", ")}
          {lowBalance !== null && ` · ${t("belowNote", { amount: format.number(lowBalance) })}`}
        </span>
        <span className="block text-xs text-ink-soft">
          <span className={enabled ? "" : "font-medium text-alert"}>{state}</span> ·{" "}
          {t("pending", { count: pending })}
        </span>
      </span>
      <form method="post" action="/api/admin/webhooks" className="flex gap-2">
        <input type="hidden" name="key" value={randomUUID()} />
        <input type="hidden" name="endpointId" value={endpointId} />
        {([enabled ? "disable" : "enable", "delete"] as const).map((action) => (
          <button
            key={action}
            type="submit"
            name="action"
            value={action}
            aria-label={t("of", { what: t(action), name: url })}
            className={buttonStyle("secondary")}
          >
            {t(action)}
          </button>
        ))}
      </form>
    </li>
  );
}
