import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const programs = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));

export interface Answer {
  code: number;
  out: string;
  error: string;
}

/** Runs commands of a page with `sh`, as a reader does who has installed what the page says. */
export function shell(
  commands: string,
  { cwd, environment = {} }: { cwd: string; environment?: Record<string, string> },
): Promise<Answer> {
  const { PATH, HOME = "" } = process.env;
  const env = { PATH: `${programs}:${PATH}`, HOME, NO_COLOR: "1", ...environment };
  return new Promise((resolve) => {
    execFile("sh", ["-ec", commands], { cwd, env }, (failure, out, error) => {
      resolve({ code: failure === null ? 0 : Number(failure.code ?? 1), out, error });
    });
  });
}
