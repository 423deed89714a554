import "server-only";

/** Starts the app, or says on one screen why it cannot and ends the process, so that no half-working server stays up. */
export async function startOrExit(): Promise<void> {
  try {
    // Imported here: a wrong configuration throws at import.
    const { startUp } = await import("@/start-up");
    await startUp();
  } catch (error) {
    console.error(`[Start] The app cannot start: ${describeStartFailure(error)}`);
    process.exit(1);
  }
}

/** For the operator: every message on the way to the cause but the one that holds SQL. */
function describeStartFailure(error: unknown): string {
  const messages: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof AggregateError) messages.push(...cause.errors.map(describeStartFailure));
    else if (!cause.message.startsWith("Failed query:")) messages.push(cause.message);
  }
  return messages.join(": ") || "for no stated reason";
}
