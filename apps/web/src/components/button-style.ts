const shape =
  "inline-flex h-10 items-center justify-center gap-2 rounded-lg px-4 text-sm font-medium whitespace-nowrap transition-colors disabled:opacity-60";

const looks = {
  primary: "bg-accent text-accent-ink hover:bg-accent-hover",
  secondary: "border border-line bg-surface text-ink hover:bg-sunken",
  quiet: "text-ink-soft hover:bg-sunken hover:text-ink",
} as const;

/** What a button, or a link that looks like one, wears. */
export function buttonStyle(look: keyof typeof looks): string {
  return `${shape} ${looks[look]}`;
}
