import Link from "next/link";
import { buttonStyle } from "@/components/button-style";
import { PackageList } from "@/components/packages";
import { SiteHeader } from "@/components/site-header";
import { creditsConfig, getCreditConsumption, isRegistrationCreditsEnabled } from "@/config/credits";

const promises = [
  {
    title: "Never lost, never doubled",
    text: "Every credit that comes in or goes out is a row in a double-entry ledger. Sending a request twice charges once.",
  },
  {
    title: "The oldest goes first",
    text: "Credits that expire soonest are spent first, so as little as possible is wasted.",
  },
  {
    title: "You always know why",
    text: "Your balance, what expires next and the whole history are one page away. Too few credits? It says how many are missing.",
  },
];

export default function LandingPage() {
  return (
    <>
      <SiteHeader>
        <Link href="/pricing" className={buttonStyle("quiet")}>
          Pricing
        </Link>
        <Link href="/sign-in" className={buttonStyle("quiet")}>
          Sign in
        </Link>
        <Link href="/sign-up" className={buttonStyle("primary")}>
          Sign up
        </Link>
      </SiteHeader>
      <main className="mx-auto w-full max-w-6xl flex-1 px-4 sm:px-6">
        <div className="grid items-center gap-12 py-16 sm:py-24 lg:grid-cols-[1fr_22rem]">
          <div className="max-w-2xl">
            <h1 className="text-4xl font-semibold tracking-tight text-balance sm:text-5xl">
              Prepaid credits, exact to the last one.
            </h1>
            <p className="mt-5 text-lg text-pretty text-ink-soft">
              A running app on the Creditkit ledger. Sign up
              {isRegistrationCreditsEnabled() && `, get ${creditsConfig.registration.amount} credits`}, spend
              them on a metered chat or on pictures, and watch the books.
            </p>
            <div className="mt-8 flex flex-wrap gap-3">
              <Link href="/sign-up" className={buttonStyle("primary")}>
                Create an account
              </Link>
              <Link href="/app/credits" className={buttonStyle("secondary")}>
                Your credits
              </Link>
            </div>
          </div>
          <ExampleStatement />
        </div>
        <ul className="grid gap-x-10 gap-y-8 border-t border-line py-12 sm:grid-cols-3">
          {promises.map(({ title, text }) => (
            <li key={title}>
              <h2 className="font-semibold tracking-tight">{title}</h2>
              <p className="mt-2 text-sm/6 text-ink-soft">{text}</p>
            </li>
          ))}
        </ul>
        <Packages />
      </main>
    </>
  );
}

/** What is sold. Whoever ran out of credits is sent here. */
function Packages() {
  return (
    <section
      id="packages"
      aria-labelledby="packages-title"
      className="scroll-mt-6 border-t border-line py-12"
    >
      <h2 id="packages-title" className="text-2xl font-semibold tracking-tight">
        Packages
      </h2>
      <p className="mt-2 text-sm text-ink-soft">
        Credits to buy once, without a subscription.{" "}
        <Link href="/pricing" className="font-medium text-accent hover:underline">
          See plans and buy
        </Link>
      </p>
      <PackageList />
    </section>
  );
}

/** What a history looks like, in the prices that are configured. */
function ExampleStatement() {
  const rows = [
    { what: "Welcome bonus", amount: creditsConfig.registration.amount },
    { what: "Chat message", amount: -getCreditConsumption("google:chat") },
    { what: "Image", amount: -getCreditConsumption("google:image") },
    { what: "Reasoning", amount: -getCreditConsumption("google:reasoning") },
  ];
  const balance = rows.reduce((sum, { amount }) => sum + amount, 0);
  return (
    <figure className="rounded-xl border border-line bg-surface p-5 text-sm tabular-nums sm:p-6">
      <figcaption className="text-ink-soft">An example</figcaption>
      <ul className="mt-2 divide-y divide-line">
        {rows.map(({ what, amount }) => (
          <li key={what} className="flex justify-between py-3">
            <span>{what}</span>
            <span className={amount > 0 ? "font-medium text-gain" : "font-medium"}>
              {amount > 0 ? `+${amount}` : `−${-amount}`}
            </span>
          </li>
        ))}
      </ul>
      <p className="flex items-baseline justify-between border-t border-line-strong pt-3 font-medium">
        Available <span className="text-2xl font-semibold tracking-tight">{balance}</span>
      </p>
    </figure>
  );
}
