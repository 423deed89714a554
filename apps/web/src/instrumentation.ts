/** Called once by Next.js before the server answers its first request. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === "nodejs" && process.env.NEXT_PHASE !== "phase-production-build") {
    const { watchClientAddresses } = await import("@/security/client-address");
    const { startOrExit } = await import("@/start-or-exit");
    await startOrExit();
    watchClientAddresses();
  }
}
