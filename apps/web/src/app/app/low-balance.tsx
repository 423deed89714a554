import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { creditsConfig } from "@/config/credits";
import { getUserCreditsInfo } from "@/credits/queries";
import { getFormat } from "@/i18n/format";

/** That credits run low, on every page where they are spent: before they are out. */
export async function LowBalance({ userId }: { userId: string }) {
  const { lowBalance } = creditsConfig.limitations;
  const { data } = await getUserCreditsInfo({ userId });
  if (lowBalance === undefined || data === undefined || data.availableCredits >= lowBalance) return null;
  const t = await getTranslations("credits.notices");
  const format = await getFormat();
  return (
    <aside className="border-b border-alert-line bg-alert-wash text-sm text-alert">
      <p className="mx-auto flex max-w-6xl flex-wrap items-center justify-between gap-x-4 gap-y-1 px-4 py-2.5 sm:px-6">
        {data.availableCredits === 0
          ? t("empty")
          : t("low", { amount: format.credits(data.availableCredits) })}
        <Link href="/pricing" className="rounded font-semibold underline underline-offset-4">
          {t("lowAction")}
        </Link>
      </p>
    </aside>
  );
}
