import { formatDistance, formatStep } from "./format";
import { readingAt } from "./readout";
import { beginOf, type DueTarget, finalTarget, type Plan, weightPlan } from "./schedule";
import { ordered, type Sort as SortBy, sortAfterClick } from "./sorting";
import { lastPoint, type StatusWords } from "./status";
import { NEARLY_DEAD } from "./troubles";
import type { Pattern, Points, Run } from "./types";

/** The table of layers: one row a weight of one run. */

export interface LayerRow {
  weight: string;
  layerClass: string | null;
  shape: string | null;
  size: number | null;
  pattern: string | null;
  plan: Plan | null;
  target: number | null;
  measured: number | null;
  difference: number | null;
  threshold: number | null;
  churn: number | null;
  /** The step of the last mask update that was due. */
  update: number | null;
  status: StatusWords;
}

/** The last values that are known of a weight; undefined: on their way. */
export interface Latest {
  sparsity: Points | null | undefined;
  threshold: Points | null | undefined;
  churn: Points | null | undefined;
}

export function layerRow(run: Run, name: string, latest: Latest): LayerRow {
  const weight = run.manifest?.weights.find((w) => w.name === name);
  const plan = weightPlan(run.manifest, name);
  const reading = readingAt(latest.sparsity, plan, null);
  const value = (points: Points | null | undefined) => (points && lastPoint(points)?.value) ?? null;
  return {
    weight: name,
    layerClass: weight?.layer_class || null,
    shape: weight?.shape?.length ? weight.shape.join("\u2009×\u2009") : null,
    size: weight?.size ?? null,
    pattern: weight?.pattern ? patternText(weight.pattern) : null,
    plan,
    target: reading.due?.value ?? null,
    measured: reading.point?.value ?? null,
    difference: reading.difference,
    threshold: value(latest.threshold),
    churn: value(latest.churn),
    update: reading.due?.step ?? null,
    status: statusOfWeight(latest.sparsity, plan, reading),
  };
}

function statusOfWeight(
  points: Points | null | undefined,
  plan: Plan | null,
  { point, due, difference, off }: ReturnType<typeof readingAt>,
): StatusWords {
  const fine = (text: string) => ({ text, trouble: false });
  if (points === undefined) return fine("…");
  if (!point) return fine("not logged");
  if (point.value > NEARLY_DEAD) return { text: "nearly dead", trouble: true };
  if (!plan) return fine("not pruned");
  if (off && difference !== null) {
    const where = difference < 0 ? "below" : "above";
    return { text: `${formatDistance(difference)} points ${where}`, trouble: true };
  }
  if (!due) return fine(`begins at ${formatStep(beginOf(plan))}`);
  return fine(isFinal(plan, due) ? "done" : "on schedule");
}

function isFinal(plan: Plan, due: DueTarget): boolean {
  return Math.abs(due.value - finalTarget(plan)) <= 1e-6;
}

export function patternText(pattern: Pattern): string {
  switch (pattern.type) {
    case "block":
      return `block ${pattern.height}×${pattern.width}`;
    case "n_m":
      return `${pattern.n}:${pattern.m}`;
    case "channel":
      return "channels";
    default:
      return "weights";
  }
}

export const COLUMNS = [
  "weight",
  "layerClass",
  "shape",
  "size",
  "pattern",
  "target",
  "measured",
  "difference",
  "threshold",
  "churn",
  "update",
  "status",
] as const;
export type Column = (typeof COLUMNS)[number];

export type Sort = SortBy<Column>;

export function parseSort(text: string | null): Sort | null {
  const down = text?.startsWith("-") ?? false;
  const column = COLUMNS.find((name) => name === text?.slice(down ? 1 : 0));
  return column ? { column, down } : null;
}

/** What a click on a column's head leads to, as `parseSort` reads it. */
export function nextSort(text: string | null, column: Column): string | null {
  const next = sortAfterClick(parseSort(text), column, isText(column));
  return next && `${next.down ? "-" : ""}${next.column}`;
}

function isText(column: Column): boolean {
  return ["weight", "layerClass", "shape", "pattern", "status"].includes(column);
}

/** Rows in order; without a sort: problems first. */
export function sortRows(rows: readonly LayerRow[], sort: Sort | null): LayerRow[] {
  if (!sort)
    return [...rows.filter((r) => r.status.trouble), ...rows.filter((r) => !r.status.trouble)];
  return ordered(rows, (row) => valueIn(row, sort.column), sort.down);
}

function valueIn(row: LayerRow, column: Column): number | string | null {
  switch (column) {
    case "status":
      return row.status.text;
    case "shape":
      return row.size;
    case "difference":
      // Differences count whichever way they go.
      return row.difference === null ? null : Math.abs(row.difference);
    default:
      return row[column];
  }
}

/** Sums over rows: parameters, and the size-weighted sparsity of those that are measured. */
export function totals(rows: readonly LayerRow[]): {
  size: number;
  zeros: number | null;
  target: number | null;
} {
  let [size, measured, zeros, planned, wanted] = [0, 0, 0, 0, 0];
  for (const row of rows) {
    if (row.size === null) continue;
    size += row.size;
    if (row.measured !== null) {
      measured += row.size;
      zeros += row.size * row.measured;
    }
    if (row.target !== null) {
      planned += row.size;
      wanted += row.size * row.target;
    }
  }
  return {
    size,
    zeros: measured > 0 ? zeros / measured : null,
    target: planned > 0 ? wanted / planned : null,
  };
}
