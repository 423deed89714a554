import Link from "next/link";
import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { buttonStyle } from "@/components/button-style";

interface PagesProps {
  label: string;
  /** What the links say; omitted: newer and older. */
  previous?: string;
  next?: string;
  /** From 0. */
  pageIndex: number;
  pageCount: number;
  /** The address of a page, counted from 1. */
  hrefOf: (page: number) => string;
}

/** Links to the pages beside this one; nothing where there is one page only. */
export function Pages({ label, previous, next, pageIndex, pageCount, hrefOf }: PagesProps) {
  const t = useTranslations("common.pages");
  if (pageCount <= 1) return null;
  const page = pageIndex + 1;
  return (
    <nav aria-label={label} className="flex items-center justify-between gap-2">
      <PageLink href={page > 1 ? hrefOf(page - 1) : null} rel="prev">
        {previous ?? t("newer")}
      </PageLink>
      <span className="text-sm text-ink-soft tabular-nums">{t("page", { page, pages: pageCount })}</span>
      <PageLink href={page < pageCount ? hrefOf(page + 1) : null} rel="next">
        {next ?? t("older")}
      </PageLink>
    </nav>
  );
}

function PageLink({
  href,
  rel,
  children,
}: {
  href: string | null;
  rel: "prev" | "next";
  children: ReactNode;
}) {
  // An empty place of the same width, so that the other two stay where they are.
  if (href === null) return <span aria-hidden="true" className="w-20" />;
  return (
    <Link href={href} rel={rel} scroll={false} className={`${buttonStyle("secondary")} w-20`}>
      {children}
    </Link>
  );
}
