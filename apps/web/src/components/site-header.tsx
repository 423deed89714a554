import Link from "next/link";
import type { ReactNode } from "react";

/** The bar on top of every page: the name on the left, what the page offers on the right. */
export function SiteHeader({ children }: { children?: ReactNode }) {
  return (
    <header className="border-b border-line bg-surface">
      <div className="mx-auto flex h-16 max-w-6xl items-center justify-between gap-4 px-4 sm:px-6">
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
        <nav
          aria-label="Account"
          className="-mr-4 flex min-w-0 items-center gap-1 has-[>:last-child.bg-accent]:mr-0 sm:gap-2"
        >
          {children}
        </nav>
      </div>
    </header>
  );
}
