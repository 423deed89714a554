import { z } from "zod";

export const reasonLengthMin = 3;
export const reasonLengthMax = 500;

/** As the ledger has it (rule 3). */
const validityDaysMax = 36_500;

/** Made by the page that shows the form. */
export const formKey = z.uuid("KEY");

/** Why something is done by hand: the user reads it. */
export const reasonOf = z.string().trim().min(reasonLengthMin, "REASON").max(reasonLengthMax, "REASON");

/** Credits. How fine and how many the ledger says. */
export const amountOf = z
  .string()
  .trim()
  .regex(/^\d{1,10}(\.\d{1,6})?$/, "AMOUNT")
  .transform(Number);

/** Of a grant; empty: it never expires. */
export const validityOf = z
  .string()
  .trim()
  .regex(/^([1-9]\d{0,4})?$/, "VALIDITY")
  .transform((text) => (text === "" ? undefined : Number(text)))
  .refine((days) => days === undefined || days <= validityDaysMax, "VALIDITY");
