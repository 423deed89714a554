import { useTranslations } from "next-intl";
import { Notice } from "@/components/notice";
import type { Refusal } from "@/credits/refusal";
import type { Messages } from "@/i18n/messages";

type Known = keyof Messages["common"]["refusals"];

/** Why a route did not do what it was asked for, in the reader's language. */
export function RefusalNotice({ refusal }: { refusal: Refusal }) {
  const t = useTranslations("common.refusals");
  const code = refusal.code as Known;
  return <Notice>{t(t.has(code) ? code : "INTERNAL_ERROR")}</Notice>;
}
