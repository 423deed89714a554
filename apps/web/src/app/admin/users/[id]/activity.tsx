import { useTranslations } from "next-intl";
import type { AdminAction } from "@/admin/action";
import { Card } from "@/components/card";
import { useFormat } from "@/i18n/format";
import type { Messages } from "@/i18n/messages";

type KnownAction = keyof Messages["admin"]["user"]["actions"];

/** Who did what to this user, and why. */
export function Activity({ actions }: { actions: readonly AdminAction[] }) {
  const t = useTranslations("admin.user");
  const format = useFormat();
  return (
    <Card title={t("activity")}>
      {actions.length === 0 && <p className="text-sm text-ink-soft">{t("noActivity")}</p>}
      <ol className="divide-y divide-line">
        {actions.map(({ id, action, amount, reason, adminEmail, createdAt }) => (
          <li key={id} className="py-2.5 text-sm">
            <span className="font-medium">
              {t(`actions.${action as KnownAction}`, { amount: format.number(amount ?? 0) })}
            </span>
            {reason && <span className="block break-words text-ink-soft">{reason}</span>}
            <span className="block text-xs text-ink-soft">
              {t("by", { admin: adminEmail })} · {format.instant(createdAt)}
            </span>
          </li>
        ))}
      </ol>
    </Card>
  );
}
