/** What stopped a purchase, in words. */
const problems: Readonly<Record<string, string>> = {
  NOT_SET_UP: "Payments are not set up on this server.",
  UNKNOWN_PRICE: "This is not sold any more.",
  PURCHASE_NOT_ALLOWED: "Packages are for users with a paid plan.",
  BALANCE_LIMIT: "This would fill your balance beyond its limit. Spend some credits first.",
  UNKNOWN_CUSTOMER: "There is nothing to manage yet: you have not bought anything.",
  PROVIDER_UNAVAILABLE: "The payment provider does not answer right now. Please try again later.",
  CREDITS_DISABLED: "Credits are not available right now. Please try again later.",
  DATABASE_UNAVAILABLE: "Credits are not available right now. Please try again later.",
  RATE_LIMITED: "That was very often. Please wait a minute.",
  PAYMENT_FAILED: "The payment failed. Nothing was charged, and no credits were given.",
};

/** From an address, where anybody can write anything: only known problems are shown. */
export function problemText(code: string | string[] | undefined): string | null {
  if (code === undefined) return null;
  return typeof code === "string" && Object.hasOwn(problems, code)
    ? (problems[code] ?? null)
    : "That did not work. Please try again.";
}
