import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { requireAdmin } from "@/admin/admin";
import { userPath } from "@/admin/path";
import { type FoundUser, findUsers } from "@/admin/users";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { Pages } from "@/components/pages";
import { readPageIndex, type SearchParameters } from "@/history/filter";
import { getFormat } from "@/i18n/format";
import { StatusBadge } from "../status-badge";

export async function generateMetadata(): Promise<Metadata> {
  await requireAdmin();
  return { title: (await getTranslations("admin.users"))("title") };
}

const pageSize = 25;

export default async function UsersPage({ searchParams }: { searchParams: Promise<SearchParameters> }) {
  await requireAdmin();
  const t = await getTranslations("admin.users");
  const parameters = await searchParams;
  const text = typeof parameters.q === "string" ? parameters.q.trim().slice(0, 255) : "";
  const pageIndex = readPageIndex(parameters.page);
  const { users, total } = await findUsers(text, { pageIndex, pageSize });
  const hrefOf = (page: number) =>
    `/admin/users?${new URLSearchParams({ ...(text && { q: text }), page: String(page) })}`;
  const pageCount = Math.max(1, Math.ceil(total / pageSize));
  if (pageIndex >= pageCount) redirect(hrefOf(pageCount));
  return (
    <Card title={t("title")}>
      <form action="/admin/users" className="flex gap-3">
        <label htmlFor="q" className="sr-only">
          {t("search")}
        </label>
        <input
          id="q"
          type="search"
          name="q"
          defaultValue={text}
          placeholder={t("search")}
          className="h-10 w-full max-w-md rounded-lg border border-line-strong bg-surface px-3 text-base sm:text-sm"
        />
        <button type="submit" className={buttonStyle("secondary")}>
          {t("find")}
        </button>
      </form>
      {users.length === 0 ? (
        <p className="mt-6 rounded-lg bg-sunken px-4 py-8 text-center text-sm text-ink-soft">{t("empty")}</p>
      ) : (
        <ul className="mt-4 divide-y divide-line">
          {users.map((user) => (
            <UserRow key={user.userId} user={user} />
          ))}
        </ul>
      )}
      <Pages label={t("pages")} pageIndex={pageIndex} pageCount={pageCount} hrefOf={hrefOf} />
    </Card>
  );
}

async function UserRow({ user }: { user: FoundUser }) {
  const t = await getTranslations("admin.users");
  const format = await getFormat();
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 py-3 text-sm">
      <span className="min-w-0">
        <Link
          href={userPath(user.userId)}
          className="rounded font-medium text-accent underline-offset-4 hover:underline"
        >
          {user.email ?? user.userId}
        </Link>
        <span className="block text-xs text-ink-soft">
          {user.createdAt === null ? (
            t("noAccount")
          ) : (
            <>
              {user.name} · {format.date(user.createdAt)}
            </>
          )}
        </span>
      </span>
      <span className="flex items-center gap-3">
        {user.status !== "active" && <StatusBadge status={user.status} />}
        <span className="font-medium tabular-nums">{format.credits(user.availableCredits)}</span>
      </span>
    </li>
  );
}
