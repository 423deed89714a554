import { createWebhookHandler } from "creditkit/next";
import { applyPaymentEvent, getDemo } from "@/payments/server";

export const POST = createWebhookHandler({ provider: getDemo, apply: applyPaymentEvent });
