"use client";

import { useTranslations } from "next-intl";
import { type KeyboardEvent, type SubmitEvent, useState } from "react";
import { imageSuggestions } from "@/ai/suggestions";
import { Balance } from "@/components/balance";
import { buttonStyle } from "@/components/button-style";
import { DemoBadge, DemoNote, strong } from "@/components/demo-note";
import { Icon } from "@/components/icon";
import { OutOfCredits } from "@/components/out-of-credits";
import { RefusalNotice } from "@/components/refusal-notice";
import { promptLengthMax } from "@/config/models";
import { useFormat } from "@/i18n/format";
import { isShort } from "../refusal";
import { type Picture, useStudio } from "./use-studio";

interface StudioProps {
  isDemo: boolean;
  /** Credits for one picture. */
  price: number;
}

/** Pictures from prompts, each for the same price. */
export function Studio({ isDemo, price }: StudioProps) {
  const t = useTranslations("image");
  const format = useFormat();
  const { pictures, drawing, refusal, draw } = useStudio();
  const [prompt, setPrompt] = useState("");
  const isEmpty = pictures.length === 0 && drawing === undefined;

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    void draw(prompt);
  }

  function pressKey(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    event.currentTarget.form?.requestSubmit();
  }

  return (
    <main id="content" className="flex flex-1 flex-col">
      <div className="sticky top-0 z-10 border-b border-line bg-page/95 backdrop-blur">
        <div className="mx-auto flex max-w-6xl items-center gap-4 px-4 py-2.5 sm:px-6">
          <h1 className="text-lg font-semibold tracking-tight">{t("title")}</h1>
          <div className="ml-auto flex items-center gap-2">
            {isDemo && <DemoBadge />}
            <Balance />
          </div>
        </div>
      </div>

      <div className="mx-auto grid w-full max-w-6xl flex-1 items-start gap-6 px-4 py-6 sm:px-6 sm:py-8 lg:grid-cols-[22rem_1fr] lg:gap-8">
        <div className="grid gap-4 lg:sticky lg:top-22">
          <form onSubmit={submit} className="grid gap-3 rounded-xl border border-line bg-surface p-4">
            <label htmlFor="prompt" className="text-sm font-medium">
              {t("question")}
            </label>
            <textarea
              id="prompt"
              rows={3}
              value={prompt}
              onChange={(event) => setPrompt(event.target.value)}
              onKeyDown={pressKey}
              maxLength={promptLengthMax}
              placeholder={t("placeholder")}
              className="w-full resize-y rounded-lg border border-line-strong bg-surface px-3 py-2 text-base/6 placeholder:text-ink-soft"
            />
            <button
              type="submit"
              disabled={drawing !== undefined || prompt.trim() === ""}
              className={`${buttonStyle("primary")} h-11 w-full`}
            >
              {drawing === undefined ? t("draw", { credits: format.credits(price) }) : t("drawing")}
            </button>
            <p className="text-xs/5 text-ink-soft">{t("note")}</p>
          </form>
          {refusal &&
            (isShort(refusal) ? (
              <OutOfCredits
                refusal={refusal}
                title={t("shortTitle")}
                price={
                  refusal.required === undefined
                    ? undefined
                    : t("shortPrice", {
                        required: format.credits(refusal.required),
                        available: format.number(refusal.available ?? 0),
                      })
                }
              />
            ) : (
              <RefusalNotice refusal={refusal} />
            ))}
          {isDemo && isEmpty && <DemoNote>{t.rich("demo", { strong })}</DemoNote>}
        </div>

        <section aria-label={t("pictures")} aria-live="polite" aria-busy={drawing !== undefined}>
          {isEmpty ? (
            <Suggestions onChoose={setPrompt} />
          ) : (
            <ul className="grid gap-4 sm:grid-cols-2 sm:gap-6">
              {drawing !== undefined && <Draft prompt={drawing} />}
              {pictures.map((picture) => (
                <PictureCard key={picture.id} picture={picture} />
              ))}
            </ul>
          )}
        </section>
      </div>
    </main>
  );
}

function Suggestions({ onChoose }: { onChoose: (prompt: string) => void }) {
  const t = useTranslations("image");
  return (
    <div className="grid min-h-72 content-center justify-items-center gap-5 rounded-xl border border-line bg-sunken/50 px-4 py-10 text-center lg:min-h-112">
      <span className="grid size-12 place-items-center rounded-full bg-accent-wash text-accent">
        <Icon name="image" className="size-6" />
      </span>
      <div>
        <h2 className="text-lg font-semibold tracking-tight">{t("appear")}</h2>
        <p className="mt-1 text-sm text-ink-soft">{t("describe")}</p>
      </div>
      <ul className="flex max-w-xl flex-wrap justify-center gap-2">
        {imageSuggestions.map((suggestion) => (
          <li key={suggestion}>
            <button
              type="button"
              onClick={() => onChoose(t(`suggestions.${suggestion}`))}
              className="rounded-full border border-line bg-surface px-3.5 py-2 text-sm transition-colors hover:border-line-strong hover:bg-sunken"
            >
              {t(`suggestions.${suggestion}`)}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** The place of a picture that is being drawn. */
function Draft({ prompt }: { prompt: string }) {
  const t = useTranslations("image");
  return (
    <li className="overflow-hidden rounded-xl border border-line bg-surface">
      <div className="grid aspect-square animate-pulse place-items-center bg-sunken text-sm text-ink-soft">
        {t("drawing")}
      </div>
      <p className="p-4 text-sm break-words">{prompt}</p>
    </li>
  );
}

function PictureCard({ picture }: { picture: Picture }) {
  const t = useTranslations("image");
  const format = useFormat();
  const { prompt, mediaType, base64, charged } = picture;
  // As an image, whatever is in it: a script in an SVG would run only inside the page's own HTML.
  const source = `data:${mediaType};base64,${base64}`;
  const extension = mediaType.replace("image/", "").replace("+xml", "");
  return (
    <li className="overflow-hidden rounded-xl border border-line bg-surface">
      {/* biome-ignore lint/performance/noImgElement: a data URL has nothing for next/image to optimise */}
      <img src={source} alt={prompt} className="aspect-square w-full bg-sunken object-cover" />
      <div className="grid gap-3 p-4">
        <p className="text-sm break-words">{prompt}</p>
        <div className="flex items-center justify-between gap-2">
          <span
            data-testid="cost"
            className="rounded-full border border-line px-2.5 py-0.5 text-xs font-medium tabular-nums"
          >
            {charged === null ? t("notCharged") : format.credits(charged)}
          </span>
          <a
            href={source}
            download={`picture.${extension}`}
            className="inline-flex items-center gap-1.5 rounded-lg px-2 py-1 text-sm font-medium text-ink-soft hover:bg-sunken hover:text-ink"
          >
            <Icon name="download" className="size-3.5" />
            {t("save")}
          </a>
        </div>
      </div>
    </li>
  );
}
