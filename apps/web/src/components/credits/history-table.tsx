import type { StatementEntry } from "creditkit";
import type { ReactNode } from "react";
import { creditsFormat, fill, typeName, typeNames } from "./format";

const english = {
  what: "What",
  when: "When",
  amount: "Credits",
  details: "Details",
  detailsOf: "Details of {what}",
  drained: "Paid with",
  filled: "Went into",
  part: "{amount} of {source}",
  partLeft: "{left} left then",
  never: "Never expires",
  givenBack: "Given back",
  balanceAfter: "Balance after it",
  number: "Number",
  reference: "Reference",
};

interface HistoryTableProps {
  /** Those of `credits.getStatement`. */
  entries: readonly StatementEntry[];
  /** BCP 47. Default: `en`. */
  locale?: string;
  /** Default: English. */
  labels?: Partial<typeof english>;
  /** What the types of transactions are called. Default: English. */
  types?: Readonly<Record<string, string>>;
  /** What services are called; one without a name by its id. */
  services?: Readonly<Record<string, string>>;
}

/** Rows of a history, each with what is behind it one click away. */
export function HistoryTable({ entries, ...rest }: HistoryTableProps) {
  const text = { ...english, ...rest.labels };
  return (
    <table className="w-full text-sm">
      <thead className="text-left text-muted-foreground">
        <tr className="border-b border-border">
          <th scope="col" className="pr-4 pb-2 font-medium">
            {text.what}
          </th>
          <th scope="col" className="hidden pr-4 pb-2 font-medium sm:table-cell">
            {text.when}
          </th>
          <th scope="col" className="pb-2 text-right font-medium">
            {text.amount}
          </th>
        </tr>
      </thead>
      <tbody className="divide-y divide-border">
        {entries.map((entry) => (
          <Row key={entry.id} entry={entry} {...rest} />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps extends Omit<HistoryTableProps, "entries"> {
  entry: StatementEntry;
}

function Row({ entry, ...rest }: RowProps) {
  const { locale = "en", types = typeNames, services = {} } = rest;
  const { type, service, description, amount, createdAt } = entry;
  const instant = <Instant at={createdAt} locale={locale} />;
  return (
    <tr className="align-top">
      <td className="py-3 pr-4">
        <span className="font-medium">{typeName(type, types)}</span>
        {service !== null && (
          <span className="text-muted-foreground">
            {" · "}
            {Object.hasOwn(services, service) ? services[service] : service}
          </span>
        )}
        {description && <span className="block break-words text-muted-foreground">{description}</span>}
        <span className="mt-0.5 block text-xs sm:hidden">{instant}</span>
        <Details entry={entry} {...rest} />
      </td>
      <td className="hidden py-3 pr-4 whitespace-nowrap sm:table-cell">{instant}</td>
      <td className={`py-3 text-right font-medium tabular-nums ${amount > 0 ? "text-primary" : ""}`}>
        {creditsFormat(locale).signed(amount)}
      </td>
    </tr>
  );
}

/** A day and a time in UTC. */
function Instant({ at, locale }: { at: Date; locale: string }) {
  const format = creditsFormat(locale);
  return (
    <time dateTime={at.toISOString()} className="whitespace-nowrap">
      {format.day(at)} <span className="text-muted-foreground">{format.time(at)}</span>
    </time>
  );
}

/** Which batches a row took from or filled, and what it is known by. */
function Details({ entry, locale = "en", labels, types = typeNames }: RowProps) {
  const text = { ...english, ...labels };
  const format = creditsFormat(locale);
  const { allocations, amount, sequence, id, type, reversedAmount, availableAfter } = entry;
  return (
    <details className="group mt-1">
      <summary
        aria-label={fill(text.detailsOf, { what: `${typeName(type, types)} ${format.signed(amount)}` })}
        className="inline-flex cursor-pointer list-none items-center gap-1 rounded text-xs font-medium text-primary underline-offset-4 hover:underline [&::-webkit-details-marker]:hidden"
      >
        {text.details}
        <svg
          viewBox="0 0 16 16"
          className="size-3 transition-transform group-open:rotate-180"
          fill="none"
          stroke="currentColor"
          strokeWidth="1.75"
          aria-hidden="true"
        >
          <path d="m4 6 4 4 4-4" />
        </svg>
      </summary>
      <dl className="mt-2 grid gap-x-4 gap-y-1.5 rounded-lg bg-muted px-3 py-2.5 text-xs sm:grid-cols-[auto_1fr]">
        <Fact name={amount < 0 ? text.drained : text.filled}>
          <ul className="grid gap-1">
            {allocations.map((part) => (
              <li key={part.batchId}>
                <span className="font-medium">
                  {fill(text.part, {
                    amount: format.number(part.amount),
                    source: typeName(part.grantedBy, types),
                  })}
                </span>
                <span className="text-muted-foreground">
                  {" · "}
                  {fill(text.partLeft, { left: format.number(part.batchRemaining) })}
                  {" · "}
                  {part.batchExpiresAt === null ? text.never : format.day(part.batchExpiresAt)}
                </span>
              </li>
            ))}
          </ul>
        </Fact>
        {reversedAmount !== null && reversedAmount > 0 && (
          <Fact name={text.givenBack}>{format.number(reversedAmount)}</Fact>
        )}
        <Fact name={text.balanceAfter}>{format.number(availableAfter)}</Fact>
        <Fact name={text.number}>{format.number(sequence)}</Fact>
        <Fact name={text.reference}>
          <span className="font-mono break-all">{id}</span>
        </Fact>
      </dl>
    </details>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted-foreground">{name}</dt>
      <dd className="tabular-nums">{children}</dd>
    </>
  );
}
