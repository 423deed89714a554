import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The directory of this app: where its migrations lie and where a relative `DATA_DIR` starts. Bundled code does not
 * know where it was built from, and the server may be started in the app or at the root of the repository.
 *
 * @throws Error when the process was started outside the repository
 */
export function appDirectory(start = process.cwd()): string {
  for (let directory = start; ; directory = dirname(directory)) {
    const found = [directory, join(directory, "apps", "web")].find(isApp);
    if (found) return found;
    if (directory === dirname(directory)) {
      throw new Error(
        "Start the app from the repository or from apps/web: its drizzle/ folder was not found",
      );
    }
  }
}

function isApp(directory: string): boolean {
  return existsSync(join(/* turbopackIgnore: true */ directory, "drizzle", "meta", "_journal.json"));
}
