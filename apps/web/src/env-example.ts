import { environmentSchema, environmentSections } from "@/env";

/**
 * The text of `.env.example`, from the one schema. Every line is commented out: a variable that is set to nothing is not
 * the same as one that is not set (an empty CRON_SECRET closes the cron routes).
 */
export function environmentExample(): string {
  const lines = [
    "# Copy to .env and uncomment what you need. Made from src/env.ts by: npm run env:example -w web",
  ];
  for (const [section, heading] of Object.entries(environmentSections)) {
    lines.push("", `# ${heading}`);
    for (const [name, variable] of Object.entries(environmentSchema.shape)) {
      const notes = variable.meta();
      if (notes?.section !== section) continue;
      lines.push(`#   ${notes.description}`, `# ${name}=${defaultOf(variable)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function defaultOf(variable: { safeParse: (value: undefined) => { data?: unknown } }): string {
  return String(variable.safeParse(undefined).data ?? "");
}
