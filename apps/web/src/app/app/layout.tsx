import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import { getSignedIn } from "@/auth/session";
import { SiteHeader } from "@/components/site-header";
import { SignOutButton } from "./sign-out-button";

export default async function SignedInLayout({ children }: { children: ReactNode }) {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  return (
    <>
      <SiteHeader>
        <span className="truncate text-sm text-ink-soft">{signedIn.email}</span>
        <SignOutButton />
      </SiteHeader>
      {children}
    </>
  );
}
