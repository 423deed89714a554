import Link from "next/link";
import { useTranslations } from "next-intl";
import type { AdminAction } from "@/admin/action";
import { userPath } from "@/admin/path";
import { Card } from "@/components/card";
import { useFormat } from "@/i18n/format";
import type { Messages } from "@/i18n/messages";

type KnownAction = keyof Messages["admin"]["actions"];

/** Who did what, and why. */
export function Activity({
  title,
  actions,
}: {
  title: string;
  /** With whom it was done to, where that is not plain from the page. */
  actions: readonly (AdminAction & { userName?: string | null })[];
}) {
  const t = useTranslations("admin");
  const format = useFormat();
  return (
    <Card title={title}>
      {actions.length === 0 && <p className="text-sm text-ink-soft">{t("user.noActivity")}</p>}
      <ol className="divide-y divide-line">
        {actions.map(({ id, action, amount, reason, adminEmail, createdAt, userId, userName }) => (
          <li key={id} className="py-2.5 text-sm first:pt-0 last:pb-0">
            <span className="font-medium">
              {t(`actions.${action as KnownAction}`, { amount: format.number(amount ?? 0) })}
            </span>
            {userId !== null && userName !== undefined && (
              <>
                {" "}
                <Link
                  href={userPath(userId)}
                  className="rounded break-all text-accent underline-offset-4 hover:underline"
                >
                  {userName ?? userId}
                </Link>
              </>
            )}
            {reason && <span className="block break-words text-ink-soft">{reason}</span>}
            <span className="block text-xs break-words text-ink-soft">
              {t("user.by", { admin: adminEmail })} · {format.instant(createdAt)}
            </span>
          </li>
        ))}
      </ol>
    </Card>
  );
}
