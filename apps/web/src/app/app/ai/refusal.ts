import type { Refusal } from "@/credits/refusal";

/** The server never answered, so that nobody knows here whether it heard. */
export const noAnswer: Refusal = { code: "NO_ANSWER", message: "The server did not answer." };

/** What a route's body says when it refused; anything that is no refusal of ours says only that it went wrong. */
export function readRefusal(body: string): Refusal {
  try {
    const { error } = JSON.parse(body) as { error?: Partial<Refusal> };
    if (typeof error?.code === "string" && typeof error.message === "string") {
      return { ...error, code: error.code, message: error.message };
    }
  } catch {
    // Not JSON: a proxy's page, or a sentence from the middle of a stream.
  }
  return { code: "INTERNAL_ERROR", message: "Something went wrong. Please try again." };
}

export function isShort({ code }: Refusal): boolean {
  return code === "INSUFFICIENT_CREDITS" || code === "USER_BALANCE_NOT_FOUND";
}
