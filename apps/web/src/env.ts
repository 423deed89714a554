import { z } from "zod";

/** Section headings of `.env.example`, in its order. */
export const environmentSections = {
  database: "Database",
  secrets: "Secrets and sign-in",
  prices: "Price ids of what is sold (a Stripe price_… or a Creem prod_… id)",
  payments: "Payment providers",
  models: "Language models",
  server: "Server",
} as const;

type VariableNotes = {
  section: keyof typeof environmentSections;
  description: string;
};

const portMax = 65_535;
const price = z.string().max(255);

function rate(byDefault: number) {
  const message = "must be a whole number from 1 to 1000000";
  return z.coerce.number(message).int(message).min(1, message).max(1_000_000, message).default(byDefault);
}

/**
 * Every environment variable of the app. Messages never repeat a value: several of these are secrets, and what stops
 * the start is printed.
 */
export const environmentSchema = z
  .object({
    DATABASE_URL: z
      .string()
      .refine((text) => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text), "must be a postgres:// URL")
      .optional()
      .meta(
        notes("database", "PostgreSQL to use. Unset, the app runs on an embedded database under DATA_DIR."),
      ),
    DATA_DIR: z
      .string()
      .default(".data")
      .meta(
        notes(
          "database",
          "Directory of the embedded database and of generated secrets; a relative path starts at apps/web. `memory://` keeps everything in memory.",
        ),
      ),
    BETTER_AUTH_SECRET: z
      .string()
      .optional()
      .meta(
        notes(
          "secrets",
          "Signs session cookies; 32 random characters or more. Required with DATABASE_URL in production, generated on the embedded database.",
        ),
      ),
    BETTER_AUTH_URL: z
      .url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" })
      .optional()
      .meta(notes("secrets", "The public URL of the app, when it is served behind a proxy or a domain.")),
    CRON_SECRET: z
      .string()
      .optional()
      .meta(
        notes(
          "secrets",
          "Bearer of the two cron routes, 16 characters or more; a shorter or empty one closes them (503). Required with DATABASE_URL in production, generated on the embedded database.",
        ),
      ),
    ADMIN_EMAILS: z
      .string()
      .transform((list) => list.split(",").flatMap((email) => email.trim().toLowerCase() || []))
      .pipe(z.array(z.email("must be e-mail addresses separated by commas")))
      .optional()
      .meta(
        notes(
          "secrets",
          "Existing accounts that become admins at the next start, separated by commas. Sign up first: a listed address can no longer be registered.",
        ),
      ),
    CREDIT_LITE_PRICE_ID: price.optional().meta(notes("prices", "Package lite.")),
    CREDIT_STANDARD_PRICE_ID: price.optional().meta(notes("prices", "Package standard.")),
    CREDIT_PRO_PRICE_ID: price.optional().meta(notes("prices", "Package pro.")),
    CREDIT_MAX_PRICE_ID: price.optional().meta(notes("prices", "Package max.")),
    NEXT_PUBLIC_PRICE_ID_PRO_MONTHLY: price.optional().meta(notes("prices", "Plan pro, monthly.")),
    NEXT_PUBLIC_PRICE_ID_PRO_YEARLY: price.optional().meta(notes("prices", "Plan pro, yearly.")),
    STRIPE_SECRET_KEY: z
      .string()
      .optional()
      .meta(notes("payments", "Sells through Stripe, together with the webhook's secret: sk_… or rk_….")),
    STRIPE_WEBHOOK_SECRET: z
      .string()
      .optional()
      .meta(
        notes(
          "payments",
          "whsec_… of the endpoint /api/webhooks/stripe; two, separated by a comma, while it is replaced.",
        ),
      ),
    CREEM_API_KEY: z
      .string()
      .optional()
      .meta(
        notes(
          "payments",
          "Sells through Creem, together with the webhook's secret: creem_… or creem_test_….",
        ),
      ),
    CREEM_WEBHOOK_SECRET: z
      .string()
      .optional()
      .meta(
        notes(
          "payments",
          "Secret of the webhook /api/webhooks/creem; two, separated by a comma, while it is replaced.",
        ),
      ),
    PAYMENTS_DEMO: z
      .literal("allow", "must be `allow` or unset")
      .optional()
      .meta(
        notes(
          "payments",
          "`allow` sells without money in production too, when no provider is set up: everybody can have credits. `npm start` at the root sets it.",
        ),
      ),
    GOOGLE_GENERATIVE_AI_API_KEY: z
      .string()
      .optional()
      .meta(
        notes("models", "Gemini for the chat and the pictures. Unset, demo models answer, labelled as such."),
      ),
    DEMO_MODEL_SPEED: rate(1).meta(
      notes("models", "How many times as fast as usual the demo models write their answers."),
    ),
    PORT: z.coerce
      .number("must be a port number")
      .int("must be a port number")
      .min(0, "must be a port number")
      .max(portMax, `must be at most ${portMax}`)
      .default(3000)
      .meta(notes("server", "Port the app listens on.")),
    NODE_ENV: z
      .enum(["development", "production", "test"], "must be development, production or test")
      .default("development")
      .meta(notes("server", "Set by `npm start` and `npm run dev`.")),
    SMTP_URL: z
      .url({ protocol: /^smtps?$/, error: "must be an smtp:// or smtps:// URL" })
      .optional()
      .meta(
        notes(
          "server",
          "Mail server, smtp://user:password@host:587. Set, a new account gets a link by mail, and the welcome bonus once it is opened.",
        ),
      ),
    MAIL_FROM: z
      .string()
      .default("Creditkit <no-reply@localhost>")
      .meta(notes("server", "Sender of that mail.")),
    TRUSTED_PROXIES: z.coerce
      .number("must be a number from 0 to 10")
      .int("must be a number from 0 to 10")
      .min(0, "must be a number from 0 to 10")
      .max(10, "must be a number from 0 to 10")
      .default(0)
      .meta(
        notes(
          "server",
          "How many proxies of yours stand in front and append to X-Forwarded-For. 0: the connection's peer is the client, whatever that header says.",
        ),
      ),
    RATE_LIMIT_SIGN_IN: rate(30).meta(notes("server", "Sign-ins per minute and network address.")),
    RATE_LIMIT_SIGN_UP: rate(120).meta(notes("server", "Sign-ups per minute and network address.")),
    RATE_LIMIT_REQUESTS: rate(120).meta(
      notes("server", "Metered requests and checkouts per minute, user and process."),
    ),
    BONUS_ADDRESS_LIMIT: rate(100).meta(notes("server", "Welcome bonuses per network address in 24 hours.")),
    CREDITS_TEST_CLOCK: z
      .literal("allow", "must be `allow` or unset")
      .optional()
      .meta(
        notes(
          "server",
          "`allow` lets an admin move the ledger's clock. For tests only, never in production.",
        ),
      ),
  })
  .refine((environment) => !isMissing(environment, "BETTER_AUTH_SECRET"), missing("BETTER_AUTH_SECRET"))
  .refine((environment) => !isMissing(environment, "CRON_SECRET"), missing("CRON_SECRET"));

export type Environment = z.infer<typeof environmentSchema>;

/** Thrown when variables are wrong; the message lists every problem and no value. */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
  constructor(readonly problems: readonly string[]) {
    super(
      `The environment has ${problems.length} problem(s):\n${problems.map((text) => `  - ${text}`).join("\n")}`,
    );
  }
}

/**
 * Reads and checks the environment. Blank variables count as unset.
 *
 * @throws EnvironmentError with all problems together
 */
export function readEnvironment(source: Record<string, string | undefined> = process.env): Environment {
  const set = Object.fromEntries(Object.entries(source).filter(([, value]) => value?.trim()));
  const parsed = environmentSchema.safeParse(set);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`);
  // A list such as ADMIN_EMAILS reports the same problem once per entry.
  throw new EnvironmentError([...new Set(problems)]);
}

function notes(section: VariableNotes["section"], description: string): VariableNotes {
  return { section, description };
}

type RequiredSecret = "BETTER_AUTH_SECRET" | "CRON_SECRET";
type SecretsContext = { [Name in RequiredSecret | "DATABASE_URL" | "NODE_ENV"]?: string };

function isMissing(environment: SecretsContext, name: RequiredSecret): boolean {
  const { DATABASE_URL, NODE_ENV } = environment;
  return NODE_ENV === "production" && DATABASE_URL !== undefined && environment[name] === undefined;
}

function missing(name: string) {
  return {
    path: [name],
    error: "is required with DATABASE_URL in production",
    // Without this the check would be skipped as soon as one variable is malformed, and not all problems be listed.
    when: () => true,
  };
}
