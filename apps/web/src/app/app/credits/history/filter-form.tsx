import Link from "next/link";
import { useTranslations } from "next-intl";
import { useId } from "react";
import { buttonStyle } from "@/components/button-style";
import { type HistoryFilter, historyHref, historyServices, historyTypes } from "@/history/filter";
import { useFormat } from "@/i18n/format";
import { useServiceName } from "../service-name";

const fieldStyle = "h-10 w-full min-w-0 rounded-lg border border-line-strong bg-surface px-2.5 text-sm";

/** What to show: a plain form, so that the choice stands in the address and works without any script. */
export function FilterForm({ filter, path }: { filter: HistoryFilter; path: string }) {
  const t = useTranslations("credits.history");
  const format = useFormat();
  const serviceName = useServiceName();
  return (
    <form
      action={path}
      // A choice that is made anew replaces what the fields hold.
      key={JSON.stringify(filter)}
      aria-label={t("filters")}
      className="grid grid-cols-2 items-end gap-3 lg:grid-cols-[1fr_1fr_1fr_1fr_auto]"
    >
      <SelectField
        name="type"
        label={t("type")}
        any={t("any")}
        value={filter.type}
        options={historyTypes.map((type) => [type, format.type(type)])}
      />
      <SelectField
        name="service"
        label={t("service")}
        any={t("any")}
        value={filter.service}
        options={historyServices.map((service) => [service, serviceName(service)])}
      />
      <DayField name="from" label={t("from")} value={filter.from} />
      <DayField name="to" label={t("to")} value={filter.to} />
      <button type="submit" className={`${buttonStyle("secondary")} max-lg:col-span-2`}>
        {t("apply")}
      </button>
    </form>
  );
}

/** What is chosen, each with a way to take it away. */
export function ActiveFilters({ filter, path }: { filter: HistoryFilter; path: string }) {
  const t = useTranslations("credits.history");
  const format = useFormat();
  const serviceName = useServiceName();
  const day = (value: string) => format.dateText(new Date(value));
  const names: [keyof HistoryFilter, string | undefined][] = [
    ["type", filter.type && format.type(filter.type)],
    ["service", filter.service && serviceName(filter.service)],
    ["from", filter.from && t("activeFrom", { date: day(filter.from) })],
    ["to", filter.to && t("activeTo", { date: day(filter.to) })],
  ];
  return (
    <ul className="flex flex-wrap gap-2">
      {names.map(([field, name]) => {
        if (name === undefined) return null;
        const { [field]: _, ...rest } = filter;
        return (
          <li key={field}>
            <Link
              href={historyHref(path, rest)}
              aria-label={t("remove", { filter: name })}
              className="inline-flex h-8 items-center gap-1.5 rounded-full border border-line bg-sunken px-3 text-xs font-medium hover:border-line-strong"
            >
              {name}
              <span aria-hidden="true">×</span>
            </Link>
          </li>
        );
      })}
    </ul>
  );
}

function SelectField({
  name,
  label,
  any,
  value,
  options,
}: {
  name: string;
  label: string;
  any: string;
  value: string | undefined;
  options: readonly (readonly [value: string, name: string])[];
}) {
  const id = useId();
  return (
    <div className="grid gap-1">
      <label htmlFor={id} className="text-xs font-medium text-ink-soft">
        {label}
      </label>
      <select id={id} name={name} defaultValue={value ?? ""} className={fieldStyle}>
        <option value="">{any}</option>
        {options.map(([option, optionName]) => (
          <option key={option} value={option}>
            {optionName}
          </option>
        ))}
      </select>
    </div>
  );
}

function DayField({ name, label, value }: { name: string; label: string; value: string | undefined }) {
  const id = useId();
  return (
    <div className="grid gap-1">
      <label htmlFor={id} className="text-xs font-medium text-ink-soft">
        {label}
      </label>
      <input id={id} type="date" name={name} defaultValue={value} className={fieldStyle} />
    </div>
  );
}
