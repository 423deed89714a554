"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import { Icon, type IconName } from "@/components/icon";

const sections = [
  { href: "/app/credits", name: "Credits", icon: "coins" },
  { href: "/app/ai/chat", name: "Chat", icon: "chat" },
  { href: "/app/ai/image", name: "Images", icon: "image" },
  { href: "/app/billing", name: "Billing", icon: "card" },
] as const satisfies readonly { href: string; name: string; icon: IconName }[];

/** The places of the app; the one that is open stands out. */
export function Sections() {
  const path = usePathname();
  return (
    <ul className="grid grid-cols-4 gap-1 md:flex">
      {sections.map(({ href, name, icon }) => (
        <li key={href}>
          <Link
            href={href}
            aria-current={path === href ? "page" : undefined}
            className="flex h-10 items-center justify-center gap-1.5 rounded-lg px-1 text-sm sm:gap-2 sm:px-3 font-medium text-ink-soft transition-colors hover:bg-sunken hover:text-ink aria-[current=page]:bg-accent-wash aria-[current=page]:text-accent"
          >
            <Icon name={icon} className="size-4 shrink-0" />
            {name}
          </Link>
        </li>
      ))}
    </ul>
  );
}
