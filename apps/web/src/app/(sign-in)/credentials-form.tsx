"use client";

import { useRouter } from "next/navigation";
import { type SubmitEvent, useState } from "react";
import { authClient } from "@/auth/client";
import { buttonStyle } from "@/components/button-style";
import { Notice } from "@/components/notice";
import { TextField } from "@/components/text-field";

/** The lengths that the server accepts. */
const passwordLengthMin = 8;
const passwordLengthMax = 128;

/** E-mail and password, with a name for a new account. */
export function CredentialsForm({ purpose }: { purpose: "sign-in" | "sign-up" }) {
  const router = useRouter();
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
      {isNew && <TextField label="Name" name="name" type="text" autoComplete="name" maxLength={100} />}
      <TextField label="E-mail" name="email" type="email" autoComplete="email" maxLength={255} />
      <TextField
        label="Password"
        name="password"
        type="password"
        autoComplete={isNew ? "new-password" : "current-password"}
        hint={isNew ? `At least ${passwordLengthMin} characters.` : undefined}
        minLength={isNew ? passwordLengthMin : undefined}
        maxLength={passwordLengthMax}
      />
      {problem && <Notice>{problem}</Notice>}
      <button type="submit" disabled={sending} className={buttonStyle("primary")}>
        {sending ? "One moment…" : isNew ? "Create account" : "Sign in"}
      </button>
    </form>
  );
}

/** Where somebody was going who had to sign in first: a page of this list, whatever the address says. */
function nextPath(): string {
  const next = new URLSearchParams(window.location.search).get("next");
  return next === "/pricing" ? next : "/app/credits";
}

/** @returns what went wrong, or null */
async function send(fields: { email: string; password: string; name?: string }): Promise<string | null> {
  const { email, password, name } = fields;
  try {
    const { error } =
      name === undefined
        ? await authClient.signIn.email({ email, password })
        : await authClient.signUp.email({ email, password, name });
    return error ? (error.message ?? "That did not work. Please try again.") : null;
  } catch {
    return "The server did not answer. Please try again.";
  }
}
