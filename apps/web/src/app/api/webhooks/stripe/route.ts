import { createWebhookHandler } from "creditkit/next";
import { applyPaymentEvent, getStripe } from "@/payments/server";

export const POST = createWebhookHandler({ provider: getStripe, apply: applyPaymentEvent });
