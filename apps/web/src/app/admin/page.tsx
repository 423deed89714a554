import type { Overview } from "creditkit";
import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { newestActions } from "@/admin/action";
import { requireAdmin } from "@/admin/admin";
import { countOpenEvents, readRuns } from "@/admin/health";
import { Card } from "@/components/card";
import { Notice } from "@/components/notice";
import { creditsConfig } from "@/config/credits";
import { getCredits } from "@/credits/server";
import { getFormat } from "@/i18n/format";
import { Activity } from "./activity";
import { FlowTable, ServiceTable } from "./flow-tables";
import { Health } from "./health";
import { Liability } from "./liability";

const shownActions = 10;

export async function generateMetadata(): Promise<Metadata> {
  await requireAdmin();
  return { title: (await getTranslations("admin"))("title") };
}

export default async function AdminPage() {
  await requireAdmin();
  const t = await getTranslations("admin.overview");
  const format = await getFormat();
  const overview = await (await getCredits()).getOverview();
  const [openEvents, runs, actions] = [
    await countOpenEvents(),
    await readRuns(1),
    await newestActions(shownActions),
  ];
  const { issued, spent, expired, takenBack, inWallets, owed } = booksOf(overview);
  // Half a unit: JavaScript's fractions do not add up exactly where the installation has decimals.
  const balances =
    Math.abs(issued - (inWallets + spent + expired + takenBack - owed)) < 0.5 / 10 ** creditsConfig.decimals;
  const figures = [
    { name: t("issued"), value: format.number(issued) },
    {
      name: t("inWallets"),
      value: format.number(inWallets),
      detail: t("inWalletsDetail", {
        free: format.number(overview.outstanding.total - overview.outstanding.held),
        held: format.number(overview.outstanding.held),
      }),
    },
    { name: t("spent"), value: format.number(spent) },
    { name: t("expired"), value: format.number(expired) },
    { name: t("takenBack"), value: format.number(takenBack) },
    { name: t("debt"), value: format.number(owed) },
    {
      name: t("wallets"),
      value: format.number(overview.wallets.total),
      detail: t("walletsDetail", { frozen: overview.wallets.frozen, closed: overview.wallets.closed }),
    },
    {
      name: t("unbooked"),
      value: format.number(overview.expiredUnbooked),
      detail: t("unbookedDetail"),
    },
  ];
  const equation = {
    issued: format.number(issued),
    inWallets: format.number(inWallets),
    spent: format.number(spent),
    expired: format.number(expired),
    takenBack: format.number(takenBack),
    owed: format.number(owed),
  };
  return (
    <>
      <Health runs={runs} openEvents={openEvents} />
      <Card title={t("books")} note={t("booksNote")}>
        <dl className="grid grid-cols-2 gap-x-6 gap-y-5 sm:grid-cols-4">
          {figures.map(({ name, value, detail }) => (
            <div key={name}>
              <dt className="text-sm text-ink-soft">{name}</dt>
              <dd className="mt-1">
                <span className="text-2xl font-semibold tracking-tight tabular-nums">{value}</span>
                {detail && <span className="block text-xs text-ink-soft">{detail}</span>}
              </dd>
            </div>
          ))}
        </dl>
        <div className="mt-5 grid gap-2 text-sm">
          <p className="rounded-lg bg-sunken px-3 py-2 text-ink-soft tabular-nums">
            {t("equation", equation)}
          </p>
          {balances ? (
            <p className="text-accent">✓ {t("balances")}</p>
          ) : (
            <Notice>{t("doesNotBalance")}</Notice>
          )}
        </div>
      </Card>
      <Card title={t("liability")} note={t("liabilityNote")}>
        <Liability outstanding={overview.outstanding} />
      </Card>
      <div className="grid items-start gap-4 sm:gap-6 lg:grid-cols-2">
        <Card title={t("services")}>
          <ServiceTable services={overview.services} />
        </Card>
        <Card title={t("flows")}>
          <FlowTable flows={overview.flows} />
        </Card>
      </div>
      <Activity title={t("activity")} actions={actions} />
    </>
  );
}

/**
 * The terms of the equation. What moved is of history; what is in wallets and owed is of the batches and wallets themselves: that the
 * two agree is what it says.
 */
function booksOf({ flows, outstanding, expiredUnbooked, debt }: Overview) {
  const sum = (...types: string[]) =>
    flows.reduce((total, { type, amount }) => total + (types.includes(type) ? amount : 0), 0);
  return {
    issued: sum("purchase", "monthly_grant", "registration_bonus", "adjustment"),
    spent: 0 - sum("consumption", "reversal"),
    expired: 0 - sum("expiration"),
    takenBack: 0 - sum("refund", "refund_reversal", "chargeback", "chargeback_reversal", "deduction"),
    inWallets: outstanding.total + expiredUnbooked,
    owed: debt,
  };
}
