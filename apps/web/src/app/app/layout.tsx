import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import { getSignedIn } from "@/auth/session";
import { SiteHeader } from "@/components/site-header";
import { Sections } from "./sections";
import { SignOutButton } from "./sign-out-button";

export default async function SignedInLayout({ children }: { children: ReactNode }) {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  return (
    <>
      <SiteHeader sections={<Sections />}>
        <span className="max-w-36 truncate text-sm text-ink-soft md:hidden lg:inline lg:max-w-64">
          {signedIn.email}
        </span>
        <SignOutButton />
      </SiteHeader>
      {children}
    </>
  );
}
