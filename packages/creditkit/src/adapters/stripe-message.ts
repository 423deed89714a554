import { parseDate, parseId } from "../core/argument.ts";
import { CreditsError } from "../core/errors.ts";
import type { PaymentEvent } from "../core/payment-event.ts";

/** A message that is not authentic, or makes no sense. Says what is wrong, never what the message held (rule 33). */
export function invalidWebhook(problem: string): CreditsError {
  return new CreditsError("INVALID_WEBHOOK", `Invalid Stripe webhook: ${problem}`);
}

/**
 * A place in a message. The SDK's types describe one version of Stripe's API, and a message comes in the endpoint's: each field is looked
 * at before it is believed, and what is wrong is named by its path.
 */
export class Field {
  constructor(
    private readonly value: unknown,
    private readonly path: string,
  ) {}

  /** A field of an object; missing where there is none. Own properties only (rule 11). */
  at(name: string): Field {
    const { value } = this;
    const isThere = typeof value === "object" && value !== null && Object.hasOwn(value, name);
    return new Field(isThere ? (value as Record<string, unknown>)[name] : undefined, `${this.path}.${name}`);
  }

  get isMissing(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** The objects of one of Stripe's lists; none where it is missing. */
  listed(): Field[] {
    const { value, path } = this.at("data");
    if (this.isMissing) return [];
    if (!Array.isArray(value)) throw invalidWebhook(`expected an array at ${path}`);
    return value.map((item: unknown, index) => new Field(item, `${path}.${index}`));
  }

  is(value: string | boolean): boolean {
    return this.value === value;
  }

  /** An id or a name. Stripe writes an object in place of its id where a request asked for that. */
  optionalId(): string | undefined {
    if (this.isMissing) return undefined;
    return typeof this.value === "object" ? this.at("id").id() : this.id();
  }

  id(): string {
    const { value, path } = this;
    return believed("an id", path, () =>
      parseId(path, typeof value === "object" ? this.at("id").value : value),
    );
  }

  /** Whole seconds, as Stripe tells time. */
  date(): Date {
    const { value, path } = this;
    return believed("a time in seconds", path, () =>
      parseDate(path, Number.isSafeInteger(value) ? new Date((value as number) * 1000) : undefined),
    );
  }

  optionalDate(): Date | undefined {
    return this.isMissing ? undefined : this.date();
  }

  /** Smallest units of a currency; of a line, below 0 where it gives money back. */
  amount(min: 0 | "any" = 0): number {
    const { value } = this;
    if (Number.isSafeInteger(value) && (min === "any" || (value as number) >= min)) return value as number;
    throw invalidWebhook(`expected an amount of money at ${this.path}`);
  }

  /** A link to show; undefined where it is none. A receipt without a link is still a receipt. */
  url(): string | undefined {
    const { value } = this;
    const isLink = typeof value === "string" && value.length <= urlLengthMax && /^https?:\/\//.test(value);
    return isLink && URL.canParse(value) ? value : undefined;
  }
}

/** As `applyPaymentEvent` takes a URL. */
const urlLengthMax = 2048;

function believed<Value>(expected: string, path: string, parse: () => Value): Value {
  try {
    return parse();
  } catch {
    throw invalidWebhook(`expected ${expected} at ${path}`);
  }
}

/** The names of one payment, at least one. */
export type PaymentIds = readonly [string, ...string[]];

/** What a message means, without who said it and when. */
export type Meaning<Event = PaymentEvent> = Event extends PaymentEvent
  ? Omit<Event, "provider" | "eventId" | "occurredAt">
  : never;

/** Known, and without an effect on credits. */
export function noted(what: string): Meaning {
  return { type: "noted", what };
}

export function distinctIds(first: string, ...others: (string | undefined)[]): PaymentIds {
  return [first, ...new Set(others.flatMap((id) => (id === undefined || id === first ? [] : [id])))];
}
