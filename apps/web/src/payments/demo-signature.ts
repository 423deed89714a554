import "server-only";
import { createHmac, timingSafeEqual } from "node:crypto";
import { authSecret } from "@/secrets";

/** How old a signed message may be, in milliseconds. */
const ageMaxMs = 5 * 60_000;

/** Signs what the demo provider sends, for one purpose: a checkout's order is no webhook. */
export async function sign(purpose: string, text: string): Promise<string> {
  const { value } = await authSecret();
  return createHmac("sha256", value).update(`demo payments\n${purpose}\n${text}`).digest("hex");
}

export async function isSigned(purpose: string, text: string, signature: string): Promise<boolean> {
  const expected = Buffer.from(await sign(purpose, text));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

export async function signWithTime(purpose: string, text: string, at: Date): Promise<string> {
  const time = String(at.getTime());
  return `t=${time},v1=${await sign(purpose, `${time}.${text}`)}`;
}

/** Whether a text was signed lately. */
export async function isSignedLately(
  purpose: string,
  text: string,
  header: string,
  now: Date,
): Promise<boolean> {
  const [, time = "", signature = ""] = /^t=(\d{1,15}),v1=([0-9a-f]{64})$/.exec(header) ?? [];
  if (!(await isSigned(purpose, `${time}.${text}`, signature))) return false;
  return Math.abs(now.getTime() - Number(time)) <= ageMaxMs;
}
