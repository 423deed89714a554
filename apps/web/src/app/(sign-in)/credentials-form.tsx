"use client";

import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { type SubmitEvent, useState } from "react";
import { authClient } from "@/auth/client";
import { buttonStyle } from "@/components/button-style";
import { Notice } from "@/components/notice";
import { TextField } from "@/components/text-field";
import type { Messages } from "@/i18n/messages";

type Problem = keyof Messages["auth"]["problems"];

/** The lengths that the server accepts. */
const passwordLengthMin = 8;
const passwordLengthMax = 128;

/** E-mail and password, with a name for a new account. */
export function CredentialsForm({ purpose }: { purpose: "sign-in" | "sign-up" }) {
  const router = useRouter();
  const t = useTranslations("auth");
  const [problem, setProblem] = useState<string>();
  const [sending, setSending] = useState(false);
  const isNew = purpose === "sign-up";

  async function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    if (sending) return;
    const fields = new FormData(event.currentTarget);
    const text = (name: string) => String(fields.get(name) ?? "");
    const credentials = { email: text("email").trim(), password: text("password") };
    setSending(true);
    setProblem(undefined);
    const problem = await send(isNew ? { ...credentials, name: text("name").trim() } : credentials);
    if (problem === null) {
      router.push(nextPath());
      router.refresh();
      return;
    }
    setSending(false);
    setProblem(problem);
  }

  return (
    // A password never belongs into a URL, which is where a form without a method would put it before scripts run.
    <form method="post" onSubmit={submit} className="mt-8 grid gap-5">
      {isNew && <TextField label={t("name")} name="name" type="text" autoComplete="name" maxLength={100} />}
      <TextField label={t("email")} name="email" type="email" autoComplete="email" maxLength={255} />
      <TextField
        label={t("password")}
        name="password"
        type="password"
        autoComplete={isNew ? "new-password" : "current-password"}
        hint={isNew ? t("passwordHint", { length: passwordLengthMin }) : undefined}
        minLength={isNew ? passwordLengthMin : undefined}
        maxLength={passwordLengthMax}
      />
      {problem && (
        <Notice>
          {t(`problems.${t.has(`problems.${problem as Problem}`) ? (problem as Problem) : "UNKNOWN"}`)}
        </Notice>
      )}
      <button type="submit" disabled={sending} className={buttonStyle("primary")}>
        {t(sending ? "sending" : isNew ? "createButton" : "signIn")}
      </button>
    </form>
  );
}

/** Where somebody was going who had to sign in first: a page of this list, whatever the address says. */
function nextPath(): string {
  const next = new URLSearchParams(window.location.search).get("next");
  return next === "/pricing" ? next : "/app/credits";
}

/** @returns the code of what went wrong, or null */
async function send(fields: { email: string; password: string; name?: string }): Promise<string | null> {
  const { email, password, name } = fields;
  try {
    const { error } =
      name === undefined
        ? await authClient.signIn.email({ email, password })
        : await authClient.signUp.email({ email, password, name });
    if (error?.status === 429) return "RATE_LIMITED";
    return error ? (error.code ?? "UNKNOWN") : null;
  } catch {
    return "NO_ANSWER";
  }
}
