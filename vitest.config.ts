import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["packages/creditkit", "apps/web", "docs"],
    // One more than the two cores of CI: a quarter of the time a file waits for a server, a disk or a browser.
    maxWorkers: 3,
  },
});
