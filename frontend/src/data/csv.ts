import type { Points } from "./types";

/** What is in a chart, as a table for other programs. */

/** Spreadsheets take a text that begins like this for a formula, and run it. */
const FORMULA = /^[=+\-@\t\r]/;

export function csvCell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export interface CsvColumn {
  name: string;
  points: Points;
}

/** One row a step, one column a curve; empty where a curve has no point or none that is finite. */
export function toCsv(columns: readonly CsvColumn[]): string {
  const steps = [...new Set(columns.flatMap(({ points }) => points.step))].sort((a, b) => a - b);
  const values = columns.map(
    ({ points }) => new Map(points.step.map((step, i) => [step, points.value[i]])),
  );
  const rows = steps.map((step) =>
    [step, ...values.map((value) => value.get(step) ?? "")].join(","),
  );
  const head = ["step", ...columns.map(({ name }) => csvCell(name))].join(",");
  return `${[head, ...rows].join("\r\n")}\r\n`;
}

/** A name that every file system takes. */
export function fileName(subject: string, extension: string): string {
  const plain = subject
    .replace(/[^\p{L}\p{N}.-]+/gu, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, 80);
  return `${plain || "chart"}.${extension}`;
}
