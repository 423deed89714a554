import type { JobRun } from "creditkit";
import Link from "next/link";
import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { jobs, type OpenEvents } from "@/admin/health";
import { useFormat } from "@/i18n/format";
import { eventCount } from "./event-count";
import { RunState } from "./jobs/run-state";

/** What runs by itself, and whether it does. */
export function Health({
  runs,
  openEvents: { failed, parked },
}: {
  /** The newest run of each job, in the order of the jobs. */
  runs: readonly (readonly JobRun[])[];
  openEvents: OpenEvents;
}) {
  const t = useTranslations("admin");
  const format = useFormat();
  return (
    <section aria-label={t("overview.health")} className="grid grid-cols-2 gap-3 sm:gap-4 lg:grid-cols-4">
      {jobs.map((job, index) => {
        const run = runs[index]?.[0];
        return (
          <Tile key={job} href="/admin/jobs" name={t(`jobs.${job}`)}>
            {run === undefined ? (
              <span className="text-ink-soft">{t("jobs.never")}</span>
            ) : (
              <RunState run={run} />
            )}
            {run && <span className="block text-xs text-ink-soft">{format.instant(run.startedAt)}</span>}
          </Tile>
        );
      })}
      <Tile href="/admin/events" name={t("tabs.events")}>
        <span className={failed > 0 ? "text-alert" : "text-accent"}>
          {failed > 0
            ? t("overview.failedEvents", { count: eventCount(failed, format) })
            : t("overview.noFailedEvents")}
        </span>
        {parked > 0 && (
          <span className="block text-xs text-ink-soft">
            {t("overview.parkedEvents", { count: eventCount(parked, format) })}
          </span>
        )}
      </Tile>
    </section>
  );
}

function Tile({ href, name, children }: { href: string; name: string; children: ReactNode }) {
  return (
    <div className="min-w-0 rounded-xl border border-line bg-surface p-4 text-sm font-medium">
      <Link
        href={href}
        className="mb-1 block rounded text-xs font-medium text-ink-soft underline-offset-4 hover:text-ink hover:underline"
      >
        {name}
      </Link>
      {children}
    </div>
  );
}
