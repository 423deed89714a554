import { useTranslations } from "next-intl";
import type { ReactNode } from "react";

/** Says what here is not real, and what of it is. */
export function DemoNote({ children }: { children: ReactNode }) {
  return (
    <p className="rounded-xl border border-dashed border-line-strong px-4 py-3 text-sm/6 text-ink-soft">
      {children}
    </p>
  );
}

/** How a note stresses what it is about. */
export function strong(text: ReactNode) {
  return <strong className="font-semibold text-ink">{text}</strong>;
}

export function DemoBadge() {
  const t = useTranslations("common");
  return (
    <span className="rounded-full border border-dashed border-line-strong px-2.5 py-1 text-xs font-medium whitespace-nowrap text-ink-soft">
      {t("demoModel")}
    </span>
  );
}
