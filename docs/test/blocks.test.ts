import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { allPages, docsFolder } from "../.vitepress/pages.ts";
import { blocksOf } from "../scripts/blocks.ts";

/** Which tests run the blocks of a page. Their sources name the page. */
const testsOf: Record<string, string[]> = {
  "../README.md": ["packages/creditkit/test/readme.test.ts", "docs/test/examples.test.ts"],
  "start.md": ["docs/test/start.test.ts", "docs/test/examples.test.ts"],
  "errors.md": ["docs/test/examples.test.ts"],
  "guides/add-to-existing-app.md": ["packages/creditkit/test/init.test.ts", "docs/test/commands.test.ts"],
  "guides/creem.md": ["docs/test/payments.test.ts"],
  "guides/cron.md": ["docs/test/cron.test.ts"],
  "guides/http-api.md": ["docs/test/commands.test.ts", "docs/test/examples.test.ts"],
  "guides/meter-ai.md": ["packages/creditkit/test/guide.test.ts"],
  "guides/migrate.md": ["docs/test/commands.test.ts"],
  "guides/nextjs-from-scratch.md": ["docs/test/from-scratch.test.ts"],
  "guides/observability.md": ["docs/test/examples.test.ts"],
  "guides/postgresql.md": [
    "packages/creditkit/test/role.test.ts",
    "packages/creditkit/test/pgbouncer.test.ts",
  ],
  "guides/react.md": ["apps/web/test/registry.test.ts"],
  "guides/scaling.md": ["docs/test/examples.test.ts"],
  "guides/stripe.md": ["docs/test/payments.test.ts"],
  "guides/teams.md": ["docs/test/examples.test.ts"],
  "guides/testing.md": ["docs/test/examples.test.ts"],
  "guides/upgrading.md": ["docs/test/commands.test.ts"],
  "guides/webhooks.md": ["docs/test/examples.test.ts"],
  "reference/cli.md": ["docs/test/commands.test.ts"],
  "reference/engines.md": ["docs/test/examples.test.ts"],
  "reference/events.md": ["docs/test/examples.test.ts"],
  "reference/routes.md": ["docs/test/cron.test.ts"],
};

/** What no test runs, by a piece of its text, and why. */
const notRun: [page: string, text: string, why: string][] = [
  [
    "../README.md",
    "npm install && npm start",
    "what a clean clone is checked with: .ci/run, and start-up.test.ts",
  ],
  [
    "start.md",
    "npm install creditkit @electric-sql/pglite",
    "the package is not published; install.test.ts packs it",
  ],
  ["start.md", "npm install stripe", "installs"],
  ["start.md", "npm run dev", "waits for ever; the test starts the same server"],
  [
    "guides/add-to-existing-app.md",
    "npm install creditkit",
    "not published; init.test.ts runs `creditkit init`",
  ],
  [
    "guides/nextjs-from-scratch.md",
    "npx create-next-app",
    "not published; the test makes the same app offline",
  ],
  ["guides/cron.md", "systemctl enable", "needs systemd; the test takes the units' names from it"],
  [
    "guides/react.md",
    "registry:build",
    "its paths are the reader's; registry.test.ts runs both commands with its own",
  ],
  ["guides/stripe.md", "npm install stripe", "installs"],
  ["guides/stripe.md", "stripe login", "needs an account and Stripe's command line"],
  ["guides/testing.md", "npm install -D", "installs"],
  ["guides/sizing.md", "bench/sizing.mjs", "a benchmark of four minutes, run by hand"],
  ["reference/engines.md", "citus.sql", "needs a Citus cluster; the page says what was run on one"],
  ["reference/engines.md", "ENGINE=citus", "needs a Citus cluster"],
  [
    "reference/page-weight.md",
    "PAGE_WEIGHT_REPORT",
    "writes the page itself; page-weight.test.ts checks the budget",
  ],
];

const pages = ["../README.md", ...allPages()].filter(
  (page) => !page.startsWith("zh/") && !page.includes("/generated/") && blocksOf(page).length > 0,
);
/** Tests that take a page's blocks one by one; the others take all that name a file, or all there are. */
const named = /blockOf\(\s*\w*(?:"[^"]*")?,\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)')/g;
const sourceOf = (path: string) => readFileSync(join(docsFolder, "..", path), "utf8");

it.each(pages)("the blocks of docs/%s are run by a test, or it is said why not", (page) => {
  const blocks = blocksOf(page).filter(
    ({ code, language }) =>
      // Every SQL block and the concepts are run by concepts.test.ts, whatever page they are added to.
      language !== "sql" &&
      !page.startsWith("concepts/") &&
      !notRun.some(([at, text]) => at === page && code.includes(text)),
  );
  if (blocks.length === 0) return;
  expect(testsOf).toHaveProperty([page]);
  const sources = (testsOf[page] ?? []).map(sourceOf);
  for (const source of sources) expect(source).toContain(page.replace("../", ""));
  if (!sources.every((source) => source.includes("blockOf("))) return;
  const texts = sources.flatMap((source) =>
    [...source.matchAll(named)].map(([, double, single = ""]) =>
      double ? JSON.parse(`"${double}"`) : single,
    ),
  );
  const forgotten = blocks.filter(({ code }) => !texts.some((text) => code.includes(text)));
  expect(forgotten.map(({ page, line }) => `docs/${page}:${line}`)).toEqual([]);
});

it("says of no block that is not there, and of no page, how it is run", () => {
  for (const [page, text] of notRun)
    expect(
      blocksOf(page).filter(({ code }) => code.includes(text)),
      `${page}: ${text}`,
    ).toHaveLength(1);
  expect(Object.keys(testsOf).filter((page) => !pages.includes(page))).toEqual([]);
});
