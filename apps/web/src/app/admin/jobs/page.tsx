import { randomUUID } from "node:crypto";
import type { JobName, JobRun } from "creditkit";
import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { requireAdmin } from "@/admin/admin";
import { jobs, readRuns } from "@/admin/health";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import type { SearchParameters } from "@/history/filter";
import { Outcome } from "../outcome";
import { RunTable } from "./run-table";

export async function generateMetadata(): Promise<Metadata> {
  await requireAdmin();
  return { title: (await getTranslations("admin.tabs"))("jobs") };
}

const shownRuns = 5;

export default async function JobsPage({ searchParams }: { searchParams: Promise<SearchParameters> }) {
  await requireAdmin();
  const parameters = await searchParams;
  const runs = await readRuns(shownRuns);
  return (
    <>
      <Outcome parameters={parameters} />
      {jobs.map((job, index) => (
        <JobCard key={job} job={job} runs={runs[index] ?? []} />
      ))}
    </>
  );
}

async function JobCard({ job, runs }: { job: JobName; runs: readonly JobRun[] }) {
  const t = await getTranslations("admin.jobs");
  return (
    <Card title={t(job)} note={t(`${job}Note`)}>
      <form method="post" action="/api/admin/run">
        <input type="hidden" name="key" value={randomUUID()} />
        <button
          type="submit"
          name="job"
          value={job}
          aria-label={`${t("run")}: ${t(job)}`}
          className={buttonStyle("secondary")}
        >
          {t("run")}
        </button>
      </form>
      {runs.length === 0 ? (
        <p className="mt-4 text-sm text-ink-soft">{t("never")}</p>
      ) : (
        <RunTable label={t(job)} runs={runs} />
      )}
    </Card>
  );
}
