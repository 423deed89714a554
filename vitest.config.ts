import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["packages/creditkit", "apps/web", "docs"],
    // Two cores. A third file would use what waiting leaves over, and make builds and browsers of the others late.
    maxWorkers: 2,
  },
});
