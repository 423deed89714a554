"use client";

import { createAuthClient } from "better-auth/client";

/** Sign-in from the browser, against this app's own `/api/auth`. */
export const authClient = createAuthClient();
