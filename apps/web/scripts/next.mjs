/*
 * `next` with telemetry off on every platform, in this very process: stopping it stops the server, and its exit code
 * is the server's.
 */
process.env.NEXT_TELEMETRY_DISABLED ??= "1";
// `npm start` at the root is a trial: whatever it can do without a key, it does, and says so.
if (process.argv.includes("--trial")) {
  process.argv.splice(process.argv.indexOf("--trial"), 1);
  process.env.PAYMENTS_DEMO ??= "allow";
}
await import("next/dist/bin/next");
