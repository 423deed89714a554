import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["packages/creditkit", "apps/web", "docs"],
    // Two cores: files of heavy suites side by side only take turns.
    maxWorkers: 2,
  },
});
