import {
  count,
  formatDifference,
  formatDistance,
  formatMetric,
  formatShare,
  isShareMetric,
} from "./format";
import { type Part, plain, strong } from "./parts";
import { dueTarget, finalTarget, firstIndexAbove } from "./schedule";
import { ordered, type Sort as SortBy, sortAfterClick } from "./sorting";
import { isProblem, lastPoint, type RunStatus, reachedInTime, type StatusWords } from "./status";
import { betterOf, isBetter, totalOf } from "./tradeoff";
import type { Points, Run } from "./types";

/** Runs side by side, each held against a baseline. */

/**
 * A curve minus the baseline's, at the curve's steps: the baseline holds each value until its next.
 * A gap in either is one in the difference.
 */
export function differenceTo(points: Points, baseline: Points): Points {
  const value = points.step.map((step, i) => {
    const at = firstIndexAbove(baseline.step, step) - 1;
    const [own, base] = [points.value[i] ?? null, baseline.value[at] ?? null];
    return own === null || base === null ? null : own - base;
  });
  return { step: points.step, value };
}

/** The last finite value, and whether it is the last one at all. */
export interface Last {
  value: number;
  step: number;
  /** After it came values that are not finite. */
  stale: boolean;
}

export function lastOf(points: Points | null | undefined): Last | null {
  const point = points ? lastPoint(points) : null;
  return point && { ...point, stale: points?.value.at(-1) === null };
}

const FIRST = /^val_/;

/** What was measured on data that training doesn't see comes first. */
export function orderMetrics(metrics: readonly string[]): string[] {
  return [...metrics].sort(
    (a, b) => Number(FIRST.test(b)) - Number(FIRST.test(a)) || a.localeCompare(b, "en"),
  );
}

/** What became of a run, in a few words. */
export function statusWords(status: RunStatus): StatusWords {
  const { phase, off, plan, measured } = status;
  const said = (text: string, trouble = false) => ({ text, trouble });
  const [broken] = status.broken;
  if (broken) return said(`${broken.metric} not finite`, true);
  switch (phase) {
    case "loading":
      return said("…");
    case "nothing-logged":
      return said("nothing logged yet");
    case "no-schedule":
      return said("no schedule in its log");
    case "nothing-scheduled":
      return said("not pruned");
    case "not-begun":
      return said("pruning not begun");
    case "never-begins":
      return said("pruning never begins", true);
    case "ended-short":
      return said("ended before its schedule", true);
    default: {
      if (off.length > 0) return said(`${count(off.length, "weight")} off schedule`, true);
      if (status.revived.length > 0) return said("weights revived", true);
      if (reachedInTime(status) !== null) return said("will end before its schedule", true);
      if (status.dead.some(({ configured }) => !configured)) return said("nearly dead", true);
      if (isProblem(status)) return said("off schedule", true);
      if (phase === "done") return said("done");
      const final = plan && measured !== null ? `, to ${formatShare(finalTarget(plan))}` : "";
      return said(`on schedule${final}`);
    }
  }
}

export interface CompareRow {
  run: Run;
  sparsity: number | null;
  target: number | null;
  metrics: Record<string, Last | null>;
  step: number | null;
  status: StatusWords;
  /** Nothing of it is on its way. */
  arrived: boolean;
}

export function compareRow(
  run: Run,
  status: RunStatus,
  metrics: readonly string[],
  latest: (metric: string) => Points | null | undefined,
): CompareRow {
  const due = status.plan && status.step !== null ? dueTarget(status.plan, status.step) : null;
  return {
    run,
    sparsity: status.measured ?? (totalOf(run) === "zero" ? 0 : null),
    target: due?.value ?? null,
    metrics: Object.fromEntries(metrics.map((name) => [name, lastOf(latest(name))])),
    step: run.last_step,
    status: statusWords(status),
    arrived:
      status.phase !== "loading" &&
      (run.tags.metrics ?? []).every((name) => latest(name) !== undefined),
  };
}

/** A column by what it shows; metrics are told by their names. */
export type Column = "run" | "sparsity" | "target" | "step" | "status" | `metric:${string}`;

export type Sort = SortBy<Column>;

export function nextSort(sort: Sort | null, column: Column): Sort | null {
  return sortAfterClick(sort, column, column === "run" || column === "status");
}

function valueIn(row: CompareRow, column: Column): number | string | null {
  switch (column) {
    case "run":
      return row.run.name;
    case "status":
      return row.status.text;
    case "sparsity":
    case "target":
    case "step":
      return row[column];
    default:
      return row.metrics[column.slice("metric:".length)]?.value ?? null;
  }
}

/** Rows in order; without a sort: the baseline first. */
export function sortRows(
  rows: readonly CompareRow[],
  sort: Sort | null,
  baseline: string | null,
): CompareRow[] {
  if (!sort) {
    const first = rows.filter(({ run }) => run.run === baseline);
    return [...first, ...rows.filter(({ run }) => run.run !== baseline)];
  }
  return ordered(rows, (row) => valueIn(row, sort.column), sort.down);
}

export interface WeightDifference {
  run: string;
  weight: string;
  value: number;
  base: number;
  difference: number;
}

/** Differences below this read as nil. */
const NIL = 5e-4;

/** How far the weights' last sparsities are from the baseline's, the furthest first. */
export function weightDifferences(
  runs: readonly Run[],
  baseline: Run,
  lastSparsity: (run: Run, weight: string) => number | null,
): { differing: WeightDifference[]; same: number; missing: number } {
  const known = new Set(baseline.tags.sparsity ?? []);
  const differing: WeightDifference[] = [];
  let [same, missing] = [0, 0];
  for (const run of runs) {
    if (run.run === baseline.run) continue;
    for (const weight of run.tags.sparsity ?? []) {
      if (!known.has(weight)) {
        missing++;
        continue;
      }
      const [value, base] = [lastSparsity(run, weight), lastSparsity(baseline, weight)];
      if (value === null || base === null) continue;
      const difference = value - base;
      if (Math.abs(difference) < NIL) same++;
      else differing.push({ run: run.run, weight, value, base, difference });
    }
  }
  differing.sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference));
  return { differing, same, missing };
}

/** One run against the baseline, in words: "12.5 points sparser, val_accuracy 98.87 % (−0.02)". */
export function againstBaseline(row: CompareRow, base: CompareRow, metric: string | null): Part[] {
  const parts: Part[] = [];
  if (!row.arrived || !base.arrived) return [plain("reading the log…")];
  if (row.sparsity !== null && base.sparsity !== null) {
    const difference = row.sparsity - base.sparsity;
    const far = strong(`${formatDistance(difference)} points`);
    if (Math.abs(difference) < NIL) parts.push(plain("as sparse"));
    else parts.push(far, plain(difference > 0 ? " sparser" : " denser"));
  }
  const [own, other] = metric ? [row.metrics[metric], base.metrics[metric]] : [];
  if (metric && own && other) {
    const difference = own.value - other.value;
    if (parts.length > 0) parts.push(plain(", and "));
    parts.push(plain(`${metric} `));
    if (difference === 0) parts.push(plain("the same"));
    else {
      const word = isBetter(own.value, other.value, betterOf(metric)) ? "better" : "worse";
      parts.push(plain(`${word} by `), strong(unsigned(metric, difference)));
    }
    parts.push(plain(` (${formatMetric(metric, own.value)})`));
  }
  return parts.length > 0 ? [...parts, plain(".")] : [plain("nothing to compare is logged yet.")];
}

function unsigned(metric: string, difference: number): string {
  const text = formatDifference(metric, Math.abs(difference)).replace("+", "");
  return isShareMetric(metric) ? `${text} points` : text;
}
