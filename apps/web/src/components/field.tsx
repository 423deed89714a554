import { type ReactNode, useId } from "react";

export const fieldStyle =
  "h-10 w-full min-w-0 rounded-lg border border-line-strong bg-surface px-2.5 text-base sm:text-sm";

/** A label above what it names, and a hint below. */
export function Field({
  label,
  hint,
  children,
}: {
  label: string;
  hint?: string;
  children: (id: string) => ReactNode;
}) {
  const id = useId();
  return (
    <div className="grid content-start gap-1">
      <label htmlFor={id} className="text-xs font-medium text-ink-soft">
        {label}
      </label>
      {children(id)}
      {hint && <p className="text-xs text-ink-soft">{hint}</p>}
    </div>
  );
}
