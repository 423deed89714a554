import { useTranslations } from "next-intl";
import type { Messages } from "@/i18n/messages";

type KnownService = keyof Messages["credits"]["services"];

/** What a service is called on screen; one without a name of its own by its id. */
export function useServiceName(): (service: string) => string {
  const t = useTranslations("credits.services");
  return (service) => (t.has(service as KnownService) ? t(service as KnownService) : service);
}
