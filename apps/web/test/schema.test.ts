import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { generateDrizzleJson, generateMigration } from "drizzle-kit/api";
import { expect, test } from "vitest";
import * as schema from "@/database/schema";
import { appDirectory } from "./web-server.ts";

test("the committed migrations make the schema of the app (mend with: npm run database:generate -w web)", async () => {
  const directory = join(appDirectory, "drizzle", "meta");
  const latest = readdirSync(directory)
    .filter((name) => name.endsWith("_snapshot.json"))
    .sort()
    .at(-1);
  const snapshot = JSON.parse(readFileSync(join(directory, latest ?? ""), "utf8"));
  expect(await generateMigration(snapshot, generateDrizzleJson(schema))).toEqual([]);
});
