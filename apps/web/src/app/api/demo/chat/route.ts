import { createHash } from "node:crypto";
import { CreditsError } from "creditkit";
import { z } from "zod";
import { demoService } from "@/app/app/credits/demo-service";
import { isForeign } from "@/auth/origin";
import { getSignedIn } from "@/auth/session";
import { getCreditConsumption } from "@/config/credits";
import { consumeCreditsForService } from "@/credits/actions";
import { failureMessage, unknownFailure } from "@/credits/failure";

const bodyBytesMax = 16 * 1024;

const chatRequest = z.object({
  message: z.string().trim().min(1).max(2_000),
  /** The browser's name for this attempt: sent again, it is charged once. */
  requestId: z
    .string()
    .regex(/^[\w-]{1,128}$/)
    .optional(),
});

/** The metered demo: charges first, answers then. */
export async function POST(request: Request): Promise<Response> {
  try {
    return await chat(request);
  } catch (error) {
    return refuseFailure(error);
  }
}

async function chat(request: Request): Promise<Response> {
  if (isForeign(request)) return refuse(403, "FORBIDDEN_ORIGIN", "This request came from another site.");
  const signedIn = await getSignedIn();
  if (!signedIn) return refuse(401, "UNAUTHORIZED", "Sign in first.");
  const parsed = chatRequest.safeParse(await readJson(request));
  if (!parsed.success) {
    return refuse(400, "INVALID_REQUEST", "Send JSON with a message of 1 to 2,000 characters.");
  }
  const { message, requestId } = parsed.data;

  const spend = await consumeCreditsForService({
    userId: signedIn.userId,
    service: demoService,
    description: "Demo chat message",
    ...(requestId && { idempotencyKey: chargeKey(requestId, message) }),
  });
  const { consumedAmount: charged, newBalance, transactionId } = spend;
  return answer(200, { reply: reply(message), charged, newBalance, transactionId });
}

/** The message is part of the key: one paid request id must not buy answers to other messages. */
function chargeKey(requestId: string, message: string): string {
  const digest = createHash("sha256").update(message).digest("hex");
  return `demo-chat:${requestId}:${digest}`;
}

function refuseFailure(error: unknown): Response {
  if (!CreditsError.is(error)) return refuse(500, "INTERNAL_ERROR", failureMessage(error, "the demo chat"));
  switch (error.code) {
    case "INSUFFICIENT_CREDITS":
      return refuseShort(error.code, error.required, error.available);
    case "USER_BALANCE_NOT_FOUND":
      return refuseShort(error.code, undefined, undefined);
    case "WALLET_FROZEN":
      return refuse(403, error.code, error.message);
    case "CREDITS_DISABLED":
    case "DATABASE_UNAVAILABLE":
      return refuse(503, error.code, "Credits are not available right now. Please try again later.");
    default:
      console.error(`[Demo Chat] ${error.code}: ${error.message}`);
      return refuse(500, "INTERNAL_ERROR", unknownFailure);
  }
}

function refuseShort(code: string, required = getCreditConsumption(demoService), available = 0): Response {
  const missing = required - available;
  const message = `Not enough credits: a message costs ${required}, you have ${available}. You are missing ${missing}.`;
  return answer(402, { error: { code, message, required, available, missing } });
}

function reply(message: string): string {
  const words = message.split(/\s+/).length;
  return `This is a demo without a language model. Your message has ${words} ${words === 1 ? "word" : "words"} and was charged like a real one.`;
}

/** The body as JSON; undefined when it is none, is declared as something else, or is too long to be a message. */
async function readJson(request: Request): Promise<unknown> {
  const isJson = /^application\/json\b/i.test(request.headers.get("content-type") ?? "");
  if (!isJson || Number(request.headers.get("content-length") ?? 0) > bodyBytesMax) return undefined;
  const text = await request.text();
  if (text.length > bodyBytesMax) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuse(status: number, code: string, message: string): Response {
  return answer(status, { error: { code, message } });
}

function answer(status: number, body: object): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store" } });
}
