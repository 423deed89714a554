import { useLocale, useTranslations } from "next-intl";
import { BalanceBadge } from "@/components/credits/balance-badge";
import { Icon } from "@/components/icon";

/** What the user has, in the reader's language. */
export function Balance() {
  const t = useTranslations("common");
  return (
    <BalanceBadge
      icon={<Icon name="coins" className="size-4 text-accent" />}
      unit={(amount) => t("creditUnit", { amount })}
      locale={useLocale()}
    />
  );
}
