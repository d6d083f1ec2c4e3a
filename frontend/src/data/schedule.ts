import type { Manifest, Phase, Schedule, Weight } from "./types";

/** The stretches of steady mask updates, in order and apart. */
function phasesOf(schedule: Schedule): Phase[] {
  return schedule.phases?.length ? schedule.phases : [schedule];
}

/**
 * The step of the last mask update that was due by `step`; null before the first one.
 * Training counts from 1: nothing happens at step 0.
 */
export function lastDueUpdate(schedule: Schedule, step: number): number | null {
  for (const { begin_step: begin, end_step: end, frequency } of phasesOf(schedule).toReversed()) {
    if (step < begin) continue;
    const every = Math.max(1, frequency);
    const last = begin + Math.floor((step - begin) / every) * every;
    const due = end === null || step < end ? last : end;
    if (due > 0) return due;
  }
  return null;
}

/** The step of the first mask update at or after `step`; null if there is none. */
function nextUpdate(schedule: Schedule, step: number): number | null {
  const from = Math.max(1, step);
  for (const { begin_step: begin, end_step: end, frequency } of phasesOf(schedule)) {
    if (end !== null && end < from) continue;
    const every = Math.max(1, frequency);
    const next = begin + Math.max(0, Math.ceil((from - begin) / every)) * every;
    return end === null ? next : Math.min(next, end);
  }
  return null;
}

/** The configured sparsity at a step: straight lines between samples, constant after the last. */
export function targetAt(schedule: Schedule, step: number): number | null {
  const { step: steps, value } = schedule.target;
  if (step < schedule.begin_step || steps.length === 0) return null;
  const after = firstIndexAbove(steps, step);
  if (after === 0) return value[0] ?? null;
  const before = after - 1;
  const v0 = value[before] as number;
  if (after === steps.length) return v0;
  const [x0, x1, v1] = [steps[before], steps[after], value[after]] as [number, number, number];
  return v0 + ((v1 - v0) * (step - x0)) / (x1 - x0);
}

/** Index of the first entry greater than `x` in a sorted list; its length if there is none. */
export function firstIndexAbove(sorted: readonly number[], x: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A target that was due, and the step of the update that it belongs to. */
export interface DueTarget {
  step: number;
  value: number;
}

/** One weight with its schedule, or several that are judged together as one size-weighted mean. */
export interface Plan {
  parts: { size: number; schedule: Schedule }[];
  /** Differences up to this are no deviation. */
  tolerance: number;
}

const TOLERANCE = 0.005;

/** The share of a weight that the mask cuts at once: no pattern can hit a target more finely. */
function grain({ pattern, size }: Weight): number {
  if (pattern?.type === "channel") return 1 / Math.max(1, pattern.count);
  const entries = pattern?.type === "block" ? pattern.height * pattern.width : 1;
  return entries / Math.max(1, size);
}

export function scheduleOf(manifest: Manifest | null, weight: Weight): Schedule | null {
  if (manifest === null || weight.schedule === null) return null;
  return manifest.schedules[weight.schedule] ?? null;
}

/** Whether any weight has a schedule, also one whose target the log doesn't tell. */
export function isScheduled(manifest: Manifest): boolean {
  return manifest.weights.some((weight) => scheduleOf(manifest, weight) !== null);
}

/** A schedule that Python could not evaluate has no target to hold anything against. */
function isKnown({ target }: Schedule): boolean {
  return target.step.length > 0 && target.value.every(Number.isFinite);
}

/** Differences of a weight up to this are no deviation, whether it has a schedule or not. */
export function toleranceOf(weight: Weight | undefined): number {
  return weight ? Math.max(TOLERANCE, grain(weight)) : TOLERANCE;
}

/** The plan of one weight; null where the run configures none, or the log doesn't tell it. */
export function weightPlan(manifest: Manifest | null, name: string): Plan | null {
  const weight = manifest?.weights.find((w) => w.name === name);
  return weight ? planOf(manifest, weight) : null;
}

export function planOf(manifest: Manifest | null, weight: Weight): Plan | null {
  const schedule = scheduleOf(manifest, weight);
  if (!schedule || !isKnown(schedule)) return null;
  return { parts: [{ size: weight.size, schedule }], tolerance: toleranceOf(weight) };
}

/** The plan of `sparsity_total/pruned`: all weights that have a schedule; null if one isn't told. */
export function totalPlan(manifest: Manifest | null): Plan | null {
  const bySchedule = new Map<Schedule, number>();
  let size = 0;
  for (const weight of manifest?.weights ?? []) {
    const schedule = scheduleOf(manifest, weight);
    if (!schedule) continue;
    if (!isKnown(schedule)) return null;
    bySchedule.set(schedule, (bySchedule.get(schedule) ?? 0) + weight.size);
    size += weight.size;
  }
  if (size === 0) return null;
  const parts = [...bySchedule].map(([schedule, size]) => ({ size, schedule }));
  return { parts, tolerance: Math.max(TOLERANCE, 1 / size) };
}

/** The mean of the parts' targets, each at its own last due update; null before any has begun. */
export function dueTarget(plan: Plan, step: number): DueTarget | null {
  let latest: number | null = null;
  let sum = 0;
  let size = 0;
  for (const part of plan.parts) {
    size += part.size;
    const due = lastDueUpdate(part.schedule, step);
    if (due === null) continue;
    latest = Math.max(latest ?? due, due);
    sum += part.size * (targetAt(part.schedule, due) ?? 0);
  }
  return latest === null ? null : { step: latest, value: sum / size };
}

/** The step of the first mask update. */
export function beginOf(plan: Plan): number {
  const firsts = plan.parts.map(({ schedule }) => nextUpdate(schedule, 1) ?? schedule.begin_step);
  return Math.min(...firsts);
}

/** What a schedule leads to, and the step of the update that brings it. */
function outcome(schedule: Schedule): DueTarget {
  const { step: steps, value: values } = schedule.target;
  const last = steps.at(-1) ?? schedule.begin_step;
  if (schedule.end_step !== null) {
    const value = targetAt(schedule, Math.max(schedule.end_step, last)) ?? 0;
    return { step: schedule.end_step, value };
  }
  // Without an end, it is what the last update that the samples reach has in common with those before it.
  const due = lastDueUpdate(schedule, last) ?? nextUpdate(schedule, last) ?? last;
  const value = targetAt(schedule, due) ?? 0;
  let since = due;
  for (let i = firstIndexAbove(steps, due) - 1; i >= 0 && values[i] === value; i--)
    since = steps[i] as number;
  return { step: nextUpdate(schedule, since) ?? since, value };
}

/** The step of the update that brings the final target. */
export function endOf(plan: Plan): number {
  return Math.max(...plan.parts.map(({ schedule }) => outcome(schedule).step));
}

/** What the schedules lead to. */
export function finalTarget(plan: Plan): number {
  let sum = 0;
  let size = 0;
  for (const part of plan.parts) {
    sum += part.size * outcome(part.schedule).value;
    size += part.size;
  }
  return sum / size;
}

/** The configured curve up to a step, as corner points of straight lines. */
export function targetCurve(plan: Plan, lastStep: number): { step: number[]; value: number[] } {
  const begin = Math.min(...plan.parts.map(({ schedule }) => schedule.begin_step));
  const corners = new Set<number>([begin, Math.max(begin, lastStep)]);
  for (const { schedule } of plan.parts) {
    corners.add(schedule.begin_step);
    // A part that begins later makes the mean jump: the corner before it keeps the jump upright.
    if (schedule.begin_step > begin) corners.add(Math.max(begin, schedule.begin_step - 1));
    for (const step of schedule.target.step) if (step >= begin) corners.add(step);
  }
  const step = [...corners].filter((s) => s <= Math.max(begin, lastStep)).sort((a, b) => a - b);
  const total = plan.parts.reduce((sum, part) => sum + part.size, 0);
  const value = step.map(
    (s) => plan.parts.reduce((sum, p) => sum + p.size * (targetAt(p.schedule, s) ?? 0), 0) / total,
  );
  return { step, value };
}

/** Which parts of the schedules' frame a chart draws: ranges as bands, updates as ticks. */
export interface Frame {
  begin: number;
  end: number | null;
  frequency: number;
}

/** Those of each schedule. */
export function framesOf(plan: Plan): Frame[][] {
  return plan.parts.map(({ schedule }) =>
    phasesOf(schedule).map((phase) => ({
      begin: phase.begin_step,
      end: phase.end_step,
      frequency: Math.max(1, phase.frequency),
    })),
  );
}
