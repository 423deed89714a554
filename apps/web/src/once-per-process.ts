/**
 * Runs `open` once per process and shares what it resolves to.
 *
 * Next.js bundles pages, routes and instrumentation apart, so a module variable would exist several times and each
 * copy would open the database again; `globalThis` is the one place that they share. A failed attempt is forgotten,
 * so that the next caller tries again.
 */
export function oncePerProcess<Value>(name: string, open: () => Promise<Value>): () => Promise<Value> {
  const key = Symbol.for(`creditkit.web.${name}`);
  const shared = globalThis as { [key]?: Promise<Value> };
  return () => {
    shared[key] ??= open().catch((error: unknown) => {
      delete shared[key];
      throw error;
    });
    return shared[key];
  };
}
