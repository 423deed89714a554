/*
 * `next` with telemetry off on every platform, in this very process: stopping it stops the server, and its exit code
 * is the server's.
 */
process.env.NEXT_TELEMETRY_DISABLED ??= "1";
await import("next/dist/bin/next");
