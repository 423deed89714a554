import { z } from "zod";

export const reasonLengthMin = 3;
export const reasonLengthMax = 500;

/** Made by the page that shows the form. */
export const formKey = z.uuid("KEY");

/** Why something is done by hand: the user reads it. */
export const reasonOf = z.string().trim().min(reasonLengthMin, "REASON").max(reasonLengthMax, "REASON");
