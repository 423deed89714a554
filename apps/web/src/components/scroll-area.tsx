import type { ReactNode } from "react";

/** What may be wider or longer than its place. It can be focused: whoever has only a keyboard could not scroll it otherwise. */
export function ScrollArea({
  label,
  className = "",
  children,
}: {
  label: string;
  className?: string;
  children: ReactNode;
}) {
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable regions have to be reachable by keyboard (WCAG 2.1.1)
      tabIndex={0}
      className={`overflow-auto ${className}`}
    >
      {children}
    </section>
  );
}
