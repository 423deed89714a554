import "server-only";

/** An end that takes longer is worse than an unclean one: every commit is on disk already. */
const closeTimeoutMs = 5_000;

/**
 * Runs `close` once a signal has ended the server. Next.js stops listening, finishes what it has begun and then exits the
 * process, with no event in between; closing the database any earlier would fail the requests that it is finishing.
 */
export function closeOnShutdown(close: () => Promise<void>): void {
  const exit = process.exit.bind(process);
  const onSignal = () => {
    process.exit = ((code) => {
      const timer = setTimeout(() => exit(code), closeTimeoutMs);
      close()
        .catch(() =>
          console.error("[Shutdown] The database did not close cleanly; it recovers at the next start"),
        )
        .finally(() => {
          clearTimeout(timer);
          exit(code);
        });
    }) as typeof process.exit;
  };
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
}
