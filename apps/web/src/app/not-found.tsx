import Link from "next/link";
import { buttonStyle } from "@/components/button-style";
import { SiteHeader } from "@/components/site-header";

export default function NotFound() {
  return (
    <>
      <SiteHeader />
      <main className="mx-auto w-full max-w-sm flex-1 px-4 py-20 text-center">
        <h1 className="text-2xl font-semibold tracking-tight">This page does not exist</h1>
        <p className="mt-2 mb-8 text-sm text-ink-soft">The address may be mistyped, or the page has moved.</p>
        <Link href="/" className={buttonStyle("secondary")}>
          Back to the start
        </Link>
      </main>
    </>
  );
}
