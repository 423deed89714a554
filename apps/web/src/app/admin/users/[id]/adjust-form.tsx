import { randomUUID } from "node:crypto";
import { useTranslations } from "next-intl";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { Field, fieldStyle } from "@/components/field";
import type { SearchParameters } from "@/history/filter";
import { typedBefore } from "../../typed";
import { ReasonField } from "./reason-field";

/** Gives or takes. */
export function AdjustForm({ userId, parameters }: { userId: string; parameters: SearchParameters }) {
  const t = useTranslations("admin.adjust");
  const typed = typedBefore(parameters, "adjust");
  return (
    <Card title={t("title")} note={t("note")}>
      <form method="post" action="/api/admin/adjust" className="grid gap-4">
        <input type="hidden" name="userId" value={userId} />
        <input type="hidden" name="key" value={randomUUID()} />
        <fieldset className="flex gap-4 text-sm">
          <legend className="sr-only">{t("direction")}</legend>
          {(["grant", "deduct"] as const).map((action) => (
            <label key={action} className="flex items-center gap-2 font-medium">
              <input
                type="radio"
                name="action"
                value={action}
                defaultChecked={(typed("action") === "deduct") === (action === "deduct")}
                className="size-4 accent-accent"
              />
              {t(action === "grant" ? "give" : "take")}
            </label>
          ))}
        </fieldset>
        <div className="grid grid-cols-2 gap-3">
          <Field label={t("amount")}>
            {(id) => (
              <input
                id={id}
                name="amount"
                inputMode="decimal"
                required
                autoComplete="off"
                defaultValue={typed("amount")}
                className={fieldStyle}
              />
            )}
          </Field>
          <Field label={t("validity")} hint={t("validityHint")}>
            {(id) => (
              <input
                id={id}
                name="validityDays"
                inputMode="numeric"
                autoComplete="off"
                defaultValue={typed("validityDays")}
                className={fieldStyle}
              />
            )}
          </Field>
        </div>
        <ReasonField typed={typed("reason")} />
        <label className="flex items-center gap-2 text-sm">
          <input
            type="checkbox"
            name="force"
            value="yes"
            defaultChecked={typed("force") !== ""}
            className="size-4 accent-accent"
          />
          {t("force")}
        </label>
        <button type="submit" className={buttonStyle("primary")}>
          {t("submit")}
        </button>
      </form>
    </Card>
  );
}
