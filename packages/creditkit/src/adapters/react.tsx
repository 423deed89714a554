"use client";

import {
  type ComponentPropsWithoutRef,
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from "react";
import { ownValue } from "../core/config.ts";
import type { CreditsInfo } from "../core/wallet.ts";
import { CreditsStore, type FetchInfo, fetchFrom } from "./react-store.ts";

export type { CreditsInfo } from "../core/wallet.ts";
export type { FetchInfo } from "./react-store.ts";

/** Switching between windows does not read the balance more often than this, in milliseconds. */
const focusIntervalMsDefault = 5_000;

/** What one use of a service costs that has no price. */
const priceDefault = 1;

interface CreditsProviderBase {
  /** What the server read while it rendered: then there is no loading state. A newer one, after a navigation, is taken over. */
  initial?: CreditsInfo | undefined;
  /** Credits per use, by service: the configuration's `consumption`, for `<CreditGate service>`. */
  consumption?: Readonly<Record<string, number>> | undefined;
  /** Looking at the page again reads the balance at most this often, in milliseconds. Default 5000. */
  focusIntervalMs?: number | undefined;
  children?: ReactNode;
}

/** Where the balance comes from: one of the two. */
export type CreditsProviderProps = CreditsProviderBase &
  (
    | {
        /** An address that answers `credits.getInfo` of whoever is signed in, as JSON. A server component can give only this. */
        url: string;
        fetchInfo?: undefined;
      }
    | { fetchInfo: FetchInfo; url?: undefined }
  );

/** What `useCredits` gives. */
export interface UseCredits {
  /** What can be spent now; undefined until it was read. */
  balance: number | undefined;
  /** All that was read: held credits, debt, what expires next and what comes next. */
  info: CreditsInfo | undefined;
  /** Nothing is known yet, and nothing went wrong yet. */
  isLoading: boolean;
  /** Something is being read, the first time or anew. */
  isRefreshing: boolean;
  /** Why the last reading failed. What was read before it is still in `info`. */
  error: Error | undefined;
  /** Reads anew; resolves when that is done, also when it failed (see `error`). */
  refresh: () => Promise<void>;
  /** Of a request that spends: what it returns. Once it has ended, the balance is read anew, here and in other tabs. */
  track: <Result>(work: Promise<Result>) => Promise<Result>;
  /** Shows the `newBalance` of an answer at once, then reads anew, here and in other tabs. */
  setBalance: (newBalance: number) => void;
  /**
   * What one use of a service costs, as `getCreditConsumption` says: 1 for a service without a price.
   * @throws when the provider has no `consumption`
   */
  priceOf: (service: string) => number;
}

const CreditsContext = createContext<UseCredits | null>(null);

/**
 * Gives the components below it one user's balance. It is read when there is no `initial`, after spends (`track`, `setBalance`), when
 * another tab spent, and when the page is looked at again; never twice at once.
 *
 * @example
 * <CreditsProvider url="/api/credits" initial={await credits.getInfo({ userId })} consumption={config.consumption}>
 *   <CreditBalance />
 * </CreditsProvider>
 */
export function CreditsProvider(props: CreditsProviderProps) {
  const { url, fetchInfo, initial, consumption, focusIntervalMs = focusIntervalMsDefault, children } = props;
  const readInfo = useMemo(() => fetchInfo ?? fetchFrom(url), [fetchInfo, url]);
  const first = useRef({ readInfo, initial });
  first.current = { readInfo, initial };
  // Of a new address nothing is known yet; a function written into the JSX is a new one each time, and means the same.
  const store = useMemo(
    () =>
      new CreditsStore(
        first.current.readInfo,
        first.current.initial,
        `creditkit:${url ?? ""}`,
        focusIntervalMs,
      ),
    [url, focusIntervalMs],
  );
  useEffect(() => store.readWith(readInfo), [store, readInfo]);
  useEffect(() => store.start(), [store]);
  useAdopted(store, initial);

  const { info, error, isRefreshing } = useSyncExternalStore(
    store.subscribe,
    store.read,
    () => store.initial,
  );
  const credits = useMemo<UseCredits>(
    () => ({
      balance: info?.availableCredits,
      info,
      isLoading: info === undefined && error === undefined,
      isRefreshing,
      error,
      refresh: store.refresh,
      track: async (work) => {
        try {
          return await work;
        } finally {
          // Also after a failure: what failed late may have spent.
          void store.changed();
        }
      },
      setBalance: store.setBalance,
      priceOf: (service) => {
        if (!consumption)
          throw new Error("priceOf: give <CreditsProvider> the configuration's `consumption`");
        return ownValue(consumption, service) ?? priceDefault;
      },
    }),
    [store, info, error, isRefreshing, consumption],
  );
  return <CreditsContext.Provider value={credits}>{children}</CreditsContext.Provider>;
}

/** Takes over a later `initial`: another one by what it says, since a parent may write the same one anew at each render. */
function useAdopted(store: CreditsStore, initial: CreditsInfo | undefined): void {
  const text = JSON.stringify(initial);
  const seen = useRef({ store, text, initial });
  useEffect(() => {
    const isNew = seen.current.store === store && seen.current.text !== text;
    seen.current = { store, text, initial };
    if (isNew && initial) store.adopt(initial);
  }, [store, text, initial]);
}

/**
 * The balance of the nearest `<CreditsProvider>`.
 * @throws when there is none
 */
export function useCredits(): UseCredits {
  const credits = useContext(CreditsContext);
  if (!credits) throw new Error("useCredits: put a <CreditsProvider> around the component");
  return credits;
}

export interface CreditBalanceProps extends Omit<ComponentPropsWithoutRef<"span">, "children"> {
  /** How the balance is written, e.g. `({ balance }) => format(balance)`. Default: the number. */
  children?: ((credits: UseCredits) => ReactNode) | undefined;
  /** While nothing is known, and when nothing could be read. Default: nothing. */
  fallback?: ReactNode;
}

/** The balance in a `span` without style, whose changes screen readers are told. */
export function CreditBalance({ children, fallback = null, ...rest }: CreditBalanceProps) {
  const credits = useCredits();
  return (
    <span aria-live="polite" aria-atomic="true" aria-busy={credits.isLoading} {...rest}>
      {children ? children(credits) : (credits.balance ?? fallback)}
    </span>
  );
}

/** What a gate's `fallback` is told. */
export interface CreditGateState extends UseCredits {
  /** Credits that the gate asks for. */
  required: number;
}

export interface CreditGateProps {
  /** Whose price decides, by the provider's `consumption`. */
  service: string;
  /** Credits instead of the service's price. */
  amount?: number | undefined;
  /** Instead of the children, when the balance is too small or could not be read (then `error` is set). Default: nothing. */
  fallback?: ReactNode | ((state: CreditGateState) => ReactNode);
  /** While nothing is known. Default: nothing. */
  loading?: ReactNode;
  children: ReactNode;
}

/** Shows its children while there are enough credits for a service. A courtesy to readers: what guards is the ledger. */
export function CreditGate({ service, amount, fallback = null, loading = null, children }: CreditGateProps) {
  const credits = useCredits();
  const required = amount ?? credits.priceOf(service);
  if (required === 0 || (credits.balance !== undefined && credits.balance >= required)) return children;
  if (credits.isLoading) return loading;
  return typeof fallback === "function" ? fallback({ ...credits, required }) : fallback;
}
