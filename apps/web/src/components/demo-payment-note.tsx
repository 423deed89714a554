import { useTranslations } from "next-intl";
import { DemoNote, strong } from "@/components/demo-note";

/** Says that buying moves no money here. */
export function DemoPaymentNote() {
  const t = useTranslations("billing");
  return <DemoNote>{t.rich("demo", { strong })}</DemoNote>;
}
