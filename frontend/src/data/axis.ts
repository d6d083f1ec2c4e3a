import { TAG_PREFIXES, TOTAL_TAGS } from "../names";
import { type Frame, firstIndexAbove } from "./schedule";
import type { Logged, Points, Run } from "./types";

/** The horizontal axis of the charts: steps, or the time that they were logged at. */

export const AXES = ["step", "relative", "wall"] as const;
export type Axis = (typeof AXES)[number];

/** A part of an axis; on another axis it says nothing. */
export interface Zoom {
  axis: Axis;
  range: readonly [number, number];
}

/**
 * Where a run's steps lie on an axis of time, as far as its own points tell: between two of them
 * on a straight line, before the first and after the last nowhere. So a schedule is drawn on such an
 * axis from the first logged step to the last: when its later steps will be trained, nobody knows.
 */
export interface Clock {
  step: readonly number[];
  place: readonly number[];
  /** The time of the run's first point. */
  start: number;
}

/** The tag that tells a run's times: one that is written at each logged step. None, or one. */
export function clockTag({ tags }: Run): string[] {
  const all = (["sparsity_total", "sparsity", "metrics"] as const).flatMap((category) =>
    (tags[category] ?? []).map((name) => TAG_PREFIXES[category] + name),
  );
  return all.includes(TOTAL_TAGS.pruned) ? [TOTAL_TAGS.pruned] : all.slice(0, 1);
}

export function clockFrom(axis: Axis, points: Logged): Clock | null {
  const [start] = forward(points.wall_time);
  if (start === undefined) return null;
  return { step: points.step, place: placesOn(axis, points, start), start };
}

/** From the first point of all runs to the last of any of them; null while no time is known. */
export function timeDomain(
  axis: Axis,
  runs: readonly { run: Run; clock: Clock | null | undefined }[],
): [number, number] | null {
  const known = runs.flatMap(({ run, clock }) => (clock ? [{ run, clock }] : []));
  const from = axis === "relative" ? 0 : Math.min(...known.map(({ clock }) => clock.start));
  const ends = known.map(({ run, clock }) => {
    // Other tags may go on for longer, metrics that are known at the end of an epoch.
    const last = (run.last_wall_time ?? 0) - (axis === "relative" ? clock.start : 0);
    return Math.max(last, clock.place.at(-1) ?? from);
  });
  const to = Math.max(...ends);
  if (known.length === 0) return null;
  return [from, to > from ? to : from + 1];
}

const FORWARD = new WeakMap<readonly number[], number[]>();
/** Apart by so much, two times are two numbers also when counted from 1970. */
const TICK = 1e-6;

/**
 * Times that only go forward. A clock that was put back, or another machine's, stands still here
 * until it is caught up: curves are functions of time.
 */
export function forward(times: readonly number[]): number[] {
  let made = FORWARD.get(times);
  if (!made) {
    let before = Number.NEGATIVE_INFINITY;
    made = times.map((time) => {
      before = Math.max(time, before + TICK);
      return before;
    });
    FORWARD.set(times, made);
  }
  return made;
}

const PLACES = new WeakMap<readonly number[], { start: number; places: number[] }>();

/** Where points lie on an axis; `start` is the time of the run's first point. */
export function placesOn(
  axis: Axis,
  points: Logged,
  start = forward(points.wall_time)[0] ?? 0,
): number[] {
  if (axis === "step") return points.step;
  const times = forward(points.wall_time);
  if (axis === "wall") return times;
  // Charts are drawn again where the array is another one.
  const known = PLACES.get(times);
  if (known?.start === start) return known.places;
  const places = times.map((time) => time - start);
  PLACES.set(times, { start, places });
  return places;
}

/** The value at `x` on straight lines between points; null beyond their ends. */
export function between(xs: readonly number[], ys: readonly number[], x: number): number | null {
  const after = firstIndexAbove(xs, x);
  const [x0, y0, x1, y1] = [xs[after - 1], ys[after - 1], xs[after], ys[after]];
  if (x0 === undefined || y0 === undefined) return null;
  if (x === x0) return y0;
  if (x1 === undefined || y1 === undefined) return null;
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

/** The step that points have reached at a place on the axis; -1 before the first. */
export function stepReached(points: Points, places: readonly number[], at: number): number {
  return points.step[firstIndexAbove(places, at) - 1] ?? -1;
}

/** Where a step of these points lies. */
export function placeOfStep(
  points: Points,
  places: readonly number[],
  step: number,
): number | null {
  return places[firstIndexAbove(points.step, step) - 1] ?? null;
}

/** A configured curve over a run's clock: bent at each of its points. */
export function curveOn(clock: Clock, curve: Points): { place: number[]; value: number[] } {
  const corners = curve.step.filter((step) => between(clock.step, clock.place, step) !== null);
  const values = curve.value as number[];
  const place: number[] = [];
  const value: number[] = [];
  for (const step of [...new Set([...corners, ...clock.step])].sort((a, b) => a - b)) {
    const [at, v] = [between(clock.step, clock.place, step), between(curve.step, values, step)];
    if (at === null || v === null) continue;
    place.push(at);
    value.push(v);
  }
  return { place, value };
}

/** The steps from `begin` to `end` on a run's clock, cut to what it knows; null: nothing of it. */
export function spanOn(
  { step, place }: Clock,
  { begin, end }: Pick<Frame, "begin" | "end">,
): { begin: number; end: number } | null {
  const [first, last] = [step[0], step.at(-1)];
  if (first === undefined || last === undefined) return null;
  if (begin > last || (end !== null && end < first)) return null;
  const [from, to] = [Math.max(begin, first), Math.min(end ?? last, last)];
  return { begin: between(step, place, from) as number, end: between(step, place, to) as number };
}
