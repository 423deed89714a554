import { useTranslations } from "next-intl";
import { Notice } from "@/components/notice";
import type { SearchParameters } from "@/history/filter";
import type { Messages } from "@/i18n/messages";

type Done = keyof Messages["admin"]["done"];
type Problem = keyof Messages["admin"]["problems"];

/** What became of the form that led here, as the address says. */
export function Outcome({ parameters, doneKey }: { parameters: SearchParameters; doneKey?: string }) {
  const t = useTranslations("admin");
  const { problem, done, available } = parameters;
  if (typeof problem === "string") {
    const known = t.has(`problems.${problem as Problem}`) ? (problem as Problem) : "UNKNOWN";
    const amount = typeof available === "string" ? available.slice(0, 20) : "0";
    return <Notice>{t(`problems.${known}`, { available: amount })}</Notice>;
  }
  if (typeof done !== "string") return null;
  const text = doneKey ?? (t.has(`done.${done as Done}`) ? t(`done.${done as Done}`) : null);
  return (
    text && (
      <p role="status" className="rounded-lg border border-line bg-accent-wash px-3 py-2 text-sm text-accent">
        {text}
      </p>
    )
  );
}
