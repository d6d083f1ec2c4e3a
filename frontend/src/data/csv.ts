import type { Axis } from "./axis";
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
  /** Where they lie on the axis. */
  places: readonly number[];
}

const TIME_NAMES = { relative: "seconds", wall: "wall_time" };

/**
 * One row a step, one column a curve; empty where a curve has no point or none that is finite. On an
 * axis of time another column for each curve has the times, in seconds.
 */
export function toCsv(columns: readonly CsvColumn[], axis: Axis): string {
  const steps = [...new Set(columns.flatMap(({ points }) => points.step))].sort((a, b) => a - b);
  const times = columns.map(({ name, points, places }) => {
    const head = `${name} ${axis === "step" ? "" : TIME_NAMES[axis]}`;
    return { head, step: points.step, cells: places };
  });
  const all = [
    ...columns.map(({ name, points: { step, value } }) => ({ head: name, step, cells: value })),
    ...(axis === "step" ? [] : times),
  ].map(({ head, step, cells }) => ({ head, at: new Map(step.map((s, i) => [s, cells[i]])) }));
  const rows = steps.map((step) => [step, ...all.map(({ at }) => at.get(step) ?? null)]);
  return csvTable(["step", ...all.map(({ head }) => head)], rows);
}

export function csvTable(
  head: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): string {
  const cell = (one: string | number | null) =>
    typeof one === "string" ? csvCell(one) : (one ?? "");
  return [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** A name that every file system takes. */
export function fileName(subject: string, extension: string): string {
  const plain = subject
    .replace(/[^\p{L}\p{N}.-]+/gu, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, 80);
  return `${plain || "chart"}.${extension}`;
}
