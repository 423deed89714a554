import "server-only";
import { betterAuth } from "better-auth";
import { APIError } from "better-auth/api";
import { nextCookies } from "better-auth/next-js";
import { admin } from "better-auth/plugins/admin";
import { authAdapter } from "@/auth/adapter";
import { ownOrigins } from "@/auth/origin";
import { giveRegistrationBonus } from "@/credits/registration-bonus";
import { getDatabase } from "@/database/server";
import { readEnvironment } from "@/env";
import { oncePerProcess } from "@/once-per-process";
import { authSecret } from "@/secrets";

/** Tries per minute and address: enough for a shared office, few enough that passwords cannot be guessed in bulk. */
const credentialTries = { window: 60, max: 30 };

/** Sign-in, built on the app's database by the first caller. */
export const getAuth = oncePerProcess("auth", async () => {
  const environment = readEnvironment();
  const [database, secret] = await Promise.all([getDatabase(), authSecret()]);
  const { BETTER_AUTH_URL = `http://localhost:${environment.PORT}` } = environment;

  return betterAuth({
    baseURL: BETTER_AUTH_URL,
    secret: secret.value,
    trustedOrigins: (request) => ownOrigins(request),
    telemetry: { enabled: false },
    database: authAdapter(database.drizzle),
    emailAndPassword: { enabled: true },
    rateLimit: { customRules: { "/sign-in/email": credentialTries, "/sign-up/email": credentialTries } },
    advanced: { useSecureCookies: BETTER_AUTH_URL.startsWith("https://") },
    databaseHooks: {
      user: {
        create: {
          before: async (user) => {
            // Addresses are not verified here: whoever registered a listed one first would be made an admin.
            if (readEnvironment().ADMIN_EMAILS?.includes(user.email.toLowerCase())) {
              throw new APIError("FORBIDDEN", {
                code: "RESERVED_EMAIL",
                message: "This e-mail address is reserved.",
              });
            }
          },
          // Runs once the user's transaction is committed.
          after: (user) => giveRegistrationBonus(user.id),
        },
      },
    },
    // nextCookies has to come last: it copies the cookies that the plugins before it set.
    plugins: [admin(), nextCookies()],
  });
});
