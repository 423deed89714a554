"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import { useTranslations } from "next-intl";
import { Icon, type IconName } from "@/components/icon";

const sections = [
  { href: "/app/credits", name: "credits", icon: "coins" },
  { href: "/app/ai/chat", name: "chat", icon: "chat" },
  { href: "/app/ai/image", name: "images", icon: "image" },
  { href: "/app/billing", name: "billing", icon: "card" },
  { href: "/app/settings", name: "settings", icon: "settings" },
] as const satisfies readonly { href: string; name: string; icon: IconName }[];

/** The places of the app; the one that is open stands out. */
export function Sections() {
  const path = usePathname();
  const t = useTranslations("common.sections");
  return (
    <ul className="grid grid-cols-5 gap-1 md:flex">
      {sections.map(({ href, name, icon }) => (
        <li key={href}>
          <Link
            href={href}
            aria-current={path === href || path.startsWith(`${href}/`) ? "page" : undefined}
            className="flex h-12 flex-col items-center justify-center gap-0.5 rounded-lg px-1 text-xs sm:h-10 sm:flex-row sm:gap-2 sm:px-2.5 sm:text-sm font-medium text-ink-soft transition-colors hover:bg-sunken hover:text-ink aria-[current=page]:bg-accent-wash aria-[current=page]:text-accent"
          >
            <Icon name={icon} className="size-4 shrink-0" />
            {t(name)}
          </Link>
        </li>
      ))}
    </ul>
  );
}
