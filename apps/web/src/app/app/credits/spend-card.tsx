import Link from "next/link";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { formatCredits } from "@/components/format";
import { Icon } from "@/components/icon";
import { getCreditConsumption } from "@/config/credits";
import { imageService } from "@/config/models";

/** Where credits can be spent, and what they buy there. */
export function SpendCard() {
  return (
    <Card title="Spend credits" note="Held before the model is called, charged for what it really did.">
      <div className="grid gap-3">
        <Link href="/app/ai/chat" className={`${buttonStyle("primary")} w-full`}>
          <Icon name="chat" />
          Open the chat
        </Link>
        <Link href="/app/ai/image" className={`${buttonStyle("secondary")} w-full`}>
          <Icon name="image" />
          Draw a picture for {formatCredits(getCreditConsumption(imageService))}
        </Link>
        <Link href="/pricing" className={`${buttonStyle("quiet")} w-full`}>
          See packages
        </Link>
      </div>
    </Card>
  );
}
