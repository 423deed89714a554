import Link from "next/link";
import { getTranslations } from "next-intl/server";
import type { SignedIn } from "@/auth/session";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { Field, fieldStyle } from "@/components/field";
import { Notice } from "@/components/notice";
import { getUserCreditsInfo } from "@/credits/queries";
import { getFormat } from "@/i18n/format";
import type { Messages } from "@/i18n/messages";

type Problem = keyof Messages["settings"]["problems"];

/** What deleting an account keeps and what it loses, and the form that does it. */
export async function DeleteAccount({
  signedIn,
  problem,
}: {
  signedIn: SignedIn;
  problem: string | string[] | undefined;
}) {
  const t = await getTranslations("settings");
  const tBilling = await getTranslations("billing");
  const format = await getFormat();
  const { data } = await getUserCreditsInfo({ userId: signedIn.userId });
  const left = (data?.availableCredits ?? 0) + (data?.heldCredits ?? 0);
  const known = typeof problem === "string" && t.has(`problems.${problem as Problem}`) ? problem : "UNKNOWN";
  return (
    <Card title={t("delete")} note={t("deleteNote")}>
      <div className="grid gap-4 text-sm">
        {problem !== undefined && <Notice>{t(`problems.${known as Problem}`)}</Notice>}
        {problem === "SUBSCRIPTION_ACTIVE" && (
          <Link href="/app/billing" className={`${buttonStyle("secondary")} justify-self-start`}>
            {tBilling("title")}
          </Link>
        )}
        <p className="text-pretty">{t("deleteKept")}</p>
        {left > 0 && <p className="font-medium">{t("deleteLost", { credits: format.credits(left) })}</p>}
        <form
          method="post"
          action="/api/account/delete"
          className="grid gap-3 sm:grid-cols-[1fr_auto] sm:items-end"
        >
          <Field label={t("deleteConfirm")}>
            {(id) => (
              <input id={id} name="email" type="email" required autoComplete="off" className={fieldStyle} />
            )}
          </Field>
          <button
            type="submit"
            className="inline-flex h-10 items-center justify-center rounded-lg border border-alert-line bg-alert-wash px-4 text-sm font-medium text-alert hover:border-alert"
          >
            {t("deleteSubmit")}
          </button>
        </form>
      </div>
    </Card>
  );
}
