"use client";

import { useTranslations } from "next-intl";
import { type ChatService, chatModels, chatServices } from "@/config/models";

const cheapest = Math.min(...Object.values(chatModels).map((model) => model.creditsPerMillionTokens.output));

interface ModelPickerProps {
  service: ChatService;
  onChange: (service: ChatService) => void;
}

/** One of the models, each with how many times the cheapest one's price it costs. */
export function ModelPicker({ service, onChange }: ModelPickerProps) {
  const t = useTranslations("chat");
  return (
    <fieldset className="grid grid-cols-3 gap-1 rounded-xl border border-line bg-sunken p-1">
      <legend className="sr-only">{t("model")}</legend>
      {chatServices.map((option) => {
        const { creditsPerMillionTokens } = chatModels[option];
        return (
          <label
            key={option}
            title={t(`models.${option}.description`)}
            className="flex h-8 cursor-pointer items-center justify-center gap-1.5 rounded-lg px-3 text-sm font-medium whitespace-nowrap text-ink-soft transition-colors hover:text-ink has-checked:bg-surface has-checked:text-ink has-checked:shadow-xs dark:has-checked:bg-line has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent"
          >
            <input
              type="radio"
              name="model"
              value={option}
              checked={option === service}
              onChange={() => onChange(option)}
              className="sr-only"
            />
            {t(`models.${option}.name`)}
            <span className="text-xs font-normal text-ink-soft tabular-nums">
              {creditsPerMillionTokens.output / cheapest}×
            </span>
          </label>
        );
      })}
    </fieldset>
  );
}
