import "server-only";
import type { JobRun } from "creditkit";
import { getCredits } from "@/credits/server";

export const jobs = ["grant", "expire", "audit"] as const;

/** Beyond it, events are not counted: who sees that many has seen enough. */
export const countedEventsMax = 1_000;

export interface OpenEvents {
  failed: number;
  parked: number;
}

/** How many messages of providers have not done what they say. */
export async function countOpenEvents(): Promise<OpenEvents> {
  const credits = await getCredits();
  const count = async (status: "failed" | "parked") =>
    (await credits.getPaymentEvents({ status, limit: countedEventsMax })).length;
  const [failed, parked] = await Promise.all([count("failed"), count("parked")]);
  return { failed, parked };
}

/** The newest runs of each job and of the audit, newest first. */
export async function readRuns(limit: number): Promise<readonly (readonly JobRun[])[]> {
  const credits = await getCredits();
  return Promise.all(jobs.map((job) => credits.getJobRuns({ job, limit })));
}
