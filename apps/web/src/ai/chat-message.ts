import type { UIMessage } from "ai";
import type { ChatService } from "@/config/models";

/** What the server and the browser know of an answer beside its text. */
export interface AnswerDetails {
  service?: ChatService;
  /** Credits set aside while it is written. */
  held?: number;
  /** Credits it cost; null when the ledger has not said yet. */
  charged?: number | null;
  /** Available credits right after it. */
  newBalance?: number;
  inputTokens?: number;
  outputTokens?: number;
  /** The reader stopped it. */
  isStopped?: boolean;
}

export type ChatMessage = UIMessage<AnswerDetails>;
