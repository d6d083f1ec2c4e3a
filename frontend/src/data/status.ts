import {
  beginOf,
  dueTarget,
  endOf,
  finalTarget,
  firstIndexAbove,
  isScheduled,
  type Plan,
  planOf,
  scheduleOf,
  toleranceOf,
  totalPlan,
} from "./schedule";
import { type Dead, deadOf, type Fall, fallOf, notFiniteSince } from "./troubles";
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

/** A metric that has no finite value any more. */
export interface Broken {
  metric: string;
  since: number;
}

/** Where weights were zero and are so no more; without a name: in the total. */
export interface Revival extends Fall {
  weight: string | null;
  /** Training was resumed between the two points. */
  resumed: boolean;
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
  broken: Broken[];
  revived: Revival[];
  dead: Dead[];
  /** The least and the most sparse of the pruned weights. */
  ends: [Named, Named] | null;
  /** Seconds since anything was logged, where that is so long that training seems to have stopped. */
  silent: number | null;
  /** Lowest and highest sparsity of any weight, for logs without a total. */
  range: [number, number] | null;
  weights: number;
}

export interface Named {
  weight: string;
  value: number;
}

/** In a few words; `trouble` says whether the words are set as a problem. */
export interface StatusWords {
  text: string;
  trouble: boolean;
}

/** So many are looked into. */
const SUSPECTS = 400;
/** Totals are float32: less than this is no fall. */
const LEAST_FALL = 1e-5;

/** Nothing written for so long, and a training is taken to have ended. */
const LIVE_SECONDS = 90;

/** Whether a run's training still goes on, as far as its log tells; `now` in seconds since 1970. */
export function isLive({ last_step, last_wall_time, manifest }: Run, now: number): boolean {
  const total = manifest?.total_steps ?? null;
  if (total !== null && (last_step ?? 0) >= total) return false;
  return last_wall_time !== null && Math.abs(now - last_wall_time) < LIVE_SECONDS;
}

/** An epoch may take minutes; whoever writes nothing for this long has most likely stopped. */
const SILENT_SECONDS = 3600;

/** For how long a run that has steps to go has been silent; null where that means nothing. */
function silenceOf({ last_step, last_wall_time, manifest }: Run, now: number | null) {
  const total = manifest?.total_steps ?? null;
  if (now === null || !last_wall_time || (total !== null && (last_step ?? 0) >= total)) return null;
  const silent = now - last_wall_time;
  return silent > SILENT_SECONDS ? silent : null;
}

type Curve = Points | null | undefined;

/** What is known of a run; undefined: not arrived yet, null: not in the log. */
export interface Known {
  total: Curve;
  latest: (weight: string) => Curve;
  history: (weight: string) => Curve;
  totalHistory?: Curve;
  /** The last value; where that isn't finite, the whole curve. */
  metric?: (name: string) => Curve;
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

function deviations(run: Run, known: Known): Pick<RunStatus, "layers" | "off" | "ends"> {
  const layers = new Set<string>();
  const off: Deviation[] = [];
  let ends: RunStatus["ends"] = null;
  let arrived = true;
  const logged = new Set(run.tags.sparsity);
  for (const weight of run.manifest?.weights ?? []) {
    const plan = planOf(run.manifest, weight);
    if (!plan || !logged.has(weight.name)) continue;
    const latest = known.latest(weight.name);
    if (latest === undefined) arrived = false;
    const point = latest && lastPoint(latest);
    if (!point) continue;
    layers.add(weight.layer);
    const named = { weight: weight.name, value: point.value };
    if (!ends) ends = [named, named];
    else if (point.value < ends[0].value) ends = [named, ends[1]];
    else if (point.value > ends[1].value) ends = [ends[0], named];
    const difference = differenceAt(plan, point);
    if (difference === null || !isOff(plan, difference)) continue;
    const history = known.history(weight.name);
    const since = history ? offSince(plan, history) : null;
    off.push({ weight: weight.name, layer: weight.layer, difference, since });
  }
  off.sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference));
  return { layers: arrived ? layers.size : null, off, ends };
}

function deadWeights(run: Run, known: Known): Dead[] {
  return weightsOf(run).flatMap(({ name, weight, plan }) => {
    const latest = known.latest(name);
    const point = latest && lastPoint(latest);
    return (point && deadOf(name, weight?.size ?? null, point, plan)) || [];
  });
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

function phaseOf(plan: Plan, { step }: Point, totalSteps: number | null, silent: boolean): Phase {
  const begin = beginOf(plan);
  const end = endOf(plan);
  if (step < begin) {
    const never = silent || (totalSteps !== null && totalSteps < begin);
    return never ? "never-begins" : "not-begun";
  }
  if (step >= end) return "done";
  // A schedule that is already at its final value has nothing left to do but to hold it.
  const due = dueTarget(plan, step);
  const arrived = due !== null && Math.abs(due.value - finalTarget(plan)) <= plan.tolerance;
  if (arrived) return "done";
  const ended = silent || (totalSteps !== null && step >= totalSteps);
  return ended ? "ended-short" : "going";
}

function brokenOf(run: Run, { metric }: Known): Broken[] {
  return (run.tags.metrics ?? []).flatMap((name) => {
    const points = metric?.(name);
    const since = points ? notFiniteSince(points) : null;
    return since === null ? [] : [{ metric: name, since }];
  });
}

/** All falls, the deepest first, the total's before those of its weights. */
function revivalsOf(run: Run, known: Known): Revival[] {
  const first = run.manifest?.first_step ?? 1;
  const found = (points: Curve, weight: string | null, plan: Plan | null, tolerance: number) => {
    const fall = points ? fallOf(points, plan, tolerance) : null;
    if (!fall) return [];
    const resumed = first > 1 && fall.from.step < first && first <= fall.to.step;
    return [{ ...fall, weight, resumed }];
  };
  const all = weightsOf(run).flatMap(({ name, weight, plan }) =>
    found(known.history(name), name, plan, toleranceOf(weight)),
  );
  const depth = ({ from, to }: Fall) => from.value - to.value;
  all.sort((a, b) => depth(b) - depth(a));
  if (all.length === 1) return all;
  const plan = totalPlan(run.manifest);
  const tolerance = plan?.tolerance ?? toleranceOf(undefined);
  return [...found(known.totalHistory, null, plan, tolerance), ...all];
}

/** The measured weights, with what is known of their configuration. */
function weightsOf({ tags, manifest }: Run) {
  const described = new Map(manifest?.weights.map((weight) => [weight.name, weight]));
  return (tags.sparsity ?? []).map((name) => {
    const weight = described.get(name);
    return { name, weight, plan: weight ? planOf(manifest, weight) : null };
  });
}

/**
 * Weights whose whole curves are needed: those off schedule, to tell since when, and where the total
 * fell ever so little, or is not in the log, all of them: some may have fallen.
 */
export function suspects(run: Run, known: Known): string[] {
  const { totalHistory: total } = known;
  const fell = total ? fallOf(total, totalPlan(run.manifest), LEAST_FALL) !== null : total === null;
  const { off } = deviations(run, { ...known, history: () => undefined });
  const all = fell ? (run.tags.sparsity ?? []) : [];
  return [...new Set([...off.map(({ weight }) => weight), ...all])].slice(0, SUSPECTS);
}

function isAllKnown(run: Run, known: Known): boolean {
  // What the manifest names and the log has no tag of is not on its way.
  const weights = run.tags.sparsity ?? [];
  return known.total !== undefined && weights.every((name) => known.latest(name) !== undefined);
}

/** What became of one run, from what has arrived so far; `now` in seconds since 1970. */
export function statusOf(run: Run, known: Known, now: number | null = null): RunStatus {
  const plan = totalPlan(run.manifest);
  const total = known.total && lastPoint(known.total);
  const point = total || (known.total === undefined ? null : meanOfWeights(run, known));
  const silent = silenceOf(run, now);
  const status: RunStatus = {
    phase: "loading",
    step: point?.step ?? null,
    measured: point?.value ?? null,
    plan,
    totalSteps: run.manifest?.total_steps ?? null,
    layers: null,
    off: [],
    broken: brokenOf(run, known),
    revived: revivalsOf(run, known),
    dead: deadWeights(run, known),
    ends: null,
    silent,
    range: null,
    weights: run.tags.sparsity?.length ?? 0,
  };
  if (!run.manifest || (!plan && isScheduled(run.manifest))) {
    return { ...status, phase: "no-schedule", range: rangeOf(run, known) };
  }
  if (!plan) return { ...status, phase: "nothing-scheduled", range: rangeOf(run, known) };
  if (!point) return { ...status, phase: isAllKnown(run, known) ? "nothing-logged" : "loading" };
  const phase = phaseOf(plan, point, status.totalSteps, silent !== null);
  return { ...status, phase, ...deviations(run, known) };
}

/** What a run that is on its way will reach, where training ends too early for all of it. */
export function reachedInTime({ phase, plan, totalSteps }: RunStatus): number | null {
  if (phase !== "going" || !plan || totalSteps === null || totalSteps >= endOf(plan)) return null;
  const reached = dueTarget(plan, totalSteps)?.value ?? 0;
  return Math.abs(reached - finalTarget(plan)) > plan.tolerance ? reached : null;
}

export function isProblem(status: RunStatus): boolean {
  const { phase, plan, step, measured, broken, revived, dead } = status;
  return (
    status.off.length > 0 ||
    phase === "ended-short" ||
    phase === "never-begins" ||
    reachedInTime(status) !== null ||
    (plan !== null &&
      step !== null &&
      measured !== null &&
      isOff(plan, differenceAt(plan, { step, value: measured }))) ||
    broken.length > 0 ||
    revived.length > 0 ||
    dead.some(({ configured }) => !configured)
  );
}
