import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "creditkit",
    include: ["test/**/*.test.{ts,tsx}"],
    globalSetup: ["test/postgres-server.ts"],
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
