import "server-only";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";

/** What a provider adds to each message to say whose it is; most add three or four. */
const tokensPerMessage = 4;

/** Tokens of a text. Another vendor's tokenizer cuts a little differently; a reservation needs no more than this. */
export function tokensOf(text: string): number {
  // A user may well write `<|endoftext|>`; it is text here, not a control token.
  return countTokens(text, { disallowedSpecial: new Set() });
}

export function tokensOfMessages(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + tokensOf(text) + tokensPerMessage, 0);
}
