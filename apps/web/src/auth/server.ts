import "server-only";
import { betterAuth } from "better-auth";
import { APIError } from "better-auth/api";
import { nextCookies } from "better-auth/next-js";
import { admin } from "better-auth/plugins/admin";
import { authAdapter } from "@/auth/adapter";
import { sendMail } from "@/auth/mail";
import { ownOrigins } from "@/auth/origin";
import { giveRegistrationBonus, mustVerify, welcome } from "@/credits/registration-bonus";
import { getDatabase } from "@/database/server";
import { readEnvironment } from "@/env";
import { oncePerProcess } from "@/once-per-process";
import { authSecret } from "@/secrets";
import { clientAddressHeader, networkOfHeaders } from "@/security/client-address";

/** Tries are counted per minute and address: enough for a shared office, too few for guessing passwords in bulk. */
const triesWindowSeconds = 60;

/** Sign-in, built on the app's database by the first caller. */
export const getAuth = oncePerProcess("auth", async () => {
  const environment = readEnvironment();
  const [database, secret] = await Promise.all([getDatabase(), authSecret()]);
  const tries = (max: number) => ({ window: triesWindowSeconds, max });
  const { BETTER_AUTH_URL = `http://localhost:${environment.PORT}` } = environment;

  return betterAuth({
    baseURL: BETTER_AUTH_URL,
    secret: secret.value,
    trustedOrigins: (request) => ownOrigins(request),
    telemetry: { enabled: false },
    database: authAdapter(database.drizzle),
    emailAndPassword: { enabled: true },
    ...(mustVerify() && {
      emailVerification: {
        sendOnSignUp: true,
        sendVerificationEmail: ({ user, url }) => sendMail(verificationMail(user.email, url)),
        afterEmailVerification: (user) => giveRegistrationBonus(user.id),
      },
    }),
    rateLimit: {
      // In the database: all processes count together.
      storage: "database",
      customRules: {
        "/sign-in/email": tries(environment.RATE_LIMIT_SIGN_IN),
        "/sign-up/email": tries(environment.RATE_LIMIT_SIGN_UP),
      },
    },
    advanced: {
      useSecureCookies: BETTER_AUTH_URL.startsWith("https://"),
      ipAddress: { ipAddressHeaders: [clientAddressHeader] },
    },
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
          after: async (user, context) => {
            const headers = context?.request?.headers ?? context?.headers;
            await welcome(user, networkOfHeaders(headers));
          },
        },
      },
    },
    // nextCookies has to come last: it copies the cookies that the plugins before it set.
    plugins: [admin(), nextCookies()],
  });
});

/** In both languages: at sign-up nobody has said which one is theirs. */
function verificationMail(to: string, url: string) {
  return {
    to,
    subject: "Confirm your e-mail address · 确认您的邮箱",
    text: `Open this link to confirm your address and get your welcome credits:\n请打开此链接确认邮箱并领取注册奖励:\n\n${url}\n`,
  };
}
