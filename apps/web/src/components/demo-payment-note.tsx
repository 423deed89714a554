/** Says that buying moves no money here. */
export function DemoPaymentNote() {
  return (
    <p className="rounded-xl border border-dashed border-line-strong px-4 py-3 text-sm/6 text-ink-soft">
      <strong className="font-semibold text-ink">Demo payments.</strong> No money moves: this server has no
      key of a payment provider. The credits are real ones of its ledger.
    </p>
  );
}
