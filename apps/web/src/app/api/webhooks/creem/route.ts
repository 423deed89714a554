import { createWebhookHandler } from "creditkit/next";
import { applyPaymentEvent, getCreem } from "@/payments/server";

export const POST = createWebhookHandler({ provider: getCreem, apply: applyPaymentEvent });
