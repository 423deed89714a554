"use client";

import dynamic from "next/dynamic";
import type { BarsProps } from "./bars";

/** The chart's library is heavy: it comes after the page, and into a place of its own size. */
const Bars = dynamic(() => import("./bars"), { ssr: false, loading: () => <div className="h-64" /> });

export function LazyBars({ loading, ...bars }: BarsProps & { loading: string }) {
  return (
    <div className="h-64">
      <noscript>{loading}</noscript>
      <Bars {...bars} />
    </div>
  );
}
