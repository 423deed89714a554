import { formatNumber } from "@/components/format";
import { Icon } from "@/components/icon";

/** What the user has, where it is spent. */
export function Balance({ credits }: { credits: number }) {
  return (
    <p className="flex h-9 items-center gap-2 rounded-full border border-line bg-surface px-3 text-sm whitespace-nowrap">
      <Icon name="coins" className="size-4 text-accent" />
      <span>
        <span data-testid="available-credits" className="font-semibold tabular-nums">
          {formatNumber(credits)}
        </span>{" "}
        <span className="text-ink-soft">{credits === 1 ? "credit" : "credits"}</span>
      </span>
    </p>
  );
}
