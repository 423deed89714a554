"use client";

import "@/security/without-eval";

import { useTranslations } from "next-intl";
import { useRef, useState } from "react";
import { chatSuggestions } from "@/ai/suggestions";
import { Balance } from "@/components/balance";
import { buttonStyle } from "@/components/button-style";
import { DemoBadge, DemoNote, strong } from "@/components/demo-note";
import { Icon } from "@/components/icon";
import { OutOfCredits } from "@/components/out-of-credits";
import { RefusalNotice } from "@/components/refusal-notice";
import { type ChatService, chatServiceDefault, chatServices } from "@/config/models";
import type { Refusal } from "@/credits/refusal";
import { useFormat } from "@/i18n/format";
import { isShort } from "../refusal";
import { Composer } from "./composer";
import { Conversation } from "./conversation";
import { ModelPicker } from "./model-picker";
import { useMeteredChat } from "./use-metered-chat";
import { useStickToEnd } from "./use-stick-to-end";

/** The second half of a double click on send meets the button that stops, and does not mean it. */
const doubleClickMs = 500;

/** A conversation with a model, paid for answer by answer. */
export function Chat({ isDemo }: { isDemo: boolean }) {
  const t = useTranslations("chat");
  const [service, setService] = useState<ChatService>(chatServiceDefault);
  const chat = useMeteredChat();
  const { messages, isBusy, refusal } = chat;
  const { isAtEnd, stick } = useStickToEnd(messages);
  const composer = useRef<HTMLTextAreaElement>(null);
  const sentAt = useRef(0);

  function send(text: string): void {
    sentAt.current = performance.now();
    chat.send(text, service);
    composer.current?.focus();
    stick();
  }

  function choose(service: ChatService): void {
    setService(service);
    chat.forgiveShortness();
  }

  function stop(): void {
    if (performance.now() - sentAt.current > doubleClickMs) void chat.stop();
  }

  return (
    <main id="content" className="flex flex-1 flex-col">
      <div className="sticky top-0 z-10 border-b border-line bg-page/95 backdrop-blur">
        <div className="mx-auto flex max-w-6xl flex-wrap items-center gap-x-4 gap-y-2.5 px-4 py-2.5 sm:px-6">
          <h1 className="text-lg font-semibold tracking-tight">{t("title")}</h1>
          <div className="order-last w-full sm:order-none sm:w-auto">
            <ModelPicker service={service} onChange={choose} />
          </div>
          <div className="ml-auto flex items-center gap-2">
            {isDemo && <DemoBadge />}
            <Balance />
          </div>
        </div>
      </div>

      <div className="mx-auto flex w-full max-w-3xl flex-1 flex-col px-4 py-8 sm:px-6">
        {messages.length === 0 ? (
          <Welcome isDemo={isDemo} onChoose={send} />
        ) : (
          <Conversation messages={messages} isBusy={isBusy} />
        )}
      </div>

      <div className="sticky bottom-0 z-10 bg-page">
        {!isAtEnd && (
          <button
            type="button"
            onClick={stick}
            aria-label={t("toEnd")}
            className="absolute -top-12 left-1/2 grid size-9 -translate-x-1/2 place-items-center rounded-full border border-line bg-surface text-ink-soft shadow-sm hover:text-ink"
          >
            <Icon name="down" />
          </button>
        )}
        <div className="mx-auto grid w-full max-w-3xl gap-3 px-4 pt-2 pb-3 sm:px-6">
          {refusal && (
            <Problem
              refusal={refusal}
              service={service}
              onService={(cheaper) => {
                choose(cheaper);
                composer.current?.focus();
              }}
              onRetry={() => chat.retry(service)}
            />
          )}
          <Composer
            ref={composer}
            draft={chat.draft}
            onDraft={chat.setDraft}
            service={service}
            isBusy={isBusy}
            onSend={() => send(chat.draft)}
            onStop={stop}
          />
        </div>
      </div>
    </main>
  );
}

function Welcome({ isDemo, onChoose }: { isDemo: boolean; onChoose: (text: string) => void }) {
  const t = useTranslations("chat");
  return (
    <div className="my-auto grid gap-6">
      <div>
        <h2 className="text-2xl font-semibold tracking-tight text-balance sm:text-3xl">{t("welcome")}</h2>
        <p className="mt-2 text-pretty text-ink-soft">{t("welcomeNote")}</p>
      </div>
      <ul className="grid gap-2 sm:grid-cols-2 sm:gap-3">
        {chatSuggestions.map((suggestion) => (
          <li key={suggestion}>
            <button
              type="button"
              onClick={() => onChoose(t(`suggestions.${suggestion}.text`))}
              className="h-full w-full rounded-xl border border-line bg-surface px-4 py-3 text-left text-sm transition-colors hover:border-line-strong hover:bg-sunken"
            >
              <span className="block font-medium">{t(`suggestions.${suggestion}.title`)}</span>
              <span className="mt-0.5 block text-ink-soft max-sm:hidden">
                {t(`suggestions.${suggestion}.text`)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {isDemo && <DemoNote>{t.rich("demo", { strong })}</DemoNote>}
    </div>
  );
}

interface ProblemProps {
  refusal: Refusal;
  service: ChatService;
  onService: (service: ChatService) => void;
  onRetry: () => void;
}

/** Why there is no answer, and what can be done. */
function Problem({ refusal, service, onService, onRetry }: ProblemProps) {
  const t = useTranslations("chat");
  const format = useFormat();
  if (isShort(refusal)) {
    const cheaper = chatServices[0];
    return (
      <OutOfCredits
        refusal={refusal}
        title={t("shortTitle")}
        price={
          refusal.required === undefined
            ? undefined
            : t("shortPrice", {
                model: t(`models.${service}.name`),
                required: format.credits(refusal.required),
                available: format.number(refusal.available ?? 0),
              })
        }
      >
        {service !== cheaper && (
          <button type="button" onClick={() => onService(cheaper)} className={buttonStyle("secondary")}>
            {t("cheaper", { model: t(`models.${cheaper}.name`) })}
          </button>
        )}
      </OutOfCredits>
    );
  }
  return (
    <div className="flex flex-wrap items-center gap-2">
      <div className="min-w-0 flex-1">
        <RefusalNotice refusal={refusal} />
      </div>
      <button type="button" onClick={onRetry} className={buttonStyle("secondary")}>
        {t("again")}
      </button>
    </div>
  );
}
