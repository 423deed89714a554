import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "docs",
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // A PostgreSQL, the same as the library's tests have.
    globalSetup: ["../packages/creditkit/test/postgres-server.ts"],
    // Builds, servers and compilers: side by side they would only slow each other down.
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
