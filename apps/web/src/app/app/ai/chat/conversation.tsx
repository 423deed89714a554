"use client";

import { useTranslations } from "next-intl";
import { memo, useState } from "react";
import type { ChatMessage } from "@/ai/chat-message";
import { Icon } from "@/components/icon";
import { Markdown } from "@/components/markdown";
import { useFormat } from "@/i18n/format";
import { textOf } from "./use-metered-chat";

interface ConversationProps {
  messages: ChatMessage[];
  /** Whether the last message is being answered. */
  isBusy: boolean;
}

/** What was said so far, with the cost of each answer beside it. */
export function Conversation({ messages, isBusy }: ConversationProps) {
  const t = useTranslations("chat");
  const isWaiting = isBusy && messages.at(-1)?.role === "user";
  return (
    // Busy while it streams: a screen reader reads the answer once it is whole, not word by word.
    <div
      role="log"
      aria-label={t("conversation")}
      aria-live="polite"
      aria-busy={isBusy}
      className="grid gap-8"
    >
      {messages.map((message, index) =>
        message.role === "user" ? (
          <Question key={message.id} text={textOf(message)} />
        ) : (
          <Answer key={message.id} message={message} isWriting={isBusy && index === messages.length - 1} />
        ),
      )}
      {isWaiting && <Waiting />}
    </div>
  );
}

const Question = memo(function Question({ text }: { text: string }) {
  const t = useTranslations("chat");
  return (
    <article aria-label={t("you")} className="flex justify-end">
      <p className="max-w-[85%] rounded-2xl rounded-br-md bg-accent-wash px-4 py-2.5 text-base/7 break-words whitespace-pre-wrap">
        {text}
      </p>
    </article>
  );
});

const Answer = memo(function Answer({ message, isWriting }: { message: ChatMessage; isWriting: boolean }) {
  const t = useTranslations("chat");
  const format = useFormat();
  const text = textOf(message);
  const thoughts = message.parts.map((part) => (part.type === "reasoning" ? part.text : "")).join("");
  return (
    <article aria-label={t("answer")} className="grid gap-4">
      {thoughts && <Thoughts text={thoughts} isThinking={isWriting && text === ""} />}
      {text && <Markdown text={text} />}
      {isWriting ? (
        text === "" && !thoughts && <Waiting />
      ) : (
        <Receipt details={message.metadata ?? {}} text={text} />
      )}
      {isWriting && message.metadata?.held !== undefined && (
        <p className="flex items-center gap-2 text-xs text-ink-soft">
          <span aria-hidden="true" className="size-1.5 animate-pulse rounded-full bg-accent" />
          {t("heldWhile", { credits: format.credits(message.metadata.held) })}
        </p>
      )}
    </article>
  );
});

function Thoughts({ text, isThinking }: { text: string; isThinking: boolean }) {
  const t = useTranslations("chat");
  // Open while there is nothing else to read, unless the reader decides otherwise.
  const [choice, setChoice] = useState<boolean>();
  const isOpen = choice ?? isThinking;
  return (
    <div className="text-sm/6 text-ink-soft">
      <button
        type="button"
        aria-expanded={isOpen}
        onClick={() => setChoice(!isOpen)}
        className="inline-flex items-center gap-1.5 rounded font-medium hover:text-ink"
      >
        {t(isThinking ? "thinking" : "thoughts")}
        <Icon name="chevron" className={`size-3.5 transition-transform ${isOpen ? "rotate-180" : ""}`} />
      </button>
      {isOpen && <p className="mt-2 border-l-2 border-line pl-4 break-words whitespace-pre-line">{text}</p>}
    </div>
  );
}

/** What the answer cost, and by which count. */
function Receipt({ details, text }: { details: NonNullable<ChatMessage["metadata"]>; text: string }) {
  const t = useTranslations("chat");
  const format = useFormat();
  const { service, charged, inputTokens, outputTokens, isStopped } = details;
  const isCounted = inputTokens !== undefined && outputTokens !== undefined;
  return (
    <footer className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-ink-soft">
      {isStopped && <span className="font-medium text-ink">{t("stopped")}</span>}
      <Cost charged={charged} />
      {service && <span>{t(`models.${service}.name`)}</span>}
      {isCounted && (
        <span className="tabular-nums">
          {t("tokens", { input: format.number(inputTokens), output: format.number(outputTokens) })}
        </span>
      )}
      {text && <CopyButton text={text} />}
    </footer>
  );
}

function Cost({ charged }: { charged: number | null | undefined }) {
  const t = useTranslations("chat");
  const format = useFormat();
  if (charged === undefined) return <span className="animate-pulse">{t("addingUp")}</span>;
  if (charged === null) return <span>{t("notCharged")}</span>;
  return (
    <span
      data-testid="cost"
      className="rounded-full border border-line bg-surface px-2.5 py-0.5 font-medium text-ink tabular-nums"
    >
      {charged === 0 ? t("free") : format.credits(charged)}
    </span>
  );
}

const copiedMs = 2_000;

function CopyButton({ text }: { text: string }) {
  const t = useTranslations("chat");
  const [isCopied, setCopied] = useState(false);

  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), copiedMs);
    } catch {
      // On plain http outside localhost there is no clipboard.
    }
  }

  return (
    <button
      type="button"
      onClick={copy}
      aria-label={t(isCopied ? "copied" : "copy")}
      className="grid size-8 place-items-center rounded-lg hover:bg-sunken hover:text-ink"
    >
      <Icon name={isCopied ? "check" : "copy"} className="size-3.5" />
    </button>
  );
}

function Waiting() {
  const t = useTranslations("chat");
  return (
    <div className="flex h-7 items-center gap-1.5">
      <span className="sr-only">{t("waiting")}</span>
      {[0, 150, 300].map((delay) => (
        <span
          key={delay}
          aria-hidden="true"
          style={{ animationDelay: `${delay}ms` }}
          className="size-2 animate-pulse rounded-full bg-line-strong"
        />
      ))}
    </div>
  );
}
