import type { WalletDetails } from "creditkit";
import { creditsFormat, fill, typeName, typeNames } from "./format";

const english = {
  empty: "You have no credits at the moment.",
  left: "{left} of {amount}",
  held: "{held} held",
  expires: "Expires {when}, on {date}",
  never: "Never expires",
};

/** Shades of one colour, the next to be spent the strongest: which is which the list below says in words. */
const shades = ["bg-primary", "bg-primary/75", "bg-primary/55", "bg-primary/40", "bg-primary/25"];

interface BatchListProps {
  /** Those of `credits.getWallet`, in the order in which they are spent. */
  batches: WalletDetails["batches"];
  /** For words such as "in 3 days". Default: the clock. */
  now?: Date;
  /** BCP 47. Default: `en`. */
  locale?: string;
  /** Default: English. */
  labels?: Partial<typeof english>;
  /** What the types of grants are called. Default: English. */
  types?: Readonly<Record<string, string>>;
}

/** What each batch has left, as a bar and as a list, in the order in which it is spent. */
export function BatchList({
  batches,
  now = new Date(),
  locale = "en",
  labels,
  types = typeNames,
}: BatchListProps) {
  const text = { ...english, ...labels };
  const format = creditsFormat(locale);
  const valid = batches.filter(({ expired }) => !expired);
  if (valid.length === 0) return <p className="text-sm text-muted-foreground">{text.empty}</p>;

  const total = valid.reduce((sum, { remaining, held }) => sum + remaining + held, 0);
  return (
    <>
      <div aria-hidden="true" className="flex h-3 gap-0.5 overflow-hidden rounded-full">
        {valid.map(({ id, remaining, held }, index) => (
          <span
            key={id}
            className={`${shadeOf(index)} min-w-1.5`}
            style={{ flexGrow: (remaining + held) / total }}
          />
        ))}
      </div>
      <ol className="mt-4 divide-y divide-border">
        {valid.map(({ id, amount, remaining, held, grantedBy, expiresAt }, index) => (
          <li key={id} className="flex items-baseline justify-between gap-4 py-2.5 text-sm">
            <span className="flex min-w-0 items-baseline gap-2.5">
              <span aria-hidden="true" className={`${shadeOf(index)} size-2.5 shrink-0 rounded-full`} />
              <span>
                <span className="font-medium">{typeName(grantedBy, types)}</span>
                <span className="block text-balance text-muted-foreground">
                  {expiresAt === null
                    ? text.never
                    : fill(text.expires, {
                        when: format.distance(expiresAt, now),
                        date: format.day(expiresAt),
                      })}
                </span>
              </span>
            </span>
            <span className="shrink-0 text-right tabular-nums">
              <span className="font-medium">
                {fill(text.left, { left: format.number(remaining), amount: format.number(amount) })}
              </span>
              {held > 0 && (
                <span className="block text-muted-foreground">
                  {fill(text.held, { held: format.number(held) })}
                </span>
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
