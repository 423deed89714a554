"use client";

import { buttonStyle } from "@/components/button-style";

export default function ErrorPage({ reset }: { reset: () => void }) {
  return (
    <main className="mx-auto w-full max-w-sm flex-1 px-4 py-20 text-center">
      <h1 className="text-2xl font-semibold tracking-tight">Something went wrong</h1>
      <p className="mt-2 mb-8 text-sm text-ink-soft">Nothing was charged for this page. Please try again.</p>
      <button type="button" onClick={reset} className={buttonStyle("primary")}>
        Try again
      </button>
    </main>
  );
}
