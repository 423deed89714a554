import { config } from "zod/v4/core";

/*
 * Imported before the AI SDK: its schemas would try whether they may compile themselves. The content security policy says no, and reports
 * each try as a violation.
 */
config({ jitless: true });
