/** What the pages' examples take as given: each is a piece of the reader's own app. */

import type * as ai from "ai";
import type { LanguageModel } from "ai";
import type * as creditkit from "creditkit";
import type { fromPool as FromPool } from "creditkit/pg";
import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import { pgTable, text } from "drizzle-orm/pg-core";
import type { Pool } from "pg";
import type * as vitest from "vitest";

const imagesTable = pgTable("images", { userId: text(), prompt: text() });
type Images = typeof imagesTable;

declare global {
  const credits: creditkit.Credits;
  const database: creditkit.Database;
  const config: creditkit.CreditsConfig;
  const createCredits: typeof creditkit.createCredits;
  const CreditsError: typeof creditkit.CreditsError;
  const fromPool: typeof FromPool;
  const pool: Pool;
  const replicaPool: Pool;
  const db: NodePgDatabase;
  const images: Images;

  const userId: string;
  const organizationId: string;
  const session: { user: { id: string; email: string } };
  const priceId: string;
  const formId: string;
  const successUrl: string;
  const cancelUrl: string;
  const prompt: string;
  const secret: string;
  const body: string;
  const headers: Record<string, string>;

  const requireSession: (request: Request) => Promise<{ userId: string }>;
  const mail: (userId: string, text: string) => Promise<void>;
  const render: (prompt: string) => Promise<{ seconds: number }>;
  const pino: () => creditkit.Logger;
  const stripe: creditkit.PaymentProvider;

  const google: (
    modelId: string,
  ) => Exclude<LanguageModel, string> & Parameters<typeof ai.wrapLanguageModel>[0]["model"];
  const streamText: typeof ai.streamText;
  const wrapLanguageModel: typeof ai.wrapLanguageModel;
  const convertToModelMessages: typeof ai.convertToModelMessages;

  const expect: typeof vitest.expect;
}
