import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { appDirectory } from "./web-server.ts";

/** What the build is made of, from the app's directory. */
const inputs = [
  "src",
  "messages",
  "next.config.ts",
  "package.json",
  "postcss.config.mjs",
  "tsconfig.build.json",
  "tsconfig.json",
  "../../packages/creditkit/dist",
];

/** Builds the app when there is no build, or one that is older than its sources: the tests below run the built app. */
export default function buildWhenStale(): void {
  const buildId = join(appDirectory, ".next", "BUILD_ID");
  const built = existsSync(buildId) ? statSync(buildId).mtimeMs : 0;
  if (inputs.every((input) => newestChange(join(appDirectory, input)) <= built)) return;
  const { status } = spawnSync("npm", ["run", "build"], { cwd: appDirectory, stdio: "inherit", shell: true });
  if (status !== 0) throw new Error("The app does not build");
}

function newestChange(path: string): number {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newestChange(join(path, name))));
}
