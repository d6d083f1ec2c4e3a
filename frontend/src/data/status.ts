import {
  beginOf,
  dueTarget,
  endOf,
  finalTarget,
  firstIndexAbove,
  type Plan,
  scheduleOf,
  totalPlan,
  weightPlan,
} from "./schedule";
import type { Points, Run } from "./types";

/** A weight that is not where its schedule wants it. */
export interface Deviation {
  weight: string;
  layer: string;
  /** Measured minus due target: negative is too dense. */
  difference: number;
  /** The first step of the deviation that lasts until now; null while its history is unknown. */
  since: number | null;
}

export type Phase =
  /** Nothing measured has arrived yet. */
  | "loading"
  /** All has arrived, and there is no point in it. */
  | "nothing-logged"
  | "no-schedule"
  | "nothing-scheduled"
  | "not-begun"
  | "never-begins"
  | "going"
  | "ended-short"
  | "done";

export interface RunStatus {
  phase: Phase;
  step: number | null;
  measured: number | null;
  plan: Plan | null;
  totalSteps: number | null;
  /** Pruned layers whose sparsity was compared; null until all of it has arrived. */
  layers: number | null;
  off: Deviation[];
  /** Lowest and highest sparsity of any weight, for logs without a total. */
  range: [number, number] | null;
  weights: number;
}

/** In a few words; `trouble` says whether the words are set as a problem. */
export interface StatusWords {
  text: string;
  trouble: boolean;
}

/** Nothing written for so long, and a training is taken to have ended. */
const LIVE_SECONDS = 90;

/** Whether a run's training still goes on, as far as its log tells; `now` in seconds since 1970. */
export function isLive({ last_step, last_wall_time, manifest }: Run, now: number): boolean {
  const total = manifest?.total_steps ?? null;
  if (total !== null && (last_step ?? 0) >= total) return false;
  return last_wall_time !== null && Math.abs(now - last_wall_time) < LIVE_SECONDS;
}

/** What is known of a run; undefined: not arrived yet, null: not in the log. */
export interface Known {
  total: Points | null | undefined;
  latest: (weight: string) => Points | null | undefined;
  history: (weight: string) => Points | null | undefined;
}

export interface Point {
  step: number;
  value: number;
}

/** The last point that has a value, at or before a step. */
export function lastPoint(points: Points, atOrBefore = Number.POSITIVE_INFINITY): Point | null {
  for (let i = firstIndexAbove(points.step, atOrBefore) - 1; i >= 0; i--) {
    const value = points.value[i];
    if (value !== null && value !== undefined) return { step: points.step[i] as number, value };
  }
  return null;
}

/** Measured minus the target at the last update that was due; null before the first. */
export function differenceAt(plan: Plan, point: Point): number | null {
  const due = dueTarget(plan, point.step);
  return due && point.value - due.value;
}

export function isOff(plan: Plan, difference: number | null): boolean {
  // Values are float32: a difference of exactly the tolerance must not tip over by rounding.
  return difference !== null && Math.abs(difference) > plan.tolerance + 1e-6;
}

/** The first step of the trailing stretch of points that are off schedule; null if it is on. */
export function offSince(plan: Plan, points: Points): number | null {
  let since: number | null = null;
  for (let i = points.step.length - 1; i >= 0; i--) {
    const value = points.value[i];
    if (value === null || value === undefined) continue;
    const step = points.step[i] as number;
    if (!isOff(plan, differenceAt(plan, { step, value }))) break;
    since = step;
  }
  return since;
}

function deviations(run: Run, known: Known): { layers: number | null; off: Deviation[] } {
  const layers = new Set<string>();
  const off: Deviation[] = [];
  let arrived = true;
  for (const weight of run.manifest?.weights ?? []) {
    if (!scheduleOf(run.manifest, weight)) continue;
    const latest = known.latest(weight.name);
    if (latest === undefined) arrived = false;
    const point = latest && lastPoint(latest);
    const plan = weightPlan(run.manifest, weight.name);
    if (!point || !plan) continue;
    layers.add(weight.layer);
    const difference = differenceAt(plan, point);
    if (difference === null || !isOff(plan, difference)) continue;
    const history = known.history(weight.name);
    const since = history ? offSince(plan, history) : null;
    off.push({ weight: weight.name, layer: weight.layer, difference, since });
  }
  off.sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference));
  return { layers: arrived ? layers.size : null, off };
}

function rangeOf(run: Run, known: Known): [number, number] | null {
  const values: number[] = [];
  for (const weight of run.tags.sparsity ?? []) {
    const latest = known.latest(weight);
    const point = latest && lastPoint(latest);
    if (point) values.push(point.value);
  }
  return values.length ? [Math.min(...values), Math.max(...values)] : null;
}

/** The size-weighted mean of the pruned weights, where a log has no total of its own. */
function meanOfWeights(run: Run, known: Known): Point | null {
  let [sum, size, step] = [0, 0, 0];
  for (const weight of run.manifest?.weights ?? []) {
    if (!scheduleOf(run.manifest, weight)) continue;
    const latest = known.latest(weight.name);
    const point = latest && lastPoint(latest);
    if (!point) return null;
    sum += weight.size * point.value;
    size += weight.size;
    step = Math.max(step, point.step);
  }
  return size > 0 ? { step, value: sum / size } : null;
}

function phaseOf(plan: Plan, point: Point, totalSteps: number | null): Phase {
  const { step } = point;
  const begin = beginOf(plan);
  const end = endOf(plan);
  if (step < begin) return totalSteps !== null && totalSteps < begin ? "never-begins" : "not-begun";
  if (step >= end) return "done";
  const ended = totalSteps !== null && step >= totalSteps;
  // A schedule that is already at its final value has nothing left to do but to hold it.
  const due = dueTarget(plan, step);
  const arrived = due !== null && Math.abs(due.value - finalTarget(plan)) <= plan.tolerance;
  if (arrived) return "done";
  return ended ? "ended-short" : "going";
}

function isAllKnown(run: Run, known: Known): boolean {
  const weights = run.manifest?.weights ?? [];
  return known.total !== undefined && weights.every(({ name }) => known.latest(name) !== undefined);
}

/** What became of one run, from what has arrived so far. */
export function statusOf(run: Run, known: Known): RunStatus {
  const plan = totalPlan(run.manifest);
  const total = known.total && lastPoint(known.total);
  const point = total || (known.total === undefined ? null : meanOfWeights(run, known));
  const status: RunStatus = {
    phase: "loading",
    step: point?.step ?? null,
    measured: point?.value ?? null,
    plan,
    totalSteps: run.manifest?.total_steps ?? null,
    layers: null,
    off: [],
    range: null,
    weights: run.tags.sparsity?.length ?? 0,
  };
  if (!run.manifest) return { ...status, phase: "no-schedule", range: rangeOf(run, known) };
  if (!plan) return { ...status, phase: "nothing-scheduled", range: rangeOf(run, known) };
  if (!point) return { ...status, phase: isAllKnown(run, known) ? "nothing-logged" : "loading" };
  const phase = phaseOf(plan, point, status.totalSteps);
  return { ...status, phase, ...deviations(run, known) };
}

export function isProblem(status: RunStatus): boolean {
  return (
    status.off.length > 0 ||
    status.phase === "ended-short" ||
    status.phase === "never-begins" ||
    (status.plan !== null &&
      status.step !== null &&
      status.measured !== null &&
      isOff(status.plan, differenceAt(status.plan, { step: status.step, value: status.measured })))
  );
}
