import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import { getSignedIn } from "@/auth/session";
import { SiteFooter } from "@/components/site-footer";
import { SiteHeader } from "@/components/site-header";
import { ClientMessages } from "@/i18n/client-messages";

export default async function SignInLayout({ children }: { children: ReactNode }) {
  if (await getSignedIn()) redirect("/app/credits");
  return (
    <>
      <SiteHeader />
      <main id="content" className="mx-auto w-full max-w-sm flex-1 px-4 py-12 sm:py-20">
        <ClientMessages namespaces={["auth", "common"]}>{children}</ClientMessages>
      </main>
      <SiteFooter />
    </>
  );
}
