import type { JobRun } from "creditkit";
import { useTranslations } from "next-intl";
import { useFormat } from "@/i18n/format";

/** So many failures or violations of a run are kept at most. */
const keptRowsMax = 20;

/** How a run ended, in a word. */
export function RunState({ run: { result, error, finishedAt } }: { run: JobRun }) {
  const t = useTranslations("admin.jobs");
  const format = useFormat();
  if (error !== null) return <span className="break-words text-alert">{t("broke", { error })}</span>;
  if (finishedAt === null || result === null) return <span className="text-ink-soft">{t("running")}</span>;
  if (typeof result.failed === "number" && result.failed > 0)
    return <span className="text-alert">{t("counts.failed", { count: format.number(result.failed) })}</span>;
  if (result.ok === false) {
    const count = failuresOf(result).length;
    return (
      <span className="text-alert">
        {t(count < keptRowsMax ? "violations" : "manyViolations", { count })}
      </span>
    );
  }
  return <span className="text-accent">{t(result.ok === true ? "clean" : "fine")}</span>;
}

/** What a run kept of what went wrong. */
export function failuresOf(result: NonNullable<JobRun["result"]>): Readonly<Record<string, unknown>>[] {
  return [result.results, result.violations].flatMap((rows) => (Array.isArray(rows) ? rows : []));
}
