"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";

/** Pages that belong together; the one that is open stands out. */
export function Tabs({ label, tabs }: { label: string; tabs: readonly { href: string; name: string }[] }) {
  const path = usePathname();
  // The tab of a page without one of its own is the nearest above it.
  const open = tabs
    .map(({ href }) => href)
    .filter((href) => path === href || path.startsWith(`${href}/`))
    .reduce((nearest, href) => (href.length > nearest.length ? href : nearest), "");
  return (
    <nav aria-label={label} className="mt-4 overflow-x-auto border-b border-line">
      <ul className="flex gap-5">
        {tabs.map(({ href, name }) => (
          <li key={href}>
            <Link
              href={href}
              aria-current={href === open ? (href === path ? "page" : "true") : undefined}
              className="-mb-px block border-b-2 border-transparent py-2.5 text-sm font-medium whitespace-nowrap text-ink-soft transition-colors hover:text-ink aria-[current]:border-accent aria-[current]:text-ink"
            >
              {name}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
