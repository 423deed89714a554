import type { Overview } from "creditkit";
import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { requireAdmin } from "@/admin/admin";
import { Card } from "@/components/card";
import { Notice } from "@/components/notice";
import { creditsConfig } from "@/config/credits";
import { getCredits } from "@/credits/server";
import { getFormat } from "@/i18n/format";
import { FlowTable, ServiceTable } from "./flow-tables";
import { Liability } from "./liability";

export async function generateMetadata(): Promise<Metadata> {
  await requireAdmin();
  return { title: (await getTranslations("admin"))("title") };
}

export default async function AdminPage() {
  await requireAdmin();
  const t = await getTranslations("admin.overview");
  const format = await getFormat();
  const overview = await (await getCredits()).getOverview();
  const { issued, spent, expired, takenBack, inWallets, owed } = booksOf(overview);
  // Half a unit: JavaScript's fractions do not add up exactly where the installation has decimals.
  const balances =
    Math.abs(issued - (inWallets + spent + expired + takenBack - owed)) < 0.5 / 10 ** creditsConfig.decimals;
  const figures = [
    { name: t("issued"), value: format.number(issued) },
    {
      name: t("inWallets"),
      value: format.number(inWallets),
      detail:
        overview.outstanding.held > 0
          ? `${t("held")}: ${format.number(overview.outstanding.held)}`
          : undefined,
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
    { name: t("unbooked"), value: format.number(overview.expiredUnbooked) },
  ];
  return (
    <>
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
        <div className="mt-5 text-sm">
          {balances ? (
            <p className="text-ink-soft">{t("balances")}</p>
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
    </>
  );
}

/** The terms of the contract's equation, from what moved by type. */
function booksOf({ flows, debt }: Overview) {
  const sum = (...types: string[]) =>
    flows.reduce((total, { type, amount }) => total + (types.includes(type) ? amount : 0), 0);
  return {
    issued: sum("purchase", "monthly_grant", "registration_bonus", "adjustment"),
    spent: 0 - sum("consumption", "reversal"),
    expired: 0 - sum("expiration"),
    takenBack: 0 - sum("refund", "refund_reversal", "chargeback", "chargeback_reversal", "deduction"),
    inWallets: flows.reduce((total, { amount }) => total + amount, 0),
    // What the wallets say, not what moved: so the equation says something.
    owed: debt,
  };
}
