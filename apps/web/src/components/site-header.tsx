import Link from "next/link";
import { useTranslations } from "next-intl";
import type { ReactNode } from "react";

interface SiteHeaderProps {
  /** Where else in the app one can go: beside the name, or below it on a phone. */
  sections?: ReactNode;
  children?: ReactNode;
}

/** The bar on top of every page: the name on the left, what the page offers on the right. */
export function SiteHeader({ sections, children }: SiteHeaderProps) {
  const t = useTranslations("common.sections");
  return (
    <header className="border-b border-line bg-surface">
      <div className="mx-auto flex min-h-16 max-w-6xl flex-wrap items-center justify-between gap-x-4 px-4 sm:px-6">
        <Link href="/" className="flex items-center gap-2.5 rounded font-semibold tracking-tight">
          <span
            aria-hidden="true"
            className="grid size-6 place-items-center rounded-md bg-accent text-accent-ink"
          >
            <svg viewBox="0 0 16 16" className="size-4" fill="none" stroke="currentColor" strokeWidth="1.75">
              <title>Creditkit</title>
              <path d="M3 5.5h10M3 8h10M3 10.5h6" strokeLinecap="round" />
            </svg>
          </span>
          Creditkit
        </Link>
        {sections && (
          <nav
            aria-label={t("label")}
            className="order-last -mx-2 w-[calc(100%+1rem)] pb-2 md:order-none md:mx-0 md:mr-auto md:w-auto md:pb-0"
          >
            {sections}
          </nav>
        )}
        <nav
          aria-label={t("account")}
          className="-mr-4 flex h-16 min-w-0 items-center gap-1 has-[>:last-child.bg-accent]:mr-0 sm:gap-2"
        >
          {children}
        </nav>
      </div>
    </header>
  );
}
