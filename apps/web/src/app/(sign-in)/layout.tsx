import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import { getSignedIn } from "@/auth/session";
import { SiteHeader } from "@/components/site-header";

export default async function SignInLayout({ children }: { children: ReactNode }) {
  if (await getSignedIn()) redirect("/app/credits");
  return (
    <>
      <SiteHeader />
      <main className="mx-auto w-full max-w-sm flex-1 px-4 py-12 sm:py-20">{children}</main>
    </>
  );
}
