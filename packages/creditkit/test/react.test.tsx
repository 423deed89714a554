import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Window } from "happy-dom";
import { type ReactNode, StrictMode } from "react";
import { createRoot, hydrateRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  CreditBalance,
  CreditGate,
  CreditsProvider,
  type CreditsProviderProps,
  type UseCredits,
  useCredits,
} from "../src/adapters/react.tsx";
import { createTestCredits, type TestCredits } from "../src/adapters/testing.ts";
import { newUser } from "./ledger.ts";

/** The ledger behind an address, as an app has it. */
class BalanceServer {
  /** The user of each request so far. */
  readonly asked: string[] = [];
  abandoned = 0;
  overlapping = 0;
  private open = 0;
  private isBroken = false;
  private gate: Promise<void> = Promise.resolve();
  private openGate = () => {};
  private readonly server = createServer(
    (request, response) => void this.answer(request.url ?? "", response),
  );

  constructor(private readonly ledger: TestCredits) {}

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
  }

  urlOf(userId: string): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/${userId}`;
  }

  /** Answers are read, and then not sent before `resume`. */
  pause(): void {
    this.gate = new Promise((resolve) => {
      this.openGate = resolve;
    });
  }

  resume(): void {
    this.openGate();
    this.gate = Promise.resolve();
  }

  break(isBroken: boolean): void {
    this.isBroken = isBroken;
  }

  requestsOf(userId: string): number {
    return this.asked.filter((asked) => asked === userId).length;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(path: string, response: ServerResponse): Promise<void> {
    const userId = path.slice(1);
    this.asked.push(userId);
    this.open++;
    if (this.open > 1) this.overlapping++;
    response.on("close", () => {
      this.open--;
      if (!response.writableFinished) this.abandoned++;
    });
    const isBroken = this.isBroken;
    const info = await this.ledger.credits.getInfo({ userId });
    await this.gate;
    response.writeHead(isBroken ? 503 : 200, { "content-type": "application/json", connection: "close" });
    response.end(JSON.stringify(info));
  }
}

const window = new Window({ url: "http://localhost/" });

let ledger: TestCredits;
let server: BalanceServer;
let root: Root | undefined;
let page: HTMLPage;
/** What a component of the page last saw. */
let seen: UseCredits;

interface HTMLPage {
  innerHTML: string;
  readonly textContent: string;
  querySelector(selector: string): { textContent: string; getAttribute(name: string): string | null } | null;
}

beforeAll(async () => {
  ledger = await createTestCredits();
  server = new BalanceServer(ledger);
  await server.listen();
  Object.assign(globalThis, {
    window,
    document: window.document,
    HTMLIFrameElement: window.HTMLIFrameElement,
  });
});
afterAll(async () => {
  await server.close();
  await ledger.close();
});
beforeEach(() => {
  const element = window.document.createElement("div");
  window.document.body.append(element);
  page = element as unknown as HTMLPage;
});
afterEach(() => {
  root?.unmount();
  root = undefined;
  server.resume();
  server.break(false);
  expect(server.overlapping).toBe(0);
});

async function userWith(amount: number): Promise<string> {
  const userId = newUser();
  await ledger.credits.grant({ userId, amount, type: "purchase", validityDays: 30 });
  return userId;
}

const spend = (userId: string, amount: number) =>
  ledger.credits.consume({ userId, amount, service: "google:image" });
const consumption = { "google:image": 5, "google:free": 0 };

function Probe() {
  seen = useCredits();
  return null;
}

let seenInOtherTab: UseCredits | undefined;

function OtherProbe() {
  seenInOtherTab = useCredits();
  return null;
}

function Page({ userId, children, ...props }: { userId: string } & Partial<CreditsProviderProps>) {
  return (
    <CreditsProvider {...props} url={server.urlOf(userId)} fetchInfo={undefined} consumption={consumption}>
      <CreditBalance fallback="…" />
      <Probe />
      {children}
    </CreditsProvider>
  );
}

function render(content: ReactNode): void {
  root ??= createRoot(page as unknown as Element);
  root.render(content);
}

const shows = (text: string) => expect.poll(() => page.textContent, { timeout: 10_000 }).toBe(text);
const nothingHappens = () => new Promise((resolve) => setTimeout(resolve, 100));

describe("the balance", () => {
  it("is loading, then what the ledger says, with its dates", async () => {
    const userId = await userWith(20);
    server.pause();
    render(<Page userId={userId} />);
    await shows("…");
    expect(seen).toMatchObject({ isLoading: true, balance: undefined, error: undefined });
    expect(page.querySelector("span")?.getAttribute("aria-busy")).toBe("true");
    server.resume();
    await shows("20");
    expect(seen).toMatchObject({ isLoading: false, isRefreshing: false, balance: 20 });
    expect(seen.info).toEqual(await ledger.credits.getInfo({ userId }));
    expect(page.querySelector("span")?.getAttribute("aria-live")).toBe("polite");
    expect(page.querySelector("span")?.getAttribute("aria-busy")).toBe("false");
  });

  it("says what went wrong, and recovers when it is asked again", async () => {
    const userId = await userWith(20);
    server.break(true);
    render(<Page userId={userId} />);
    await expect.poll(() => seen.error?.message).toBe("The balance could not be read: HTTP 503");
    expect(seen).toMatchObject({ isLoading: false, balance: undefined });
    server.break(false);
    await seen.refresh();
    await shows("20");
    expect(seen.error).toBeUndefined();

    server.break(true);
    await seen.refresh();
    await expect.poll(() => seen.error).toBeInstanceOf(Error);
    expect(seen.balance).toBe(20);
  });

  it("says so when an address answers something else, and when a function throws at once", async () => {
    render(
      <CreditsProvider
        fetchInfo={() => {
          throw new TypeError("no network");
        }}
      >
        <Probe />
      </CreditsProvider>,
    );
    await expect.poll(() => seen.error?.message).toBe("no network");

    render(
      <CreditsProvider url="data:application/json,{}">
        <Probe />
      </CreditsProvider>,
    );
    await expect.poll(() => seen.error?.message).toContain("no availableCredits");
  });

  it("is written by whoever renders it", async () => {
    const initial = await ledger.credits.getInfo({ userId: await userWith(1_234) });
    render(
      <CreditsProvider url="data:," initial={initial}>
        <CreditBalance className="badge">
          {({ balance }) => `${balance?.toLocaleString("en")} left`}
        </CreditBalance>
      </CreditsProvider>,
    );
    await shows("1,234 left");
    expect(page.querySelector("span")?.getAttribute("class")).toBe("badge");
  });

  it("is read anew when the page is looked at, but not again at once", async () => {
    const userId = await userWith(20);
    render(<Page userId={userId} focusIntervalMs={50} />);
    await shows("20");
    await spend(userId, 5);
    await nothingHappens();
    window.dispatchEvent(new window.Event("focus"));
    window.document.dispatchEvent(new window.Event("visibilitychange"));
    await shows("15");
    expect(server.requestsOf(userId)).toBe(2);

    render(<Page userId={userId} focusIntervalMs={60_000} />);
    await expect.poll(() => server.requestsOf(userId)).toBe(3);
    await expect.poll(() => seen.isRefreshing).toBe(false);
    window.dispatchEvent(new window.Event("focus"));
    await nothingHappens();
    expect(server.requestsOf(userId)).toBe(3);
  });

  it("is read once for all who ask while a request is under way, and after it", async () => {
    const userId = await userWith(20);
    render(<Page userId={userId} />);
    await shows("20");
    server.pause();
    const first = seen.refresh();
    await expect.poll(() => server.requestsOf(userId)).toBe(2);
    await nothingHappens();
    await spend(userId, 5);
    // The one under way was read before the spend.
    const others = [seen.refresh(), seen.refresh()];
    server.resume();
    await Promise.all([first, ...others]);
    await shows("15");
    expect(server.requestsOf(userId)).toBe(3);
  });

  it("follows a spend: what the answer told at once, then what the ledger says", async () => {
    const userId = await userWith(20);
    render(<Page userId={userId} />);
    await shows("20");
    const { newBalance } = await spend(userId, 5);
    server.pause();
    seen.setBalance(newBalance);
    await shows("15");
    server.resume();
    await expect.poll(() => seen.info?.nextExpiringBatch?.amount).toBe(15);

    const result = await seen.track(spend(userId, 3));
    expect(result.newBalance).toBe(12);
    await shows("12");
    await expect(seen.track(spend(userId, 1_000))).rejects.toThrow("Insufficient credits");
  });

  it("never goes back to what was read before the answer of a spend", async () => {
    const userId = await userWith(20);
    render(<Page userId={userId} />);
    await shows("20");
    server.pause();
    void seen.refresh();
    await expect.poll(() => server.requestsOf(userId)).toBe(2);
    await nothingHappens();
    const balances: (number | undefined)[] = [];
    const watch = setInterval(() => balances.push(seen.balance), 1);
    seen.setBalance((await spend(userId, 5)).newBalance);
    await shows("15");
    balances.length = 0;
    server.resume();
    await expect.poll(() => seen.info?.nextExpiringBatch?.amount).toBe(15);
    clearInterval(watch);
    expect(new Set(balances)).toEqual(new Set([15]));
  });

  it("follows a spend in another tab", async () => {
    const userId = await userWith(20);
    render(<Page userId={userId} />);
    await shows("20");
    const other = window.document.createElement("div");
    const otherTab = createRoot(other as unknown as Element);
    otherTab.render(
      <CreditsProvider url={server.urlOf(userId)}>
        <OtherProbe />
      </CreditsProvider>,
    );
    await expect.poll(() => seenInOtherTab?.balance).toBe(20);
    server.pause();
    await seenInOtherTab?.track(spend(userId, 5));
    server.resume();
    await shows("15");
    await expect.poll(() => seenInOtherTab?.balance).toBe(15);
    otherTab.unmount();
    // Each tab asks for itself.
    server.overlapping = 0;
  });

  it("abandons its request when it is unmounted, and asks for nobody after that", async () => {
    const userId = await userWith(20);
    server.pause();
    const abandoned = server.abandoned;
    render(<Page userId={userId} focusIntervalMs={0} />);
    await expect.poll(() => server.requestsOf(userId)).toBe(1);
    root?.unmount();
    root = undefined;
    await expect.poll(() => server.abandoned).toBe(abandoned + 1);
    window.dispatchEvent(new window.Event("focus"));
    await seen.refresh();
    expect(server.requestsOf(userId)).toBe(1);
  });

  it("is another user's when the address is", async () => {
    const [ada, bob] = [await userWith(20), await userWith(7)];
    render(<Page userId={ada} />);
    await shows("20");
    server.pause();
    render(<Page userId={bob} />);
    await shows("…");
    server.resume();
    await shows("7");
  });

  it("comes to rest in strict mode", async () => {
    const userId = await userWith(20);
    render(
      <StrictMode>
        <Page userId={userId} />
      </StrictMode>,
    );
    await shows("20");
    await spend(userId, 5);
    await seen.refresh();
    await shows("15");
    expect(seen.isRefreshing).toBe(false);
  });

  it("needs a provider", () => {
    expect(() => renderToString(<CreditBalance />)).toThrow("put a <CreditsProvider> around the component");
  });
});

describe("on the server", () => {
  it("`initial` is in the HTML, is hydrated without a mismatch, and is not asked for again", async () => {
    const userId = await userWith(20);
    const initial = await ledger.credits.getInfo({ userId });
    const content = (
      <Page userId={userId} initial={initial}>
        <CreditGate service="google:image" loading=" loading" fallback=" closed">
          {" open"}
        </CreditGate>
      </Page>
    );
    page.innerHTML = renderToString(content);
    expect(page.textContent).toBe("20 open");
    const mismatches: unknown[] = [];
    root = hydrateRoot(page as unknown as Element, content, {
      onRecoverableError: (error) => mismatches.push(error),
    });
    await nothingHappens();
    expect(page.textContent).toBe("20 open");
    expect(mismatches).toEqual([]);
    expect(server.requestsOf(userId)).toBe(0);

    // What a navigation renders anew is taken over; the same once more is not, however old it is.
    await spend(userId, 5);
    const later = await ledger.credits.getInfo({ userId });
    root.render(<Page userId={userId} initial={later} />);
    await shows("15");
    seen.setBalance((await spend(userId, 5)).newBalance);
    root.render(<Page userId={userId} initial={{ ...later }} />);
    await shows("10");
    await nothingHappens();
    expect(page.textContent).toBe("10");
  });

  it("without `initial` there is a loading state, and no request", async () => {
    const userId = await userWith(20);
    expect(renderToString(<Page userId={userId} />)).toContain("…");
    await nothingHappens();
    expect(server.requestsOf(userId)).toBe(0);
  });
});

describe("a gate", () => {
  const gate = (
    <CreditGate
      service="google:image"
      loading=" loading"
      fallback={({ required, balance, error }) => (error ? " unknown" : ` ${required} of ${balance}`)}
    >
      {" open"}
    </CreditGate>
  );

  it("is loading, open while the balance suffices, and closes after the spend that makes it too small", async () => {
    const userId = await userWith(9);
    server.pause();
    render(<Page userId={userId}>{gate}</Page>);
    await shows("… loading");
    server.resume();
    await shows("9 open");
    await seen.track(spend(userId, 4));
    await shows("5 open");
    await seen.track(spend(userId, 1));
    await shows("4 5 of 4");
    await seen.track(ledger.credits.grant({ userId, amount: 1, type: "purchase" }));
    await shows("5 open");
  });

  it("hands its fallback the error when the balance could not be read", async () => {
    server.break(true);
    render(<Page userId={await userWith(9)}>{gate}</Page>);
    await shows("… unknown");
  });

  it("asks for `amount` instead of the price, for 1 where there is none, and for nothing where it is free", async () => {
    server.break(true);
    render(
      <Page userId={newUser()} initial={await ledger.credits.getInfo({ userId: newUser() })}>
        <CreditGate service="google:free">{" free"}</CreditGate>
        <CreditGate service="constructor" fallback={({ required }) => ` ${required}`}>
          {" open"}
        </CreditGate>
        <CreditGate service="google:image" amount={8} fallback={({ required }) => ` ${required}`}>
          {" open"}
        </CreditGate>
      </Page>,
    );
    await shows("0 free 1 8");
  });

  it("needs prices", () => {
    const content = (
      <CreditsProvider url="data:,">
        <CreditGate service="google:image">open</CreditGate>
      </CreditsProvider>
    );
    expect(() => renderToString(content)).toThrow("the configuration's `consumption`");
  });
});
