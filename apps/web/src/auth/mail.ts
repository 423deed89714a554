import "server-only";
import { createTransport } from "nodemailer";
import { readEnvironment } from "@/env";

/** Sends one message of plain text through the operator's mail server. */
export async function sendMail(message: { to: string; subject: string; text: string }): Promise<void> {
  const { SMTP_URL, MAIL_FROM } = readEnvironment();
  if (SMTP_URL === undefined) throw new Error("No mail server is set up");
  await createTransport(SMTP_URL).sendMail({ from: MAIL_FROM, ...message });
}
