import { useTranslations } from "next-intl";
import { Notice } from "@/components/notice";
import type { SearchParameters } from "@/history/filter";
import { type Format, useFormat } from "@/i18n/format";
import type { Messages } from "@/i18n/messages";

type Done = keyof Messages["admin"]["done"];
type Problem = keyof Messages["admin"]["problems"];

/** What became of the form that led here, as the address says. */
export function Outcome({ parameters }: { parameters: SearchParameters }) {
  const t = useTranslations("admin");
  const format = useFormat();
  const { problem, done, amount, asked, available } = parameters;
  if (typeof problem === "string") {
    const known = t.has(`problems.${problem as Problem}`) ? (problem as Problem) : "UNKNOWN";
    return <Notice>{t(`problems.${known}`, { available: numberOf(available, format) })}</Notice>;
  }
  if (typeof done !== "string" || !t.has(`done.${done as Done}`)) return null;
  return (
    <p role="status" className="rounded-lg border border-line bg-accent-wash px-3 py-2 text-sm text-accent">
      {t(`done.${done as Done}`, { amount: numberOf(amount, format), asked: numberOf(asked, format) })}
    </p>
  );
}

/** An address can say anything. */
function numberOf(value: SearchParameters[string], format: Format): string {
  const number = typeof value === "string" ? Number(value) : Number.NaN;
  return format.number(Number.isFinite(number) ? number : 0);
}
