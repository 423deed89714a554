import { randomUUID } from "node:crypto";
import { useTranslations } from "next-intl";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import type { SearchParameters } from "@/history/filter";
import { typedBefore } from "../../typed";
import { ReasonField } from "./reason-field";

/** Freezes a wallet, or lets it spend again. */
export function StatusForm({
  userId,
  isFrozen,
  parameters,
}: {
  userId: string;
  isFrozen: boolean;
  parameters: SearchParameters;
}) {
  const t = useTranslations("admin.adjust");
  const typed = typedBefore(parameters, "status");
  return (
    <Card title={t(isFrozen ? "unfreeze" : "freeze")} note={t(isFrozen ? "unfreezeNote" : "freezeNote")}>
      <form method="post" action="/api/admin/status" className="grid gap-4">
        <input type="hidden" name="userId" value={userId} />
        <input type="hidden" name="key" value={randomUUID()} />
        <ReasonField typed={typed("reason")} />
        <button
          type="submit"
          name="action"
          value={isFrozen ? "unfreeze" : "freeze"}
          className={buttonStyle("secondary")}
        >
          {t(isFrozen ? "unfreeze" : "freeze")}
        </button>
      </form>
    </Card>
  );
}
