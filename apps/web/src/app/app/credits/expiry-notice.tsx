import Link from "next/link";
import { useTranslations } from "next-intl";
import type { UserCreditsInfo } from "@/credits/actions";
import { now } from "@/credits/now";
import { useFormat } from "@/i18n/format";

/** Sooner than this, a reader is told without having to look. */
const noticeMs = 7 * 24 * 60 * 60 * 1000;

/** That credits are about to expire, while there is still time to use them. */
export function ExpiryNotice({ expiring }: { expiring: UserCreditsInfo["nextExpiringBatch"] }) {
  const t = useTranslations("credits.notices");
  const format = useFormat();
  if (expiring === null || expiring.expiresAt.getTime() - now().getTime() > noticeMs) return null;
  return (
    <p
      role="status"
      className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 rounded-xl border border-line-strong bg-surface px-5 py-3 text-sm sm:px-6"
    >
      {t("expiring", {
        amount: format.credits(expiring.amount),
        when: format.distance(expiring.expiresAt, now()),
        date: format.dateText(expiring.expiresAt),
      })}
      <Link
        href="/app/ai/chat"
        className="rounded font-medium text-accent underline-offset-4 hover:underline"
      >
        {t("expiringAction")}
      </Link>
    </p>
  );
}
