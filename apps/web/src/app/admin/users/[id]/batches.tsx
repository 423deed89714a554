import type { OpenHold, WalletDetails } from "creditkit";
import { useTranslations } from "next-intl";
import { useServiceName } from "@/app/app/credits/service-name";
import { Card } from "@/components/card";
import { useFormat } from "@/i18n/format";

/** What has anything left, in drain order. */
export function Batches({ batches }: Pick<WalletDetails, "batches">) {
  const t = useTranslations("admin.user");
  const format = useFormat();
  return (
    <Card title={t("batches")} note={t("batchesNote")}>
      {batches.length === 0 && <p className="text-sm text-ink-soft">{t("noBatches")}</p>}
      <ol className="divide-y divide-line">
        {batches.map(({ id, grantedBy, amount, remaining, held, expiresAt, expired }) => (
          <li key={id} className="flex flex-wrap items-baseline justify-between gap-x-4 py-2.5 text-sm">
            <span>
              <span className="font-medium">{format.type(grantedBy)}</span>
              <span className={`block ${expired ? "text-alert" : "text-ink-soft"}`}>
                {expiresAt === null
                  ? t("never")
                  : t(expired ? "expired" : "expires", { date: format.dateText(expiresAt) })}
              </span>
            </span>
            <span className="text-right tabular-nums">
              {t("left", { left: format.number(remaining), amount: format.number(amount) })}
              {held > 0 && (
                <span className="block text-ink-soft">{t("heldOf", { held: format.number(held) })}</span>
              )}
            </span>
          </li>
        ))}
      </ol>
    </Card>
  );
}

export function Holds({ holds }: { holds: readonly OpenHold[] }) {
  const t = useTranslations("admin.user");
  const format = useFormat();
  const serviceName = useServiceName();
  if (holds.length === 0) return null;
  return (
    <Card title={t("holds")}>
      <ul className="divide-y divide-line">
        {holds.map(({ holdId, amount, service, expiresAt }) => (
          <li key={holdId} className="flex flex-wrap justify-between gap-x-4 py-2.5 text-sm">
            <span>
              <span className="font-medium">{serviceName(service)}</span>{" "}
              <span className="text-ink-soft">
                {t("until", {
                  date: `${format.dateText(expiresAt)} ${expiresAt.toISOString().slice(11, 16)}`,
                })}
              </span>
              <span className="block font-mono text-xs break-all text-ink-soft">{holdId}</span>
            </span>
            <span className="font-medium tabular-nums">{format.number(amount)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
