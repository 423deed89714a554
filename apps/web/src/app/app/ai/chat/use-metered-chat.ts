"use client";

import "@/security/without-eval";

import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { useCredits } from "creditkit/react";
import { useRef, useState } from "react";
import type { AnswerDetails, ChatMessage } from "@/ai/chat-message";
import { answerLengthMax, type ChatService, conversationLengthMax, messagesMax } from "@/config/models";
import type { Refusal } from "@/credits/refusal";
import { isShort, noAnswer, readRefusal } from "../refusal";
import { askCharge } from "./charge";

/** Rendering each of forty words a second again would make a long conversation stutter. */
const renderPauseMs = 50;

/** The SDK's name for an answer with another status than 200. */
const apiCallError = "AI_APICallError";

const transport = new DefaultChatTransport<ChatMessage>({
  api: "/api/ai/chat",
  prepareSendMessagesRequest: ({ messages, body }) => ({
    body: { ...body, messageId: messages.at(-1)?.id, messages: recent(messages) },
  }),
});

/** A conversation whose answers are paid for: its messages, and what stands in the way of the next one. */
export function useMeteredChat() {
  const { setBalance } = useCredits();
  const [refusal, setRefusal] = useState<Refusal>();
  /** The text of a message that was refused, given back to whoever wrote it. */
  const [draft, setDraft] = useState("");
  /** Whether the server refused before it began: then there is nothing to settle. */
  const isRefused = useRef(false);
  const chat = useChat<ChatMessage>({
    transport,
    throttle: renderPauseMs,
    onError: (error) => {
      const refusal = refusalOf(error);
      setRefusal(refusal);
      isRefused.current = error.name === apiCallError;
      if (refusal.available !== undefined) setBalance(refusal.available);
      if (isShort(refusal)) takeBack();
    },
    onFinish: ({ message, messages, isAbort, isError }) => {
      if (isAbort || (isError && !isRefused.current)) void settle(messages, isAbort);
      else if (message.metadata?.newBalance !== undefined) setBalance(message.metadata.newBalance);
    },
  });
  const { messages, status, setMessages, sendMessage, regenerate } = chat;

  function takeBack(): void {
    setMessages((sent) => {
      const last = sent.at(-1);
      if (last?.role !== "user") return sent;
      setDraft(textOf(last));
      return sent.slice(0, -1);
    });
  }

  /** An answer that ended early cannot say what it cost: the books can. */
  async function settle(ended: ChatMessage[], isStopped: boolean): Promise<void> {
    const asked = ended.findLast(({ role }) => role === "user");
    if (!asked) return;
    if (isStopped) note(asked.id, { isStopped });
    const charge = await askCharge(asked.id);
    if (charge) setBalance(charge.newBalance);
    note(asked.id, { isStopped, charged: charge ? charge.charged : null });
  }

  /** Notes something on the answer to a message, which there may not be a word of yet. */
  function note(messageId: string, details: AnswerDetails): void {
    setMessages((current) => {
      const index = current.findIndex(({ id }) => id === messageId);
      const answer = current[index + 1];
      if (index === -1) return current;
      if (answer?.role !== "assistant") {
        if (!details.isStopped) return current;
        const empty: ChatMessage = {
          id: `${messageId}-stopped`,
          role: "assistant",
          parts: [],
          metadata: details,
        };
        return current.toSpliced(index + 1, 0, empty);
      }
      return current.with(index + 1, { ...answer, metadata: { ...answer.metadata, ...details } });
    });
  }

  const isBusy = status === "submitted" || status === "streaming";

  function send(text: string, service: ChatService): void {
    if (isBusy || text.trim() === "") return;
    setRefusal(undefined);
    setDraft("");
    void sendMessage({ text: text.trim() }, { body: { service } });
  }

  /** A message that may have been heard keeps its name, so that it is charged once; one that failed gets another. */
  function retry(service: ChatService): void {
    const asked = messages.findLast(({ role }) => role === "user");
    if (isBusy || !asked) return;
    const isUncertain = refusal?.code === noAnswer.code;
    setRefusal(undefined);
    if (isUncertain) {
      void regenerate({ body: { service } });
      return;
    }
    setMessages((sent) =>
      sent.slice(
        0,
        sent.findIndex(({ id }) => id === asked.id),
      ),
    );
    void sendMessage({ text: textOf(asked) }, { body: { service } });
  }

  /** Another model may be affordable: what one refused says nothing about the next. */
  function forgiveShortness(): void {
    setRefusal((current) => (current && isShort(current) ? undefined : current));
  }

  return {
    messages,
    forgiveShortness,
    isBusy,
    refusal,
    draft,
    setDraft,
    send,
    retry,
    stop: chat.stop,
  };
}

export function textOf({ parts }: ChatMessage): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** As much of the end of a conversation as the server takes. */
function recent(messages: ChatMessage[]): { role: "user" | "assistant"; text: string }[] {
  const kept: { role: "user" | "assistant"; text: string }[] = [];
  let length = 0;
  for (const message of messages.toReversed()) {
    const text = message.role === "user" ? textOf(message) : textOf(message).slice(0, answerLengthMax);
    length += text.length;
    if (kept.length === messagesMax || length > conversationLengthMax) break;
    if (text !== "") kept.unshift({ role: message.role === "user" ? "user" : "assistant", text });
  }
  return kept;
}

function refusalOf(error: Error): Refusal {
  // What `fetch` throws when there was no answer at all, or none to its end.
  return error instanceof TypeError ? noAnswer : readRefusal(error.message);
}
