import { TAG_PREFIXES, TOTAL_TAGS } from "../names";
import { isShareMetric } from "./format";
import { isScheduled } from "./schedule";
import type { Points, Run } from "./types";

/** What sparsity cost: a metric over the sparsity that the model had at the same step. */

export type Better = "higher" | "lower";

const LOWER =
  /loss|error|perplexity|entropy|divergence|deviation|hinge|poisson|cosh|false_(posi|nega)tives/;
/** Too short to be looked for inside other words. */
const LOWER_WORDS = /(^|[^a-z])(mse|mae|mape|msle|rmse|kld|nll|ppl|err|cost|wer|cer|fid)($|[^a-z])/;

export function betterOf(metric: string): Better {
  const name = metric.toLowerCase();
  return LOWER.test(name) || LOWER_WORDS.test(name) ? "lower" : "higher";
}

export function isBetter(a: number, b: number, better: Better): boolean {
  return better === "higher" ? a > b : a < b;
}

/** Whether a run's total sparsity is in its log. A run that prunes nothing logs none: it is zero. */
export function totalOf(run: Run): "logged" | "zero" | "unknown" {
  const name = TOTAL_TAGS.pruned.slice(TAG_PREFIXES.sparsity_total.length);
  if (run.tags.sparsity_total?.includes(name)) return "logged";
  const dense = run.manifest ? !isScheduled(run.manifest) : !run.tags.sparsity?.length;
  return dense ? "zero" : "unknown";
}

/** One value of the metric, and the sparsity at its step. */
export interface Sample {
  step: number;
  sparsity: number;
  value: number;
  /** A value that isn't finite lies between this one and the one before. */
  gap: boolean;
}

export interface Trail {
  run: string;
  samples: Sample[];
  /** The last value of the metric; null if that isn't finite, or nothing is joined. */
  final: Sample | null;
}

/** Every finite value of the metric with the last sparsity at or before its step; null: always 0. */
export function join(run: string, metric: Points, sparsity: Points | null): Trail {
  const samples: Sample[] = [];
  let next = 0;
  let current: number | null = sparsity ? null : 0;
  let gap = false;
  metric.step.forEach((step, i) => {
    while (sparsity && next < sparsity.step.length && (sparsity.step[next] as number) <= step) {
      current = sparsity.value[next] ?? current;
      next++;
    }
    const value = metric.value[i] ?? null;
    if (value === null) gap = true;
    else if (current !== null) {
      samples.push({ step, sparsity: current, value, gap: gap && samples.length > 0 });
      gap = false;
    }
  });
  return { run, samples, final: gap ? null : (samples.at(-1) ?? null) };
}

/** Tolerance */

export interface Tolerance {
  amount: number;
  /** Points of a share, or percent of the best. */
  unit: "points" | "percent";
}

const DEFAULT_AMOUNTS = { points: 0.5, percent: 5 };

/** What the user typed, or what stands in its place where that is no number. */
export function toleranceOf(metric: string, typed: string | null): Tolerance {
  const unit = isShareMetric(metric) ? "points" : "percent";
  const amount = typed?.trim() ? Number(typed) : Number.NaN;
  const valid = Number.isFinite(amount) && amount >= 0;
  return { amount: valid ? amount : DEFAULT_AMOUNTS[unit], unit };
}

/** How far below (or above) its best a value may be. */
export function bandWidth(best: number, { amount, unit }: Tolerance): number {
  return ((unit === "points" ? 1 : Math.abs(best)) * amount) / 100;
}

export interface Verdict {
  best: Sample;
  /** The last one within the band. */
  last: Sample;
  /** The one after it, where the metric left the band for good; null if it did not. */
  left: Sample | null;
  /** Between its best and `last` it was outside of the band for a while. */
  dipped: boolean;
  end: Sample;
}

/** Null where nothing is joined. */
export function judge({ samples }: Trail, better: Better, tolerance: Tolerance): Verdict | null {
  const [first] = samples;
  const end = samples.at(-1);
  if (!first || !end) return null;
  const best = samples.reduce((a, b) => (isBetter(b.value, a.value, better) ? b : a), first);
  // Values are float32: one at exactly the tolerance must not tip over by rounding.
  const width = bandWidth(best.value, tolerance) + 1e-6 * Math.abs(best.value);
  const within = ({ value }: Sample) => Math.abs(value - best.value) <= width;
  const last = samples.findLastIndex(within);
  const since = samples.slice(samples.indexOf(best), last + 1);
  return {
    best,
    last: samples[last] as Sample,
    left: samples[last + 1] ?? null,
    dipped: !since.every(within),
    end,
  };
}

/** Envelope */

export interface Corner {
  run: string;
  sample: Sample;
}

/**
 * The best value reached at a sparsity or higher, as the corners of a staircase: each holds from
 * the sparsity of the corner before it up to its own.
 */
export function envelope(trails: readonly Trail[], better: Better): Corner[] {
  const all = trails.flatMap(({ run, samples }) => samples.map((sample) => ({ run, sample })));
  all.sort((a, b) => {
    const sparser = b.sample.sparsity - a.sample.sparsity;
    const higher = b.sample.value - a.sample.value;
    return sparser || (better === "higher" ? higher : -higher);
  });
  const corners: Corner[] = [];
  for (const corner of all) {
    const before = corners.at(-1);
    if (!before || isBetter(corner.sample.value, before.sample.value, better)) corners.push(corner);
  }
  return corners.reverse();
}

export function bestFrom(corners: readonly Corner[], sparsity: number): Corner | null {
  return corners.find((corner) => corner.sample.sparsity >= sparsity) ?? null;
}

/** Pareto front */

/** Sparsities that read the same are the same: a ten-millionth more is no merit. */
export const SAME_SPARSITY = 5e-4;

export interface Final {
  run: string;
  sparsity: number;
  value: number;
}

export function finalsOf(trails: readonly Trail[]): Final[] {
  return trails.flatMap(({ run, final }) =>
    final ? [{ run, sparsity: final.sparsity, value: final.value }] : [],
  );
}

function beats(a: Final, b: Final, better: Better): boolean {
  if (isBetter(a.value, b.value, better)) return a.sparsity >= b.sparsity - SAME_SPARSITY;
  return a.value === b.value && a.sparsity > b.sparsity + SAME_SPARSITY;
}

/** The run that is better than this one without being less sparse, the best of them; or null. */
export function beatenBy(one: Final, finals: readonly Final[], better: Better): Final | null {
  const stronger = finals.filter((other) => beats(other, one, better));
  if (stronger.length === 0) return null;
  return stronger.reduce((a, b) => (isBetter(b.value, a.value, better) ? b : a));
}

export function paretoFront(finals: readonly Final[], better: Better): Set<string> {
  return new Set(finals.filter((one) => !beatenBy(one, finals, better)).map(({ run }) => run));
}

/** Ranges of the axes */

/** A chart may be so much higher than what matters in it before the rest is cut off. */
const ROOM = 3;
const MARGIN = 0.5;

/**
 * The values to show: all of them, unless a few (a start from scratch, a collapse that healed)
 * would press those flat that the question is about.
 */
export function valueRange(
  trails: readonly Trail[],
  corners: readonly Corner[],
  verdicts: readonly (Verdict | null)[],
  tolerance: Tolerance,
): { all: [number, number]; focus: [number, number] } | null {
  const values = trails.flatMap(({ samples }) => samples.map(({ value }) => value));
  if (values.length === 0) return null;
  const all = extent(values);
  const matter = [
    ...corners.map(({ sample }) => sample.value),
    ...trails.flatMap(({ final }) => final?.value ?? []),
    ...verdicts.flatMap((verdict) => (verdict ? [verdict.last.value, verdict.best.value] : [])),
  ];
  const [low, high] = extent(matter);
  const width = Math.max(
    high - low,
    ...verdicts.map((verdict) => (verdict ? bandWidth(verdict.best.value, tolerance) : 0)),
  );
  if (all[1] - all[0] <= ROOM * width || width === 0) return { all, focus: all };
  const focus: [number, number] = [
    Math.max(all[0], low - MARGIN * width),
    Math.min(all[1], high + MARGIN * width),
  ];
  return { all, focus };
}

/** The lowest and the highest. */
export function extent(values: readonly number[]): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
