import { suffix } from "./target.mjs";

/** @typedef {import("./target.mjs").Verdict} Verdict */

/**
 * Targets beside results, one line each.
 * @param {{ scenario: string, verdicts: Verdict[] }[]} reports
 */
export function table(reports) {
  const header = ["scenario", "what", "target", "measured", "met"];
  const rows = reports.flatMap(({ scenario, verdicts }) =>
    verdicts.map((verdict, index) => [
      index === 0 ? scenario : "",
      verdict.what,
      verdict.target,
      measuredText(verdict),
      verdict.met === null ? "-" : verdict.met ? "yes" : "NO",
    ]),
  );
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** @param {Verdict} verdict */
function measuredText({ measured, unit, met }) {
  if (measured === null) return met === null ? "no pgbench" : met ? "yes" : "no";
  const digits = Math.abs(measured) >= 100 ? 0 : Math.abs(measured) >= 10 ? 1 : 2;
  const number = measured.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${number}${suffix(unit)}`;
}
