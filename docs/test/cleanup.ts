import { afterAll } from "vitest";

const pending: (() => unknown)[] = [];

// Here, while the file is collected: vitest forgets an `afterAll` that is said while hooks run.
afterAll(async () => {
  for (const cleanUp of pending.reverse()) await cleanUp();
});

/** Does this after the tests of the file; what was said last comes first. */
export function atEnd(cleanUp: () => unknown): void {
  pending.push(cleanUp);
}
