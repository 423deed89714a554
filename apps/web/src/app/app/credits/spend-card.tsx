import Link from "next/link";
import { useTranslations } from "next-intl";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { Icon } from "@/components/icon";
import { getCreditConsumption } from "@/config/credits";
import { imageService } from "@/config/models";
import { useFormat } from "@/i18n/format";

/** Where credits can be spent, and what they buy there. */
export function SpendCard() {
  const t = useTranslations("credits.spend");
  const format = useFormat();
  return (
    <Card title={t("title")} note={t("note")}>
      <div className="grid gap-3">
        <Link href="/app/ai/chat" className={`${buttonStyle("primary")} w-full`}>
          <Icon name="chat" />
          {t("chat")}
        </Link>
        <Link href="/app/ai/image" className={`${buttonStyle("secondary")} w-full`}>
          <Icon name="image" />
          {t("image", { price: format.credits(getCreditConsumption(imageService)) })}
        </Link>
        <Link href="/pricing" className={`${buttonStyle("quiet")} w-full`}>
          {t("packages")}
        </Link>
      </div>
    </Card>
  );
}
