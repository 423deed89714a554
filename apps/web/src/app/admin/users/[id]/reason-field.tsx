import { useTranslations } from "next-intl";
import { reasonLengthMax, reasonLengthMin } from "@/admin/fields";
import { Field, fieldStyle } from "@/components/field";

/** Why something is done by hand. */
export function ReasonField({ typed }: { typed: string }) {
  const t = useTranslations("admin.adjust");
  return (
    <Field label={t("reason")} hint={t("reasonHint")}>
      {(id) => (
        <input
          id={id}
          name="reason"
          required
          minLength={reasonLengthMin}
          maxLength={reasonLengthMax}
          autoComplete="off"
          defaultValue={typed}
          className={fieldStyle}
        />
      )}
    </Field>
  );
}
