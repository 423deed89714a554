"use client";

import { memo, useState } from "react";
import type { ChatMessage } from "@/ai/chat-message";
import { formatCredits, formatNumber } from "@/components/format";
import { Icon } from "@/components/icon";
import { Markdown } from "@/components/markdown";
import { chatModels } from "@/config/models";
import { textOf } from "./use-metered-chat";

interface ConversationProps {
  messages: ChatMessage[];
  /** Whether the last message is being answered. */
  isBusy: boolean;
}

/** What was said so far, with the cost of each answer beside it. */
export function Conversation({ messages, isBusy }: ConversationProps) {
  const isWaiting = isBusy && messages.at(-1)?.role === "user";
  return (
    // Busy while it streams: a screen reader reads the answer once it is whole, not word by word.
    <div role="log" aria-label="Conversation" aria-live="polite" aria-busy={isBusy} className="grid gap-8">
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
  return (
    <article aria-label="You" className="flex justify-end">
      <p className="max-w-[85%] rounded-2xl rounded-br-md bg-accent-wash px-4 py-2.5 text-base/7 break-words whitespace-pre-wrap">
        {text}
      </p>
    </article>
  );
});

const Answer = memo(function Answer({ message, isWriting }: { message: ChatMessage; isWriting: boolean }) {
  const text = textOf(message);
  const thoughts = message.parts.map((part) => (part.type === "reasoning" ? part.text : "")).join("");
  return (
    <article aria-label="Answer" className="grid gap-4">
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
          {formatCredits(message.metadata.held)} held while it is written
        </p>
      )}
    </article>
  );
});

function Thoughts({ text, isThinking }: { text: string; isThinking: boolean }) {
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
        {isThinking ? "Thinking…" : "Thoughts"}
        <Icon name="chevron" className={`size-3.5 transition-transform ${isOpen ? "rotate-180" : ""}`} />
      </button>
      {isOpen && <p className="mt-2 border-l-2 border-line pl-4 break-words whitespace-pre-line">{text}</p>}
    </div>
  );
}

/** What the answer cost, and by which count. */
function Receipt({ details, text }: { details: NonNullable<ChatMessage["metadata"]>; text: string }) {
  const { service, charged, inputTokens, outputTokens, isStopped } = details;
  const isCounted = inputTokens !== undefined && outputTokens !== undefined;
  return (
    <footer className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-ink-soft">
      {isStopped && <span className="font-medium text-ink">Stopped</span>}
      <Cost charged={charged} />
      {service && <span>{chatModels[service].name}</span>}
      {isCounted && (
        <span className="tabular-nums">
          {formatNumber(inputTokens)} read, {formatNumber(outputTokens)} written
        </span>
      )}
      {text && <CopyButton text={text} />}
    </footer>
  );
}

function Cost({ charged }: { charged: number | null | undefined }) {
  if (charged === undefined) return <span className="animate-pulse">Adding up…</span>;
  if (charged === null) return <span>Not charged yet</span>;
  return (
    <span
      data-testid="cost"
      className="rounded-full border border-line bg-surface px-2.5 py-0.5 font-medium text-ink tabular-nums"
    >
      {charged === 0 ? "Free" : formatCredits(charged)}
    </span>
  );
}

const copiedMs = 2_000;

function CopyButton({ text }: { text: string }) {
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
      aria-label={isCopied ? "Copied" : "Copy the answer"}
      className="grid size-8 place-items-center rounded-lg hover:bg-sunken hover:text-ink"
    >
      <Icon name={isCopied ? "check" : "copy"} className="size-3.5" />
    </button>
  );
}

function Waiting() {
  return (
    <div className="flex h-7 items-center gap-1.5">
      <span className="sr-only">Waiting for the answer</span>
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
