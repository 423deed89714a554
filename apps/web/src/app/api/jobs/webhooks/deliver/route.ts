import { createCronHandler } from "creditkit/next";
import { sendWebhook } from "creditkit/webhooks";
import { getCredits } from "@/credits/server";
import { cronSecret } from "@/secrets";

/** Where the server does not go on between requests: elsewhere it delivers by itself. */
export const GET = createCronHandler({
  job: "deliver",
  secret: async () => (await cronSecret()).value,
  run: async () => (await getCredits()).deliverWebhooks(sendWebhook),
});
