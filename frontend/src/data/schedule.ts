import type { Manifest, Pattern, Schedule, Weight } from "./types";

/**
 * The step of the last mask update that was due by `step`; null before the first one.
 * Updates come at begin, begin + frequency, ... and always at the end step itself.
 */
export function lastDueUpdate(schedule: Schedule, step: number): number | null {
  const { begin_step: begin, end_step: end } = schedule;
  if (step < begin) return null;
  if (end !== null && step >= end) return end;
  const every = Math.max(1, schedule.frequency);
  return begin + Math.floor((step - begin) / every) * every;
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

/** How many entries of a weight the mask cuts at once: no pattern can hit a target more finely. */
function grain(pattern: Pattern | undefined): number {
  return pattern?.type === "block" ? pattern.height * pattern.width : 1;
}

export function scheduleOf(manifest: Manifest | null, weight: Weight): Schedule | null {
  if (manifest === null || weight.schedule === null) return null;
  return manifest.schedules[weight.schedule] ?? null;
}

/** The plan of one weight; null where the run configures none. */
export function weightPlan(manifest: Manifest | null, name: string): Plan | null {
  const weight = manifest?.weights.find((w) => w.name === name);
  const schedule = weight && scheduleOf(manifest, weight);
  if (!weight || !schedule) return null;
  const tolerance = Math.max(TOLERANCE, grain(weight.pattern) / Math.max(1, weight.size));
  return { parts: [{ size: weight.size, schedule }], tolerance };
}

/** The plan of `sparsity_total/pruned`: all weights that have a schedule. */
export function totalPlan(manifest: Manifest | null): Plan | null {
  const bySchedule = new Map<Schedule, number>();
  let size = 0;
  for (const weight of manifest?.weights ?? []) {
    const schedule = scheduleOf(manifest, weight);
    if (!schedule) continue;
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

export function beginOf(plan: Plan): number {
  return Math.min(...plan.parts.map((part) => part.schedule.begin_step));
}

/** The step after which no mask changes; null: never. */
export function endOf(plan: Plan): number | null {
  const ends = plan.parts.map((part) => part.schedule.end_step);
  return ends.includes(null) ? null : Math.max(...(ends as number[]));
}

/** What the schedules lead to. */
export function finalTarget(plan: Plan): number {
  let sum = 0;
  let size = 0;
  for (const { schedule, size: weight } of plan.parts) {
    const last = schedule.target.step.at(-1) ?? schedule.begin_step;
    const end = Math.max(schedule.end_step ?? last, last);
    sum += weight * (targetAt(schedule, end) ?? 0);
    size += weight;
  }
  return sum / size;
}

/** The configured curve up to a step, as corner points of straight lines. */
export function targetCurve(plan: Plan, lastStep: number): { step: number[]; value: number[] } {
  const begin = beginOf(plan);
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

export function framesOf(plan: Plan): Frame[] {
  return plan.parts.map(({ schedule }) => ({
    begin: schedule.begin_step,
    end: schedule.end_step,
    frequency: Math.max(1, schedule.frequency),
  }));
}
