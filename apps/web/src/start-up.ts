import "server-only";
import { cronSecretLengthMin } from "creditkit/next";
import { startWebhookDelivery } from "creditkit/webhooks";
import { promoteAdmins } from "@/auth/admins";
import { getAuth } from "@/auth/server";
import { closeOnShutdown } from "@/clean-shutdown";
import { describeFailure } from "@/credits/failure";
import { getCredits } from "@/credits/server";
import { getDatabase } from "@/database/server";
import { readEnvironment } from "@/env";
import { getDemo, getPaymentProvider } from "@/payments/server";
import { authSecret, cronSecret, type Secret, type SecretName } from "@/secrets";

/** Shorter secrets sign cookies too, but can be guessed. */
const authSecretLengthMin = 32;

/** Opens everything before the first request, and says what is used and where the secrets are; never their values. */
export async function startUp(): Promise<void> {
  const environment = readEnvironment();
  const database = await getDatabase();
  const stopDelivery = startWebhookDelivery(await getCredits(), {
    onError: (error) => console.error(`[Credits] Webhooks could not be delivered: ${describeFailure(error)}`),
  });
  closeOnShutdown(async () => {
    await stopDelivery();
    await database.close();
  });
  say(`Database: ${database.description}`);

  const secrets = { BETTER_AUTH_SECRET: await authSecret(), CRON_SECRET: await cronSecret() };
  await getAuth();
  say(describeSecret("BETTER_AUTH_SECRET", secrets.BETTER_AUTH_SECRET));
  say(describeSecret("CRON_SECRET", secrets.CRON_SECRET));
  if (secrets.BETTER_AUTH_SECRET.value.length < authSecretLengthMin) {
    warn(`BETTER_AUTH_SECRET is shorter than ${authSecretLengthMin} characters`);
  }
  if ((secrets.CRON_SECRET.value ?? "").length < cronSecretLengthMin) {
    warn(
      `CRON_SECRET is ${secrets.CRON_SECRET.value ? `shorter than ${cronSecretLengthMin} characters` : "not set"}: ` +
        "both cron routes answer 503 and run no job",
    );
  }
  if (environment.DATABASE_URL && environment.NODE_ENV === "production" && !environment.BETTER_AUTH_URL) {
    warn(
      "BETTER_AUTH_URL is not set: cookies are sent over plain http too, and the origin is taken from the request",
    );
  }
  say(`Payments: ${(await getPaymentProvider())?.name ?? "none; nothing can be bought"}`);
  if ((await getDemo()) !== null)
    warn(
      "payments are a demo: no money moves, and everybody can have credits. Set up Stripe or Creem to sell",
    );
  for (const email of await promoteAdmins()) {
    warn(
      `ADMIN_EMAILS lists ${email}, which has no account: unlist it, start, sign up with it, then list it again`,
    );
  }
}

function describeSecret(name: SecretName, secret: Secret): string {
  switch (secret.source) {
    case "environment":
      return `${name}: from the environment`;
    case "file":
      return `${name}: ${secret.generated ? "generated" : "kept"} in ${secret.file} (mode 0600)`;
    case "process":
      return `${name}: made for this process only; everybody is signed out when it ends`;
    case "none":
      return `${name}: none`;
  }
}

function say(text: string): void {
  console.info(`[Start] ${text}`);
}

function warn(text: string): void {
  console.warn(`[Start] WARNING: ${text}`);
}
