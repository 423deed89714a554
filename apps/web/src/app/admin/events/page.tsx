import { randomUUID } from "node:crypto";
import type { InboxEvent, InboxStatus } from "creditkit";
import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { requireAdmin } from "@/admin/admin";
import { countOpenEvents } from "@/admin/health";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { getCredits } from "@/credits/server";
import type { SearchParameters } from "@/history/filter";
import { getFormat } from "@/i18n/format";
import { eventCount } from "../event-count";
import { Outcome } from "../outcome";

export async function generateMetadata(): Promise<Metadata> {
  await requireAdmin();
  return { title: (await getTranslations("admin.events"))("title") };
}

const statuses = ["failed", "parked", "applied", "ignored"] as const satisfies readonly InboxStatus[];
const shownEvents = 100;

export default async function EventsPage({ searchParams }: { searchParams: Promise<SearchParameters> }) {
  await requireAdmin();
  const parameters = await searchParams;
  const t = await getTranslations("admin.events");
  const status = statuses.find((known) => known === parameters.status);
  const events = await (await getCredits()).getPaymentEvents({
    limit: shownEvents,
    ...(status && { status }),
  });
  const openEvents = await countOpenEvents();
  const format = await getFormat();
  return (
    <>
      <Outcome parameters={parameters} />
      <Card title={t("title")} note={t("note")}>
        <nav aria-label={t("filter")} className="mb-2 flex flex-wrap gap-2">
          {[undefined, ...statuses].map((one) => (
            <Link
              key={one ?? "all"}
              href={one === undefined ? "/admin/events" : `/admin/events?status=${one}`}
              aria-current={one === status ? "true" : undefined}
              className="rounded-full border border-line px-3 py-1 text-xs font-medium text-ink-soft hover:text-ink aria-[current=true]:border-accent aria-[current=true]:bg-accent-wash aria-[current=true]:text-accent"
            >
              {one === undefined ? t("all") : t(`statuses.${one}`)}
              {(one === "failed" || one === "parked") && ` ${eventCount(openEvents[one], format)}`}
            </Link>
          ))}
        </nav>
        {events.length === 0 ? (
          <p className="rounded-lg bg-sunken px-4 py-8 text-center text-sm text-ink-soft">{t("empty")}</p>
        ) : (
          <ul className="divide-y divide-line">
            {events.map((event) => (
              <EventRow key={`${event.provider} ${event.eventId}`} event={event} filter={status} />
            ))}
          </ul>
        )}
      </Card>
    </>
  );
}

async function EventRow({ event, filter }: { event: InboxEvent; filter: InboxStatus | undefined }) {
  const t = await getTranslations("admin.events");
  const format = await getFormat();
  const { provider, eventId, type, status, waitsFor, error, receivedAt } = event;
  const isOpen = status === "failed" || status === "parked";
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-3 text-sm">
      <span className="min-w-0">
        <span className="font-medium">{type}</span>{" "}
        <span className={status === "failed" ? "font-medium text-alert" : "text-ink-soft"}>
          {t(`statuses.${status}`)}
          {error !== null && `: ${error}`}
        </span>
        {waitsFor.length > 0 && (
          <span className="block text-ink-soft">{t("waitsFor", { names: waitsFor.join(", ") })}</span>
        )}
        <span className="block text-xs">
          <span className="font-mono break-all">
            {provider} {eventId}
          </span>{" "}
          · {format.instant(receivedAt)}
        </span>
      </span>
      {isOpen && (
        <form method="post" action="/api/admin/replay">
          <input type="hidden" name="key" value={randomUUID()} />
          {filter && <input type="hidden" name="status" value={filter} />}
          <input type="hidden" name="provider" value={provider} />
          <input type="hidden" name="eventId" value={eventId} />
          <button
            type="submit"
            aria-label={t("replayOf", { event: eventId })}
            className={buttonStyle("secondary")}
          >
            {t("replay")}
          </button>
        </form>
      )}
    </li>
  );
}
