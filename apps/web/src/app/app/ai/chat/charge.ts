import type { Charge } from "@/ai/operation";

/** The server hears of a stop a moment after the browser, and settles a moment later. */
const tries = 12;
const pauseMs = 250;
/** A message whose hold was never made stays unknown; this many answers of that kind are believed. */
const unknownTries = 4;

/** What a message cost whose answer was stopped or broke off; null when the server cannot say yet. */
export async function askCharge(messageId: string): Promise<Charge | null> {
  for (let attempt = 1; attempt <= tries; attempt++) {
    const charge = await ask(messageId);
    if (charge?.state === "ended" || (charge?.state === "unknown" && attempt >= unknownTries)) return charge;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return null;
}

async function ask(messageId: string): Promise<Charge | null> {
  try {
    const response = await fetch(`/api/ai/charge?message=${encodeURIComponent(messageId)}`);
    return response.ok ? ((await response.json()) as Charge) : null;
  } catch {
    return null;
  }
}
