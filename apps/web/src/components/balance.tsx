import { useTranslations } from "next-intl";
import { Icon } from "@/components/icon";
import { useFormat } from "@/i18n/format";

/** What the user has, where it is spent. */
export function Balance({ credits }: { credits: number }) {
  const t = useTranslations("common");
  const format = useFormat();
  return (
    <p className="flex h-9 items-center gap-2 rounded-full border border-line bg-surface px-3 text-sm whitespace-nowrap">
      <Icon name="coins" className="size-4 text-accent" />
      <span>
        <span data-testid="available-credits" className="font-semibold tabular-nums">
          {format.number(credits)}
        </span>{" "}
        <span className="text-ink-soft">{t("creditUnit", { amount: credits })}</span>
      </span>
    </p>
  );
}
