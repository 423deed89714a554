import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      // Outside a server bundle this package throws on import; its own empty half is what Next.js resolves to.
      { find: "server-only", replacement: at("../../node_modules/server-only/empty.js") },
      { find: /^@\//, replacement: at("./src/") },
      // The library's sources, so that a change there is tested without a build.
      { find: /^creditkit$/, replacement: at("../../packages/creditkit/src/index.ts") },
      { find: /^creditkit\/config$/, replacement: at("../../packages/creditkit/src/core/config.ts") },
      {
        find: /^creditkit\/react$/,
        replacement: at("../../packages/creditkit/src/adapters/react.tsx"),
      },
      {
        find: /^creditkit\/(ai|api|drizzle|next|pg|pglite|testing|webhooks)$/,
        replacement: at("../../packages/creditkit/src/adapters/$1.ts"),
      },
    ],
  },
  test: {
    name: "web",
    pool: "forks",
    // `DATABASE_URL` chooses the server of the library's tests: the app's would sign people up in the tester's own.
    env: { DATABASE_URL: "" },
    globalSetup: at("./test/build.ts"),
    testTimeout: 60_000,
    // What a page shows comes when the browser is ready, which on a busy machine is not at once.
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 180_000,
  },
});
