import { useTranslations } from "next-intl";
import { Notice } from "@/components/notice";
import type { Messages } from "@/i18n/messages";

type Known = keyof Messages["billing"]["problems"];

/** What stopped a purchase, by the code in the address, where anybody can write anything: only known problems are shown. */
export function PurchaseProblem({ code }: { code: string | string[] | undefined }) {
  const t = useTranslations("billing.problems");
  if (code === undefined) return null;
  const isKnown = typeof code === "string" && t.has(code as Known);
  return <Notice>{t(isKnown ? (code as Known) : "UNKNOWN")}</Notice>;
}
