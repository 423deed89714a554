import type { WebhookDeliveryStatus } from "creditkit";
import type { Metadata } from "next";
import { cookies } from "next/headers";
import { getTranslations } from "next-intl/server";
import { requireAdmin } from "@/admin/admin";
import { readShownOnce, shownOnceCookie } from "@/admin/shown-once";
import { getCredits } from "@/credits/server";
import type { SearchParameters } from "@/history/filter";
import { Outcome } from "../outcome";
import { DeliveryList } from "./delivery-list";
import { EndpointList } from "./endpoint-list";
import { KeyList } from "./key-list";

export async function generateMetadata(): Promise<Metadata> {
  await requireAdmin();
  return { title: (await getTranslations("admin.tabs"))("api") };
}

const statuses = ["pending", "delivered", "failed"] as const satisfies readonly WebhookDeliveryStatus[];
const shownDeliveries = 50;

export default async function ApiPage({ searchParams }: { searchParams: Promise<SearchParameters> }) {
  await requireAdmin();
  const parameters = await searchParams;
  const credits = await getCredits();
  const status = statuses.find((known) => known === parameters.status);
  const [keys, endpoints, deliveries] = await Promise.all([
    credits.getApiKeys(),
    credits.getWebhookEndpoints(),
    credits.getWebhookDeliveries({ limit: shownDeliveries, ...(status && { status }) }),
  ]);
  const shown = readShownOnce((await cookies()).get(shownOnceCookie)?.value);
  return (
    <>
      <Outcome parameters={parameters} />
      {shown && <ShownOnce {...shown} />}
      <KeyList keys={keys} parameters={parameters} />
      <EndpointList endpoints={endpoints} parameters={parameters} />
      <DeliveryList deliveries={deliveries} statuses={statuses} status={status} />
    </>
  );
}

async function ShownOnce({ kind, secret }: { kind: "key" | "secret"; secret: string }) {
  const t = await getTranslations("admin.api");
  return (
    <section className="rounded-xl border border-accent bg-accent-wash p-5 sm:p-6">
      <p className="text-sm font-medium text-accent">{t(kind === "key" ? "shownKey" : "shownSecret")}</p>
      <p data-testid="shown-once" className="mt-2 font-mono text-sm break-all select-all">
        {secret}
      </p>
    </section>
  );
}
