import { randomUUID } from "node:crypto";
import type { WebhookDelivery, WebhookDeliveryStatus } from "creditkit";
import Link from "next/link";
import { useTranslations } from "next-intl";
import { userPath } from "@/admin/path";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { useFormat } from "@/i18n/format";

/** What was told, or is still to be told, newest first. */
export function DeliveryList({
  deliveries,
  statuses,
  status,
}: {
  deliveries: readonly WebhookDelivery[];
  statuses: readonly WebhookDeliveryStatus[];
  /** Which are shown; undefined: all. */
  status: WebhookDeliveryStatus | undefined;
}) {
  const t = useTranslations("admin.api");
  return (
    <Card title={t("deliveries")} note={t("deliveriesNote")}>
      <nav aria-label={t("filter")} className="mb-2 flex flex-wrap gap-2">
        {[undefined, ...statuses].map((one) => (
          <Link
            key={one ?? "all"}
            href={one === undefined ? "/admin/api" : `/admin/api?status=${one}`}
            aria-current={one === status ? "true" : undefined}
            className="rounded-full border border-line px-3 py-1 text-xs font-medium text-ink-soft hover:text-ink aria-[current=true]:border-accent aria-[current=true]:bg-accent-wash aria-[current=true]:text-accent"
          >
            {one === undefined ? t("anyStatus") : t(`statuses.${one}`)}
          </Link>
        ))}
      </nav>
      {deliveries.length === 0 ? (
        <p className="rounded-lg bg-sunken px-4 py-8 text-center text-sm text-ink-soft">
          {t("noDeliveries")}
        </p>
      ) : (
        <ul className="divide-y divide-line">
          {deliveries.map((delivery) => (
            <DeliveryRow
              key={`${delivery.messageId} ${delivery.endpointId}`}
              delivery={delivery}
              filter={status}
            />
          ))}
        </ul>
      )}
    </Card>
  );
}

function DeliveryRow({
  delivery,
  filter,
}: {
  delivery: WebhookDelivery;
  filter: WebhookDeliveryStatus | undefined;
}) {
  const t = useTranslations("admin.api");
  const format = useFormat();
  const { messageId, endpointId, type, userId, url, status, attempts, responseStatus, error } = delivery;
  const details = [
    t("attempts", { count: attempts }),
    ...(responseStatus === null ? [] : [t("answered", { status: String(responseStatus) })]),
    ...(error === null ? [] : [error]),
    ...(delivery.nextAttemptAt === null || attempts === 0
      ? []
      : [t("next", { date: format.instantText(delivery.nextAttemptAt) })]),
  ];
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-3 text-sm">
      <span className="min-w-0">
        <span className="font-mono text-xs font-medium">{type}</span>{" "}
        <span className={status === "failed" ? "font-medium text-alert" : "text-ink-soft"}>
          {t(`statuses.${status}`)}
        </span>
        <span className="block text-ink-soft">{details.join(" · ")}</span>
        <span className="block text-xs break-all text-ink-soft">
          <Link
            href={userPath(userId)}
            className="rounded font-mono text-accent underline-offset-4 hover:underline"
          >
            {userId}
          </Link>{" "}
          → {url} · {format.instant(delivery.createdAt)}
        </span>
      </span>
      <form method="post" action="/api/admin/webhooks">
        <input type="hidden" name="key" value={randomUUID()} />
        <input type="hidden" name="action" value="resend" />
        <input type="hidden" name="messageId" value={messageId} />
        <input type="hidden" name="endpointId" value={endpointId} />
        {filter && <input type="hidden" name="status" value={filter} />}
        <button
          type="submit"
          aria-label={t("resendOf", { type, user: userId })}
          className={buttonStyle("secondary")}
        >
          {t("resend")}
        </button>
      </form>
    </li>
  );
}
