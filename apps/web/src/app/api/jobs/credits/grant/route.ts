import { createCronHandler } from "creditkit/next";
import { getCredits } from "@/credits/server";
import { cronSecret } from "@/secrets";

export const GET = createCronHandler({
  job: "grant",
  secret: async () => (await cronSecret()).value,
  run: async () => (await getCredits()).processDailyGrant(),
});
