/**
 * One spelling for the addresses that reach one mailbox: without the tag behind a plus and without dots in front of the at, in lower case.
 * Some providers tell addresses apart by their dots; two people whose addresses differ by nothing else share one bonus.
 */
export function normalEmail(email: string): string {
  const text = email.normalize("NFKC").trim().toLowerCase();
  const at = text.lastIndexOf("@");
  const local = text.slice(0, at).split("+")[0]?.replaceAll(".", "") ?? "";
  const domain = text.slice(at + 1).replace(/\.$/, "");
  // Two names of one mail service.
  return `${local}@${domain === "googlemail.com" ? "gmail.com" : domain}`;
}
