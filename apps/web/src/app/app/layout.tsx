import { redirect } from "next/navigation";
import { type ReactNode, Suspense } from "react";
import { getSignedIn } from "@/auth/session";
import { SiteHeader } from "@/components/site-header";
import { LowBalance } from "./low-balance";
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
      <Suspense>
        <LowBalance userId={signedIn.userId} />
      </Suspense>
      {children}
    </>
  );
}
