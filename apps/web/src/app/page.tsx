import Link from "next/link";
import { buttonStyle } from "@/components/button-style";
import { SiteHeader } from "@/components/site-header";
import { creditsConfig, isRegistrationCreditsEnabled } from "@/config/credits";

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
        <Link href="/sign-in" className={buttonStyle("quiet")}>
          Sign in
        </Link>
        <Link href="/sign-up" className={buttonStyle("primary")}>
          Sign up
        </Link>
      </SiteHeader>
      <main className="mx-auto w-full max-w-6xl flex-1 px-4 sm:px-6">
        <div className="max-w-2xl py-16 sm:py-24">
          <h1 className="text-4xl font-semibold tracking-tight text-balance sm:text-5xl">
            Prepaid credits, exact to the last one.
          </h1>
          <p className="mt-5 text-lg text-pretty text-ink-soft">
            A running app on the Creditkit ledger. Sign up
            {isRegistrationCreditsEnabled() && `, get ${creditsConfig.registration.amount} credits`}, spend
            them on a metered chat and watch the books.
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
        <ul className="grid gap-x-10 gap-y-8 border-t border-line py-12 sm:grid-cols-3">
          {promises.map(({ title, text }) => (
            <li key={title}>
              <h2 className="font-semibold tracking-tight">{title}</h2>
              <p className="mt-2 text-sm/6 text-ink-soft">{text}</p>
            </li>
          ))}
        </ul>
      </main>
    </>
  );
}
