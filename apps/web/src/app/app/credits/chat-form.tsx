"use client";

import { useRouter } from "next/navigation";
import { type SubmitEvent, useRef, useState } from "react";
import { buttonStyle } from "@/components/button-style";
import { Card } from "@/components/card";
import { Notice } from "@/components/notice";

/** The route accepts no longer message. */
const messageLengthMax = 2_000;
const requestIdBytes = 16;

interface Exchange {
  requestId: string;
  message: string;
  reply: string;
  charged: number;
  newBalance: number;
}

/** The metered demo: each message costs credits, and the answer says how many. */
export function ChatForm({ price }: { price: number }) {
  const router = useRouter();
  const [exchanges, setExchanges] = useState<Exchange[]>([]);
  const [problem, setProblem] = useState<string>();
  const [sending, setSending] = useState(false);
  // Kept until the server has decided: sending the same message again after a lost connection is charged once.
  const unanswered = useRef<{ requestId: string; message: string } | null>(null);

  async function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    if (sending) return;
    const form = event.currentTarget;
    const message = String(new FormData(form).get("message") ?? "").trim();
    if (message === "") return;
    if (unanswered.current?.message !== message) unanswered.current = { requestId: newRequestId(), message };
    const request = unanswered.current;

    setSending(true);
    setProblem(undefined);
    try {
      const response = await fetch("/api/demo/chat", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(request),
      });
      const answer = await response.json();
      // A failure of the server may have come after the charge.
      if (response.status < 500) unanswered.current = null;
      if (response.ok) {
        setExchanges((earlier) => [{ ...request, ...answer }, ...earlier]);
        form.reset();
        // The balance and the history are made on the server.
        router.refresh();
      } else setProblem(answer.error.message);
    } catch {
      setProblem("The server did not answer. Send it again: it is charged only once.");
    } finally {
      setSending(false);
    }
  }

  return (
    <Card title="Demo chat" note={`Each message costs ${credits(price)}.`}>
      <form onSubmit={submit} className="grid gap-3">
        <label htmlFor="message" className="sr-only">
          Message
        </label>
        <textarea
          id="message"
          name="message"
          rows={3}
          required
          maxLength={messageLengthMax}
          placeholder="Ask anything"
          className="w-full resize-y rounded-lg border border-line-strong bg-surface px-3 py-2 text-base placeholder:text-ink-soft sm:text-sm"
        />
        {problem && <Notice>{problem}</Notice>}
        <button type="submit" disabled={sending} className={`${buttonStyle("primary")} w-full`}>
          {sending ? "Sending…" : "Send"}
        </button>
      </form>
      <ol aria-live="polite" aria-label="Answers" className="grid gap-4 not-empty:mt-5">
        {exchanges.map(({ requestId, message, reply, charged, newBalance }) => (
          <li key={requestId} className="grid gap-2 border-t border-line pt-4 text-sm">
            <p className="justify-self-end rounded-lg bg-accent-wash px-3 py-2 break-words">{message}</p>
            <p className="break-words">{reply}</p>
            <p className="text-xs text-ink-soft tabular-nums">
              Charged {credits(charged)}, {credits(newBalance)} left
            </p>
          </li>
        ))}
      </ol>
    </Card>
  );
}

function credits(amount: number): string {
  return `${new Intl.NumberFormat("en").format(amount)} ${amount === 1 ? "credit" : "credits"}`;
}

/** `crypto.randomUUID` is missing on plain http outside localhost; this is not. */
function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(requestIdBytes));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
