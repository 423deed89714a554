import type { JobRun } from "creditkit";
import { useTranslations } from "next-intl";
import { ScrollArea } from "@/components/scroll-area";
import { useFormat } from "@/i18n/format";
import type { Messages } from "@/i18n/messages";
import { failuresOf, RunState } from "./run-state";

/** In the order in which they are told. */
const shownCounts = [
  "processed",
  "successful",
  "skipped",
  "failed",
  "processedBatches",
  "processedUsers",
  "totalExpiredAmount",
  "timedOutHolds",
] as const satisfies readonly (keyof Messages["admin"]["jobs"]["counts"])[];

/** When a job ran, and what came of it. */
export function RunTable({ label, runs }: { label: string; runs: readonly JobRun[] }) {
  const t = useTranslations("admin.jobs");
  const format = useFormat();
  return (
    <ScrollArea label={label} className="mt-4">
      <table className="w-full text-sm tabular-nums">
        <thead className="text-left text-ink-soft">
          <tr className="border-b border-line">
            <th scope="col" className="pr-8 pb-2 font-medium max-sm:hidden">
              {t("started")}
            </th>
            <th scope="col" className="w-full pr-4 pb-2 font-medium">
              {t("result")}
            </th>
            <th scope="col" className="pb-2 text-right font-medium">
              {t("took")}
            </th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {runs.map((run) => (
            <tr key={run.id} className="align-top">
              <td className="py-2 pr-8 max-sm:hidden">{format.instant(run.startedAt)}</td>
              <td className="py-2 pr-4">
                <span className="block text-xs sm:hidden">{format.instant(run.startedAt)}</span>
                <RunResult run={run} />
              </td>
              <td className="py-2 text-right whitespace-nowrap text-ink-soft">
                {run.finishedAt &&
                  t("milliseconds", {
                    duration: format.number(run.finishedAt.getTime() - run.startedAt.getTime()),
                  })}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollArea>
  );
}

function RunResult({ run }: { run: JobRun }) {
  const t = useTranslations("admin.jobs");
  const format = useFormat();
  const { result } = run;
  if (result === null) return <RunState run={run} />;
  const wrong = failuresOf(result);
  const counts = shownCounts.flatMap((name) => {
    const count = result[name];
    return typeof count === "number" ? t(`counts.${name}`, { count: format.number(count) }) : [];
  });
  return (
    <>
      <RunState run={run} />
      {counts.length > 0 && <span className="block text-ink-soft">{counts.join(", ")}</span>}
      {wrong.length > 0 && (
        <details className="mt-1 text-xs">
          <summary className="cursor-pointer rounded text-alert">{t("failures")}</summary>
          <ul className="mt-1 grid gap-1">
            {wrong.map((row) => (
              <li key={JSON.stringify(row)} className="font-mono break-all">
                {Object.values(row).join(" · ")}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
