import { useTranslations } from "next-intl";

/** Whether a wallet may spend. */
export function StatusBadge({ status }: { status: "active" | "frozen" | "closed" | null }) {
  const t = useTranslations("admin.status");
  const look =
    status === "frozen"
      ? "border-alert-line bg-alert-wash text-alert"
      : "border-line bg-sunken text-ink-soft";
  return (
    <span className={`rounded-full border px-2.5 py-0.5 text-xs font-medium whitespace-nowrap ${look}`}>
      {t(status ?? "none")}
    </span>
  );
}
