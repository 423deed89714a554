import Link from "next/link";
import { useTranslations } from "next-intl";
import { buttonStyle } from "@/components/button-style";
import { PackageOffers } from "@/components/packages";
import { SiteFooter } from "@/components/site-footer";
import { SiteHeader } from "@/components/site-header";
import { creditsConfig, getCreditConsumption, isRegistrationCreditsEnabled } from "@/config/credits";
import { type ChatService, chatModels, imageService } from "@/config/models";
import { useFormat } from "@/i18n/format";

const promises = ["exact", "oldest", "why"] as const;

interface LandingPageProps {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export default async function LandingPage({ searchParams }: LandingPageProps) {
  return <Landing isGoodbye={(await searchParams).deleted !== undefined} />;
}

function Landing({ isGoodbye }: { isGoodbye: boolean }) {
  const t = useTranslations("landing");
  const tAuth = useTranslations("auth");
  const tSettings = useTranslations("settings");
  const tPricing = useTranslations("pricing");
  const format = useFormat();
  return (
    <>
      <SiteHeader>
        <Link href="/pricing" className={buttonStyle("quiet")}>
          {tPricing("title")}
        </Link>
        <Link href="/sign-in" className={buttonStyle("quiet")}>
          {tAuth("signIn")}
        </Link>
        <Link href="/sign-up" className={buttonStyle("primary")}>
          {tAuth("signUp")}
        </Link>
      </SiteHeader>
      <main id="content" className="mx-auto w-full max-w-6xl flex-1 px-4 sm:px-6">
        {isGoodbye && (
          <p
            role="status"
            className="mt-6 rounded-lg border border-line bg-accent-wash px-3 py-2 text-sm text-accent"
          >
            {tSettings("deleted")}
          </p>
        )}
        <div className="grid items-center gap-12 py-16 sm:py-24 lg:grid-cols-[1fr_22rem]">
          <div className="max-w-2xl">
            <h1 className="text-4xl font-semibold tracking-tight text-balance sm:text-5xl">{t("title")}</h1>
            <p className="mt-5 text-lg text-pretty text-ink-soft">
              {isRegistrationCreditsEnabled()
                ? t("introBonus", { credits: format.credits(creditsConfig.registration.amount) })
                : t("intro")}
            </p>
            <div className="mt-8 flex flex-wrap gap-3">
              <Link href="/sign-up" className={buttonStyle("primary")}>
                {t("create")}
              </Link>
              <Link href="/app/credits" className={buttonStyle("secondary")}>
                {t("yours")}
              </Link>
            </div>
          </div>
          <ExampleStatement />
        </div>
        <ul className="grid gap-x-10 gap-y-8 border-t border-line py-12 sm:grid-cols-3">
          {promises.map((promise) => (
            <li key={promise}>
              <h2 className="font-semibold tracking-tight">{t(`${promise}Title`)}</h2>
              <p className="mt-2 text-sm/6 text-ink-soft">{t(`${promise}Text`)}</p>
            </li>
          ))}
        </ul>
        <Packages />
      </main>
      <SiteFooter />
    </>
  );
}

/** What is sold. Whoever ran out of credits is sent here. */
function Packages() {
  const t = useTranslations("landing");
  return (
    <section
      id="packages"
      aria-labelledby="packages-title"
      className="scroll-mt-6 border-t border-line py-12"
    >
      <h2 id="packages-title" className="text-2xl font-semibold tracking-tight">
        {t("packages")}
      </h2>
      <p className="mt-2 text-sm text-ink-soft">
        {t("packagesNote")}{" "}
        <Link href="/pricing" className="font-medium text-accent hover:underline">
          {t("packagesLink")}
        </Link>
      </p>
      <PackageOffers />
    </section>
  );
}

/** Tokens of the example's answers, read and written: about as many as the words that it names. */
const example = { chat: { read: 40, written: 200 }, reasoning: { read: 60, written: 700 } };

function priceOf(service: ChatService, { read, written }: { read: number; written: number }): number {
  const { input, output } = chatModels[service].creditsPerMillionTokens;
  return Math.ceil((read * input + written * output) / 1_000_000);
}

/** What a history looks like, in the prices that are configured. */
function ExampleStatement() {
  const t = useTranslations("landing");
  const format = useFormat();
  const rows = [
    { what: format.type("registration_bonus"), amount: creditsConfig.registration.amount },
    { what: t("exampleChat"), amount: -priceOf("google:chat", example.chat) },
    { what: t("exampleImage"), amount: -getCreditConsumption(imageService) },
    { what: t("exampleReasoning"), amount: -priceOf("google:reasoning", example.reasoning) },
  ];
  const balance = rows.reduce((sum, { amount }) => sum + amount, 0);
  return (
    <figure className="rounded-xl border border-line bg-surface p-5 text-sm tabular-nums sm:p-6">
      <figcaption className="text-ink-soft">{t("example")}</figcaption>
      <ul className="mt-2 divide-y divide-line">
        {rows.map(({ what, amount }) => (
          <li key={what} className="flex justify-between gap-4 py-3">
            <span>{what}</span>
            <span className={amount > 0 ? "font-medium text-gain" : "font-medium"}>
              {format.signed(amount)}
            </span>
          </li>
        ))}
      </ul>
      <p className="flex items-baseline justify-between border-t border-line-strong pt-3 font-medium">
        {t("available")}{" "}
        <span className="text-2xl font-semibold tracking-tight">{format.number(balance)}</span>
      </p>
    </figure>
  );
}
