"use client";

import { useEffect, useLayoutEffect, useState } from "react";

/** A reader this close to the end wants to see what is added there. */
const closePx = 120;

/** Keeps the end of the page in view while `content` grows, until the reader scrolls up. */
export function useStickToEnd(content: unknown) {
  const [isAtEnd, setAtEnd] = useState(true);

  useEffect(() => {
    const look = () => {
      const { scrollHeight, clientHeight } = document.documentElement;
      setAtEnd(scrollHeight - clientHeight - window.scrollY < closePx);
    };
    window.addEventListener("scroll", look, { passive: true });
    return () => window.removeEventListener("scroll", look);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the content is what moves the end
  useLayoutEffect(() => {
    if (isAtEnd) scrollToEnd();
  }, [content, isAtEnd]);

  return {
    isAtEnd,
    stick: () => {
      setAtEnd(true);
      scrollToEnd();
    },
  };
}

function scrollToEnd(): void {
  window.scrollTo({ top: document.documentElement.scrollHeight });
}
