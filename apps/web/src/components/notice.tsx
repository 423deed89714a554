import type { ReactNode } from "react";

/** Something that went wrong, told to screen readers when it appears. */
export function Notice({ children }: { children: ReactNode }) {
  return (
    <p
      role="alert"
      className="rounded-lg border border-alert-line bg-alert-wash px-3 py-2 text-sm text-alert"
    >
      {children}
    </p>
  );
}
