import { formatMetric, formatNumber, formatShare, isShareMetric } from "./format";
import { type Part, plain, strong } from "./parts";
import type { Curve, Sensitivity } from "./reports";
import { bandWidth, type Tolerance } from "./tradeoff";
import { distance, toleranceText } from "./tradeoff-sentences";

/** What pruning each weight alone costs the metric; `SensitivityReport` says the same in Python. */

/** What a report is looked at with. */
export interface Question {
  metric: string;
  tolerance: Tolerance;
}

export interface SensitivityRow {
  curve: Curve;
  values: (number | null)[];
  /** Which of its points is the last that is within the tolerance, as are all before it; or -1. */
  last: number;
  /** The highest sparsity that the weight takes alone; 0 where none is within the tolerance. */
  suggested: number;
  /** Which of its points is the worst; one that isn't finite is worse than all. */
  worst: number;
  fragility: number;
}

/** How much worse than the baseline each value is. */
function costsOf(values: readonly (number | null)[], baseline: number, lower: boolean): number[] {
  const sign = lower ? -1 : 1;
  return values.map((value) => sign * (baseline - (value ?? Number.NaN)));
}

export function patternsOf({ curves }: Sensitivity): string[] {
  return [...new Set(curves.map(({ pattern }) => pattern))];
}

/** Names without the layers that all of them begin or end with. */
export function shortNames(names: readonly string[]): string[] {
  const paths = names.map((name) => name.split("/"));
  const [first] = paths;
  if (!first || paths.length === 1) return [...names];
  const least = Math.min(...paths.map(({ length }) => length)) - 1;
  const isCommon = (i: number) => paths.every((path) => path.at(i) === first.at(i));
  let [begin, end] = [0, 0];
  while (begin < least && isCommon(begin)) begin++;
  while (begin + end < least && isCommon(-1 - end)) end++;
  return paths.map((path) => path.slice(begin, path.length - end).join("/"));
}

/** 0.4 - 0.3 is more than 0.1; Python's `suggest` has the same. */
const ROUNDING = 1e-9;

/** How far from the baseline a metric may be, in its own unit. */
export function widthOf({ baseline }: Sensitivity, { metric, tolerance }: Question): number {
  return bandWidth(baseline.get(metric) ?? 0, tolerance);
}

/** The curves of a pattern, the most fragile first. */
export function sensitivityRows(
  report: Sensitivity,
  question: Question,
  pattern: string | null,
): SensitivityRow[] {
  const { metric } = question;
  const baseline = report.baseline.get(metric) ?? Number.NaN;
  const width = widthOf(report, question);
  const rows = report.curves
    .filter((curve) => pattern === null || curve.pattern === pattern)
    .map((curve): SensitivityRow => {
      const values = curve.metrics.get(metric) ?? curve.target.map(() => null);
      const costs = costsOf(values, baseline, report.lower.has(metric));
      const beyond = costs.findIndex((cost) => !(cost <= width + ROUNDING));
      const last = (beyond < 0 ? costs.length : beyond) - 1;
      const finite = costs.map((cost) => (Number.isFinite(cost) ? cost : Number.POSITIVE_INFINITY));
      return {
        curve,
        values,
        last,
        suggested: curve.target[last] ?? 0,
        worst: finite.indexOf(Math.max(...finite)),
        fragility: finite.reduce((sum, cost) => sum + cost, 0) / finite.length,
      };
    });
  return rows.sort((a, b) => (a.fragility === b.fragility ? 0 : b.fragility - a.fragility));
}

/** The share of these weights' entries that could go, if each suffered alone. */
export function togetherOf(rows: readonly SensitivityRow[]): number {
  const size = rows.reduce((sum, { curve }) => sum + curve.size, 0);
  const gone = rows.reduce((sum, { curve, suggested }) => sum + curve.size * suggested, 0);
  return size > 0 ? gone / size : 0;
}

/** A layer with several weights gets the lowest suggestion among them; one without any isn't there. */
export function layerTargets(rows: readonly SensitivityRow[]): Map<string, number> {
  const targets = new Map<string, number>();
  for (const { curve, suggested } of rows) {
    targets.set(curve.layer, Math.min(suggested, targets.get(curve.layer) ?? 1));
  }
  return new Map([...targets].filter(([, target]) => target > 0));
}

/** What the report says, in words. Parts are joined without further spaces. */
export function sensitivitySentence(
  report: Sensitivity,
  rows: readonly SensitivityRow[],
  question: Question,
): Part[] {
  const { metric, tolerance } = question;
  const [first] = rows;
  const baseline = report.baseline.get(metric) ?? null;
  if (!first) return [plain("The report holds no weight.")];
  if (baseline === null) return [plain(`${metric} isn\u2019t finite for the model as it was.`)];
  const within = toleranceText(tolerance);
  const ends = rows.map(({ curve }) => curve.target.at(-1) ?? 0);
  const share = togetherOf(rows);
  const together = [
    plain(`At a tolerance of ${within}, `),
    ...(share > 0
      ? [
          plain("together "),
          strong(formatShare(share)),
          plain(
            ` of ${rows.length === 1 ? "it" : "the weights"} could go, if each suffered alone.`,
          ),
        ]
      : [plain("nothing that was tried could go.")]),
  ];
  if (rows.every(({ suggested }, i) => suggested === ends[i])) {
    return [
      plain(rows.length === 1 ? "It takes" : "No weight is fragile: each takes"),
      plain(` all that was tried, up to ${formatShare(Math.max(...ends))}. `),
      ...together,
    ];
  }
  return [strong(first.curve.weight), ...fragileParts(first, baseline, metric), ...together];
}

function fragileParts(row: SensitivityRow, baseline: number, metric: string): Part[] {
  const { curve, values, last, suggested, worst } = row;
  const at = (i: number) => formatShare(curve.target[i] ?? 0);
  const value = values[worst] ?? null;
  const there =
    value === null
      ? [plain(`${metric} isn\u2019t finite`)]
      : [
          plain(`${metric} is `),
          strong(formatMetric(metric, value)),
          plain(`, ${distance(metric, value, baseline)} ${value < baseline ? "below" : "above"}`),
        ];
  const until =
    last < 0
      ? [strong(at(0)), plain(" sparsity is too much for it")]
      : [plain("alone it takes "), strong(formatShare(suggested)), plain(" sparsity")];
  return [
    plain(" is the most fragile: "),
    ...until,
    plain(`; at ${at(worst)} `),
    ...there,
    plain(". "),
  ];
}

/** The suggestions as Python: schedules by layer, for `prune_low_magnitude`. */
export function pythonOf(rows: readonly SensitivityRow[], { metric, tolerance }: Question): string {
  const { amount, unit } = tolerance;
  const within = isShareMetric(metric)
    ? toleranceText(tolerance)
    : `${formatNumber(amount)} ${unit === "percent" ? "%" : ""}`;
  const lines = [...layerTargets(rows)].map(
    ([layer, target]) => `    ${pythonText(layer)}: ${target},`,
  );
  return [
    `# Each alone keeps ${pythonText(metric)} within ${within}.`,
    "sparsity = {",
    ...lines,
    "}",
    "",
  ].join("\n");
}

/** A string literal; what can't be seen, or turns the direction of writing, is escaped. */
export function pythonText(text: string): string {
  return JSON.stringify(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
}
