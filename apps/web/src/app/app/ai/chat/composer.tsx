"use client";

import { useTranslations } from "next-intl";
import { type KeyboardEvent, type Ref, type SubmitEvent, useId } from "react";
import { Icon } from "@/components/icon";
import { type ChatService, chatModels, creditsPerThousand, messageLengthMax } from "@/config/models";
import { useFormat } from "@/i18n/format";

interface ComposerProps {
  ref: Ref<HTMLTextAreaElement>;
  draft: string;
  onDraft: (draft: string) => void;
  service: ChatService;
  isBusy: boolean;
  onSend: () => void;
  onStop: () => void;
}

const roundButton = "grid size-10 shrink-0 place-items-center rounded-full transition-colors";

/** Where a message is written. While it is answered, the button that sends is the one that stops. */
export function Composer({ ref, draft, onDraft, service, isBusy, onSend, onStop }: ComposerProps) {
  const t = useTranslations("chat");
  const hint = useId();
  const isEmpty = draft.trim() === "";

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    if (!isBusy && !isEmpty) onSend();
  }

  function pressKey(event: KeyboardEvent<HTMLTextAreaElement>) {
    // Enter also ends the composition of a Chinese or Japanese word, which is not sent yet.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    event.currentTarget.form?.requestSubmit();
  }

  return (
    <form onSubmit={submit}>
      <div className="flex items-end gap-2 rounded-3xl border border-line-strong bg-surface p-2 pl-4 shadow-sm focus-within:border-accent focus-within:ring-1 focus-within:ring-accent">
        <label htmlFor="message" className="sr-only">
          {t("message")}
        </label>
        <textarea
          ref={ref}
          id="message"
          rows={1}
          value={draft}
          onChange={(event) => onDraft(event.target.value)}
          onKeyDown={pressKey}
          maxLength={messageLengthMax}
          placeholder={t("placeholder")}
          aria-describedby={hint}
          className="field-sizing-content max-h-48 min-h-10 w-full resize-none self-center bg-transparent py-2 text-base/6 outline-none placeholder:text-ink-soft"
        />
        {isBusy ? (
          <button
            type="button"
            onClick={onStop}
            aria-label={t("stop")}
            title={t("stopHint")}
            className={`${roundButton} bg-ink text-page hover:opacity-85`}
          >
            <Icon name="stop" />
          </button>
        ) : (
          <button
            type="submit"
            disabled={isEmpty}
            aria-label={t("send")}
            className={`${roundButton} bg-accent text-accent-ink hover:bg-accent-hover disabled:bg-sunken disabled:text-ink-soft`}
          >
            <Icon name="send" />
          </button>
        )}
      </div>
      <p id={hint} className="mt-2 px-4 text-center text-xs/5 text-balance text-ink-soft">
        <ModelPrice service={service} />
        <span className="max-sm:hidden"> {t("keys")}</span>
      </p>
    </form>
  );
}

function ModelPrice({ service }: { service: ChatService }) {
  const t = useTranslations("chat");
  const format = useFormat();
  const { creditsPerMillionTokens } = chatModels[service];
  const { input, output } = creditsPerThousand(creditsPerMillionTokens);
  return (
    <span>
      {t("price", {
        model: t(`models.${service}.name`),
        output: format.credits(output),
        input: format.number(input),
      })}
    </span>
  );
}
