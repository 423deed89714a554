import { getTranslations } from "next-intl/server";
import { now } from "@/credits/now";
import { getCredits } from "@/credits/server";
import { getFormat } from "@/i18n/format";

/** Shades of one colour, the next to be spent the strongest: which is which the list below says in words. */
const shades = ["bg-accent", "bg-accent/75", "bg-accent/55", "bg-accent/40", "bg-accent/25"];

/** What each batch has left, as a bar and as a list, in the order in which it is spent. */
export async function BatchList({ userId }: { userId: string }) {
  const t = await getTranslations("credits.batches");
  const format = await getFormat();
  const credits = await getCredits();
  const wallet = await credits.getWallet({ userId });
  const batches = (wallet?.batches ?? []).filter(({ expired }) => !expired);
  if (batches.length === 0) return <p className="text-sm text-ink-soft">{t("empty")}</p>;

  const total = batches.reduce((sum, { remaining, held }) => sum + remaining + held, 0);
  return (
    <>
      <div aria-hidden="true" className="flex h-3 gap-0.5 overflow-hidden rounded-full">
        {batches.map(({ id, remaining, held }, index) => (
          <span
            key={id}
            className={`${shadeOf(index)} min-w-1.5`}
            style={{ flexGrow: (remaining + held) / total }}
          />
        ))}
      </div>
      <ol className="mt-4 divide-y divide-line">
        {batches.map(({ id, amount, remaining, held, grantedBy, expiresAt }, index) => (
          <li key={id} className="flex items-baseline justify-between gap-4 py-2.5 text-sm">
            <span className="flex min-w-0 items-baseline gap-2.5">
              <span aria-hidden="true" className={`${shadeOf(index)} size-2.5 shrink-0 rounded-full`} />
              <span>
                <span className="font-medium">{format.type(grantedBy)}</span>
                <span className="block text-ink-soft">
                  {expiresAt === null
                    ? t("never")
                    : t("expires", {
                        when: format.distance(expiresAt, now()),
                        date: format.dateText(expiresAt),
                      })}
                </span>
              </span>
            </span>
            <span className="text-right tabular-nums">
              <span className="font-medium">
                {t("left", { left: format.number(remaining), amount: format.number(amount) })}
              </span>
              {held > 0 && (
                <span className="block text-ink-soft">{t("held", { held: format.number(held) })}</span>
              )}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

function shadeOf(index: number): string {
  return shades[Math.min(index, shades.length - 1)] ?? "";
}
