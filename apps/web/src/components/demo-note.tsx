/** Says that what answers here is not a real model, and what of it is real. */
export function DemoNote({ children }: { children: string }) {
  return (
    <p className="rounded-xl border border-dashed border-line-strong px-4 py-3 text-sm/6 text-ink-soft">
      <strong className="font-semibold text-ink">Demo model.</strong> {children}
    </p>
  );
}

export function DemoBadge() {
  return (
    <span className="rounded-full border border-dashed border-line-strong px-2.5 py-1 text-xs font-medium whitespace-nowrap text-ink-soft">
      Demo model
    </span>
  );
}
